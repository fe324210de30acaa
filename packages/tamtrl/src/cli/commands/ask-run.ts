/** One reading from its arguments to its answer. */
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { count, counted, duration } from '../../base/format.js';
import { LockError, lockFile } from '../../base/lock.js';
import { given } from '../../base/objects.js';
import type { Budgets } from '../../memory/frames.js';
import { readerSettings, readingDifferences, readingFrom } from '../../memory/reading-settings.js';
import { savedReading } from '../../models/reading-file.js';
import { checkEncoding } from '../../reader/decoding.js';
import { ReaderError } from '../../reader/errors.js';
import { charactersOf, documentsNamed } from '../../reader/files/named.js';
import { textOfFiles } from '../../reader/files/several.js';
import { type Answer, MemoryReader } from '../../reader/reader.js';
import { loadState, saveState } from '../../reader/saved-state.js';
import type { MemoryPiece } from '../../reader/state.js';
import { EXIT, UsageError } from '../terminal/errors.js';
import type { Io } from '../terminal/io.js';
import { MemoryView } from '../terminal/memory-view.js';
import { type ModelFlags, namedModel, noteOn, openForCommand } from '../terminal/models.js';

export interface AskFlags extends ModelFlags {
  question?: string[];
  model?: string;
  questionTokens?: number;
  chunkTokens?: number;
  memoryTokens?: number;
  answerTokens?: number;
  state?: string;
  encoding?: string;
  quiet?: boolean;
  json?: boolean;
}

export async function runAsk(...[inputs, flags, ...rest]: Parameters<typeof askOnce>): Promise<number> {
  if (flags.state === undefined) return askOnce(inputs, flags, ...rest);
  const unlock = await lockState(flags.state);
  try {
    return await askOnce(inputs, flags, ...rest);
  } finally {
    await unlock();
  }
}

/** Two readings that save to one file would each go on from the other's. */
async function lockState(path: string): Promise<() => Promise<void>> {
  try {
    return await lockFile(path);
  } catch (error) {
    if (LockError.isInstance(error)) throw error;
    throw new UsageError(`--state: cannot write to ${dirname(path)}: ${(error as Error).message}.`);
  }
}

async function askOnce(
  inputs: readonly string[],
  flags: AskFlags,
  io: Io,
  signal: AbortSignal,
  started: () => void,
): Promise<number> {
  const questions = flags.question ?? [await lastQuestion(inputs)];
  const tell = noteOn(io);
  const named = flags.question ? inputs : inputs.slice(0, -1);
  if (named.length === 0)
    throw new UsageError(
      'There is nothing to read: name files (or - for stdin) before the question, as in tamtrl ask book.txt "Who did it?"',
    );
  const paths = await documentsNamed(named, (text) => tell(`${text}.`));
  const address = flags.model ?? (process.env.TAMTRL_MODEL || undefined);
  if (address === undefined) {
    throw new UsageError(
      'No model is named. Give --model (or set TAMTRL_MODEL): a .gguf file or model folder on this machine, hf:owner/name to download one, or openai:URL#MODEL for a server.',
    );
  }
  if (flags.encoding !== undefined) checkEncoding(flags.encoding);
  const state = flags.state === undefined ? undefined : await loadState(flags.state);
  const total = await charactersOf(paths);
  const model = await namedModel(address, noteOn(io));
  const trained = readingFrom(await savedReading(model));
  const { questionTokens, chunkTokens, memoryTokens, answerTokens } = flags;
  const limits = { questionTokens, chunkTokens, memoryTokens, answerTokens };
  for (const line of readingDifferences({ ...limits, thinking: flags.thinking }, trained)) io.err(`${line}\n`);
  const opening = { ...flags, thinking: flags.thinking ?? trained?.thinking };
  let view: MemoryView | undefined;
  const note = (text: string) => {
    view?.end();
    tell(text);
  };
  const loading = { signal, ...given({ encoding: flags.encoding }), onNote: (text: string) => note(`${text}.`) };
  const policy = await openForCommand(model, opening, { note, signal });
  try {
    const reader = new MemoryReader({
      ...readerSettings(trained, limits),
      model: policy,
      question: questions,
      state,
      signal,
    });
    if (state && reader.turns > 0)
      io.err(`Continuing after ${counted(reader.turns, 'chunk')}, ${count(state.position)} characters\n`);
    view = new MemoryView(io, flags.quiet === true, questions.length, state?.position ?? 0, total);
    const memory: string[] = [];
    let begun = false;
    let empty = 0;
    for await (const event of reader.read(textOfFiles(paths, loading), { whole: true })) {
      if (!begun) started();
      begun = true;
      memory.push(event.memories[0].memory);
      if (event.memories.some((each) => each.empty)) empty++;
      if (flags.state !== undefined) await saveState(flags.state, reader.state(), paths);
      view.show(event);
    }
    started();
    const waiting = reader.state().pending.trim() !== '';
    const answers = await reader.answer();
    if (waiting) memory.push(answers[0].memory);
    view.end();
    tellAnswers(answers, { memory, reader, turns: reader.turns + Number(waiting), json: flags.json === true }, io);
    const problem = nothingIn(answers, reader.budgets, empty);
    if (problem === undefined) return EXIT.success;
    io.err(`tamtrl: ${problem}\n`);
    return EXIT.failure;
  } catch (error) {
    if (ReaderError.isInstance(error, 'interrupted') && flags.state !== undefined && error.state) {
      await saveState(flags.state, error.state, paths);
      throw new ReaderError(
        'interrupted',
        `${error.message} ${counted(error.state.turns, 'chunk')} saved in ${flags.state}; the same command continues from there.`,
        { cause: error.cause, state: error.state },
      );
    }
    throw error;
  } finally {
    await policy.close();
  }
}

