/** A document read side by side: stretches of it at the same time, whose memories are merged (memory/parallel.ts). */

import { given } from '../base/objects.js';
import { ANY, atLeast, FUNCTION, type Rules } from '../base/option-rules.js';
import { runAgent } from '../memory/agent.js';
import { sameMemory } from '../memory/ahead.js';
import { fittingBudgets, promptsFor } from '../memory/asking.js';
import { answerIn } from '../memory/extract.js';
import { PromptFrames } from '../memory/frames.js';
import { readerSettings, readingFrom } from '../memory/reading-settings.js';
import { parallelOf } from '../memory/settings.js';
import type { Trajectory } from '../memory/trajectory.js';
import { type MemoryModel, plainText } from '../memory/turn.js';
import { type Chunk, chunkStream } from '../text/chunks.js';
import { checkDocument, checkOptions } from './check-options.js';
import { ReaderError } from './errors.js';
import type { Answer } from './events.js';
import { checkQuestion, checkSource, placedTextOf, type TextSource } from './input.js';
import { NAMED_MODEL_RULES } from './option-rules.js';
import { Places } from './places.js';
import { piecesOf } from './provenance.js';
import type { NamedModelOptions } from './read-document.js';
import type { MemoryPiece } from './state.js';
import type { ReadTokens } from './tokens.js';

export interface SideBySideOptions extends Omit<NamedModelOptions, 'state'> {
  document: TextSource;
  /** Chunks of a stretch; default: as the model was trained, else 1. */
  parallel?: number;
  /** Memories that one merge takes; default: as the model was trained, else 2. */
  mergeWidth?: number;
  /** Called after each update of a memory: chunks and merges so far, over all questions. */
  onProgress?: (done: { chunks: number; merges: number }) => void;
}

const { state: _, ...NAMED_RULES } = NAMED_MODEL_RULES;
const RULES: Rules<SideBySideOptions> = {
  ...NAMED_RULES,
  document: ANY,
  parallel: ANY,
  mergeWidth: atLeast(2),
  onProgress: FUNCTION,
};

export interface SideBySideReading {
  /** Answer to the first question. */
  answer: string;
  answers: Answer[];
  /** Chunks of the text. */
  chunks: number;
  /** Merges that asked the model, over all questions. */
  merges: number;
  tokens: ReadTokens & { total: number };
  /** Seconds spent reading. */
  seconds: number;
}

/**
 * Reads a document side by side for one question or several, and answers them. Its chunks are held in memory until the
 * end; there is no state to go on from, because a merge depends on all of the text.
 * @throws ReaderError, MemoryError or PolicyError that says what to do; the signal's reason if it is aborted.
 */
export async function readSideBySide(options: SideBySideOptions): Promise<SideBySideReading> {
  checkOptions(options, 'readSideBySide', RULES);
  checkDocument(options, 'readSideBySide');
  await checkQuestion(options.question);
  await checkSource(options.document);
  const { model: named } = options;
  if (typeof named !== 'string') return readWith(named, options);
  const { openModel } = await import('../models/open.js');
  const { savedReading } = await import('../models/reading-file.js');
  const trained = readingFrom(await savedReading(named));
  const { tokenizer, contextLength, thinking, allowHosts, onDownload, signal, prediction, cacheKey } = options;
  const { precision } = options;
  const opening = { tokenizer, contextLength, allowHosts, onDownload, signal, prediction, cacheKey, precision };
  const policy = await openModel(named, { ...opening, note: options.onNote, thinking: thinking ?? trained?.thinking });
  try {
    const { parallel = 0, mergeWidth } = trained ?? {};
    const asTrained = { ...readerSettings(trained, {}), ...given({ parallel: parallel || undefined, mergeWidth }) };
    return await readWith(policy, { ...asTrained, ...(given(options) as SideBySideOptions) });
  } finally {
    await policy.close();
  }
}

