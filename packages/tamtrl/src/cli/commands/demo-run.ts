/** What `tamtrl demo` does: makes the text, reads it, and shows every change of the memory beside what caused it. */
import { count, duration, percent } from '../../base/format.js';
import { Books, EMBEDDED_BOOKS } from '../../data/babi/books.js';
import type { BabiTask } from '../../data/babi/events.js';
import { type BabilongRecord, babilongRecord, simulatedQuestion } from '../../data/generators/babilong.js';
import { runAgent } from '../../memory/agent.js';
import { fittingBudgets, promptsFor } from '../../memory/asking.js';
import { PromptFrames } from '../../memory/frames.js';
import { babiPrompts } from '../../memory/prompts.js';
import type { ChunkPlace, Turn } from '../../memory/trajectory.js';
import { openModel } from '../../models/open.js';
import { scoreAnswer } from '../../reward/outcome.js';
import { chunkStream } from '../../text/chunks.js';
import { EXIT, UsageError } from '../terminal/errors.js';
import type { Io } from '../terminal/io.js';

/** Milliseconds between two lines of progress where nothing happens. */
const TELL_EVERY = 250;
const TELL_EVERY_PIPED = 5000;

export interface DemoFlags {
  task: BabiTask;
  tokens: number;
  books?: string[];
  seed: number;
  model: string;
  json?: boolean;
}

interface Change {
  turn: number;
  /** Facts of the story in the chunk that changed the memory. */
  facts: string[];
  memory: string;
}

/** @throws UsageError for a model of another kind; DataError for books that cannot be read or do not suffice. */
export async function runDemo(
  { task, tokens, books: paths, seed, model, json }: DemoFlags,
  io: Io,
  signal: AbortSignal,
  started: () => void,
): Promise<number> {
  const policy = await openModel(model, { signal });
  try {
    const format = promptsFor(policy.tokenizer);
    if (format !== babiPrompts)
      throw new UsageError(`--model: ${model} does not read such stories; expected babi, or a model trained from it.`);
    const frames = new PromptFrames(policy, format);
    const budgets = fittingBudgets(frames, policy.contextLength);
    const { tokenizer } = policy;
    const books = await Books.open(paths ?? [EMBEDDED_BOOKS], { anyWords: true });
    const settings = { tokens, tokenizer, books, seed, index: 0, repeatBooks: true };
    const record = babilongRecord(simulatedQuestion(task, seed, 0, tokens), settings);
    started();
    const { story } = record;
    const tell = (text: string) => (json ? undefined : io.out(`${text}\n`));
    tell(`${story.question}\n`);
    tell(
      `The ${count(story.sentences.length)} sentences of a story are scattered over ${count(tokens)} tokens of books. ${model} sees ${budgets.chunkTokens} of them at a time; from one chunk to the next it has only its memory.\n`,
    );
    const progress = new Progress(io, tokens);
    const changes: Change[] = [];
    let memory = format.initialMemory(story.question);
    let read = 0;
    const begun = performance.now();
    const chunks = chunkStream(pieces(record), tokenizer, { chunkTokens: budgets.chunkTokens, align: 'sentence' });
    const [[trajectory]] = await runAgent(policy, [{ id: record.id, question: story.question, chunks }], {
      frames,
      budgets,
      temperature: 0,
      seed: 0,
      keep: 'counts',
      signal,
      onTurn: (turn, place) => {
        if (turn.kind !== 'memory' || !turn.chunk) return;
        read += turn.chunk.tokens;
        const now = tokenizer.decode(turn.memoryIds);
        if (now !== memory) {
          memory = now;
          const change = { turn: place.turn, facts: factsIn(turn.chunk, record), memory };
          changes.push(change);
          progress.clear();
          tell(changeText(change, read / tokens));
        }
        progress.show(read, turn);
      },
    });
    progress.clear();
    const seconds = (performance.now() - begun) / 1000;
    const [expected] = record.answers;
    const { question, source } = record;
    const correct =
      scoreAnswer(trajectory.output, { answers: [expected], question, source }, { metric: 'babilong' }) === 1;
    const turns = trajectory.turns.length - 1;
    tell(
      `\nRead in ${duration(seconds)}: ${count(turns)} chunks, ${count(Math.round(read / seconds))} tokens a second. The memory changed ${count(changes.length)} times and never exceeded ${budgets.memoryTokens} tokens.`,
    );
    tell(`\n${story.question} ${trajectory.output}${correct ? ' (right)' : ` (wrong: it is ${expected})`}`);
    if (json)
      io.out(
        `${JSON.stringify({ question, expected, answer: trajectory.output, correct, turns, tokens: read, seconds, changes })}\n`,
      );
    return EXIT.success;
  } finally {
    await policy.close();
  }
}

async function* pieces({ text }: BabilongRecord): AsyncGenerator<string> {
  yield* text;
}

/** The facts that a chunk holds, at least in part. */
function factsIn({ start, end }: ChunkPlace, record: BabilongRecord): string[] {
  return record
    .facts()
    .flatMap((fact, at) => (fact.start < end && fact.end > start ? [record.story.sentences[at]] : []));
}

function changeText({ facts, memory }: Change, share: number): string {
  const cause = facts.length > 0 ? facts.join(' ') : '(nothing of the story)';
  return `${percent(share).padStart(6)}  ${cause}\n        → ${memory}`;
}

/** One line that is drawn over, or a line now and then where the output is no terminal. */
class Progress {
  readonly #io: Io;
  readonly #tokens: number;
  readonly #begun = performance.now();
  #told = this.#begun;
  #drawn = false;

  constructor(io: Io, tokens: number) {
    this.#io = io;
    this.#tokens = tokens;
  }

  show(read: number, { memoryTokens }: Turn): void {
    const now = performance.now();
    if (now - this.#told < (this.#io.interactive ? TELL_EVERY : TELL_EVERY_PIPED)) return;
    this.#told = now;
    const left = ((now - this.#begun) / 1000) * (this.#tokens / read - 1);
    const line = `${percent(read / this.#tokens)} read, memory ${memoryTokens} tokens, ${duration(Math.max(0, left))} left`;
    this.clear();
    this.#io.err(this.#io.interactive ? line : `${line}\n`);
    this.#drawn = this.#io.interactive;
  }

  clear(): void {
    if (this.#drawn) this.#io.erase?.(0);
    this.#drawn = false;
  }
}