/** @throws UsageError if it is a file: the question was forgotten. */
async function lastQuestion(inputs: readonly string[]): Promise<string> {
  const last = inputs[inputs.length - 1];
  const found = inputs.length > 1 ? await stat(last).catch(() => undefined) : undefined;
  if (!found?.isFile() && !found?.isDirectory()) return last;
  throw new UsageError(
    `${last} is a ${found.isFile() ? 'file' : 'folder'}, but the last argument is the question. Add the question after it, or give it with -q.`,
  );
}

/** Why there is no answer; undefined if there is one to each question. */
function nothingIn(answers: readonly Answer[], { answerTokens }: Budgets, empty: number): string | undefined {
  const missing = answers.filter(({ answer }) => answer === '');
  if (missing.length === 0) return undefined;
  const [{ question, truncated }] = missing;
  const which = answers.length === 1 ? 'the question' : JSON.stringify(question);
  const why = truncated
    ? `All ${count(answerTokens)} tokens went into thoughts: raise --answer-tokens, or use --no-thinking.`
    : 'If the model can think, use --no-thinking. Also check that it is a chat model.';
  const chunks =
    empty === 0 ? '' : ` It wrote no memory after ${count(empty)} ${empty === 1 ? 'chunk' : 'chunks'} either.`;
  return `The model wrote nothing in answer to ${which}. ${why}${chunks}`;
}

function tellAnswers(
  answers: readonly Answer[],
  { memory, reader, turns, json }: { memory: string[]; reader: MemoryReader; turns: number; json: boolean },
  io: Io,
): void {
  const { prompt, output } = reader.tokens;
  const [first] = answers;
  if (json) {
    const several =
      answers.length > 1
        ? {
            answers: answers.map(({ question, answer, memory: last, provenance }) => ({
              question,
              answer,
              memory: last,
              provenance,
            })),
          }
        : {};
    const tokens = { prompt, output, total: prompt + output };
    io.out(
      `${JSON.stringify({ answer: first.answer, turns, memory, provenance: first.provenance, tokens, seconds: reader.seconds, ...several })}\n`,
    );
    return;
  }
  for (const { question, answer, provenance, truncated } of answers) {
    if (answers.length > 1) io.out(`${question}\n`);
    io.out(`${answer === '' ? '(no answer)' : answer}${truncated ? ' (cut off at the limit)' : ''}\n`);
    io.err(`${provenance.map(pieceLine).join('')}`);
  }
  io.err(
    `${counted(turns, 'chunk')}, ${count(prompt)} tokens read, ${count(output)} written, ${duration(reader.seconds)} in the model\n`,
  );
}

function pieceLine({ text, source }: MemoryPiece): string {
  const place = source?.place === undefined ? '' : `${source.place}, `;
  const from = source
    ? `${place}characters ${count(source.start)} to ${count(source.end)}, ${source.match}`
    : 'not found in the text';
  return `  ${text}  [${from}]\n`;
}