async function readWith(model: MemoryModel, options: SideBySideOptions): Promise<SideBySideReading> {
  const { document, parallel = 1, mergeWidth, empty, align, temperature = 0, seed = 0, signal } = options;
  const questions = typeof options.question === 'string' ? [options.question] : options.question;
  if (questions.length === 0 || questions.some((question) => question.trim() === ''))
    throw new ReaderError(
      'empty',
      'There is no question. Give at least one: the memory keeps what the question needs.',
    );
  const plan = parallelOf({ parallel, mergeWidth });
  if (!plan || !Number.isInteger(parallel))
    throw new ReaderError('input', `\`parallel\` is ${parallel}, expected a whole number of chunks, at least 1.`);
  const started = performance.now();
  const { prompts = promptsFor(model.tokenizer, model.capabilities?.prefixCache) } = options;
  const frames = new PromptFrames(model, prompts);
  const { questionTokens, chunkTokens, memoryTokens, answerTokens } = options;
  const limits = given({ questionTokens, chunkTokens, memoryTokens, answerTokens });
  const budgets = fittingBudgets(frames, model.contextLength, limits);
  const places = new Places();
  const text = places.record(placedTextOf(document, undefined, given({ onNote: options.onNote, signal })), 0);
  const chunks: Chunk[] = [];
  for await (const chunk of chunkStream(text, model.tokenizer, { chunkTokens: budgets.chunkTokens, align })) {
    signal?.throwIfAborted();
    chunks.push(chunk);
  }
  if (chunks.length === 0) throw new ReaderError('empty', 'The text is empty: there is nothing to answer from.');
  const done = { chunks: 0, merges: 0 };
  const groups = await runAgent(
    model,
    questions.map((question, at) => ({ id: `question ${at + 1}`, question, chunks })),
    {
      frames,
      budgets,
      empty,
      temperature,
      seed,
      signal,
      parallel: plan,
      keep: 'memories',
      onTurn: ({ kind, chunk }) => {
        if (kind === 'answer') return;
        if (chunk) done.chunks++;
        else done.merges++;
        options.onProgress?.({ ...done });
      },
    },
  );
  const tokens = { prompt: 0, output: 0 };
  const answers = groups.map(([trajectory], at): Answer => {
    for (const { promptTokens, outputTokens } of trajectory.turns) {
      tokens.prompt += promptTokens;
      tokens.output += outputTokens;
    }
    const last = trajectory.turns[trajectory.turns.length - 1];
    return {
      question: questions[at],
      answer: answerIn(trajectory.output, frames.format),
      output: trajectory.output,
      memory: plainText(model.tokenizer, last.memoryIds),
      provenance: provenanceOf(trajectory, chunks, places, model),
      truncated: last.stopReason === 'length',
    };
  });
  return {
    answer: answers[0].answer,
    answers,
    chunks: chunks.length,
    merges: done.merges,
    tokens: { ...tokens, total: tokens.prompt + tokens.output },
    seconds: (performance.now() - started) / 1000,
  };
}

/** Where the last memory comes from: its way back through merges and stretches to the chunks. */
function provenanceOf(
  { turns, initialMemoryIds }: Trajectory,
  chunks: readonly Chunk[],
  places: Places,
  { tokenizer }: MemoryModel,
): MemoryPiece[] {
  const pieces: MemoryPiece[][] = [];
  turns.forEach(({ kind, chunk, reads = [], memoryIds }, turn) => {
    const before = reads.flatMap((each) => pieces[each]);
    if (kind === 'answer') pieces[turn] = before;
    else if (sameMemory(memoryIds, initialMemoryIds)) pieces[turn] = [];
    else {
      const read = chunk && {
        index: chunk.index,
        text: chunks[chunk.index].text,
        start: chunk.start,
        placeOf: (from: number, to: number) => places.between(from, to),
      };
      pieces[turn] = piecesOf(plainText(tokenizer, memoryIds), before, read);
    }
  });
  return pieces[turns.length - 1];
}
