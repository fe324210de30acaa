/** What `tamtrl demo` does: makes the text, reads it, and shows every change of the memory beside what caused it. */
import { count, counted, duration, percent } from '../../base/format.js';
import { Pace } from '../../base/pace.js';
import { Books, EMBEDDED_BOOKS } from '../../data/babi/books.js';
import type { BabiTask } from '../../data/babi/events.js';
import { babilongRecord, simulatedQuestion } from '../../data/generators/babilong.js';
import { changesText, changeText, readStory } from '../../eval/story.js';
import { fittingBudgets, promptsFor } from '../../memory/asking.js';
import { PromptFrames } from '../../memory/frames.js';
import { babiPrompts } from '../../memory/prompts.js';
import type { Turn } from '../../memory/trajectory.js';
import { openModel } from '../../models/open.js';
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

/** @throws UsageError for a model of another kind; DataError for books that cannot be read or do not suffice. */
export async function runDemo(
  { task, tokens, books: paths, seed, model, json }: DemoFlags,
  io: Io,
  signal: AbortSignal,
  started: () => void,
): Promise<number> {
  const policy = await openModel(model, { signal });
  try {
    const { tokenizer } = policy;
    const format = promptsFor(tokenizer);
    if (format !== babiPrompts)
      throw new UsageError(`--model: ${model} does not read such stories; expected babi, or a model trained from it.`);
    const frames = new PromptFrames(policy, format);
    const budgets = fittingBudgets(frames, policy.contextLength);
    const books = await Books.open(paths ?? [EMBEDDED_BOOKS], { anyWords: true });
    const settings = { tokens, tokenizer, books, seed, index: 0, repeatBooks: true };
    const record = babilongRecord(simulatedQuestion(task, seed, 0, tokens), settings);
    started();
    const { question } = record;
    const [expected] = record.answers;
    const tell = (text: string) => (json ? undefined : io.out(`${text}\n`));
    tell(`${question}\n`);
    tell(
      `The ${count(record.story.sentences.length)} sentences of a story are scattered over ${count(tokens)} tokens of books. ${model} sees ${budgets.chunkTokens} of them at a time; from one chunk to the next it has only its memory.\n`,
    );
    const progress = new Progress(io, tokens);
    const pace = new Pace();
    const reading = await readStory(policy, record, {
      frames,
      budgets,
      signal,
      onChange: (change, read) => {
        progress.clear();
        tell(changeText(change, read / tokens));
      },
      onTurn: (turn, read) => progress.show(read, turn),
    });
    progress.clear();
    const { seconds } = pace;
    const { answer, correct, turns, tokens: read, changes } = reading;
    tell(
      `\nRead in ${duration(seconds)}: ${counted(turns, 'chunk')}, ${count(Math.round(read / seconds))} tokens a second. The memory changed ${changesText(changes)}, and never exceeded ${budgets.memoryTokens} tokens.`,
    );
    tell(`\n${question} ${answer}${correct ? ' (right)' : ` (wrong: it is ${expected})`}`);
    const summary = { question, expected, answer, correct, turns, tokens: read, seconds, changes };
    if (json) io.out(`${JSON.stringify(summary)}\n`);
    return EXIT.success;
  } finally {
    await policy.close();
  }
}

/** One line that is drawn over, or a line now and then where the output is no terminal. */
class Progress {
  readonly #io: Io;
  readonly #tokens: number;
  readonly #pace: Pace;
  #drawn = false;

  constructor(io: Io, tokens: number) {
    this.#io = io;
    this.#tokens = tokens;
    this.#pace = new Pace(io.interactive ? TELL_EVERY : TELL_EVERY_PIPED);
  }

  show(read: number, { memoryTokens }: Turn): void {
    if (!this.#pace.isDue()) return;
    const share = read / this.#tokens;
    // The first chunks are slow.
    const left = share < 0.05 ? '' : `, ${duration(this.#pace.left(read, this.#tokens - read))} left`;
    const line = `${percent(share)} read, memory ${counted(memoryTokens, 'token')}${left}`;
    this.clear();
    this.#io.err(this.#io.interactive ? line : `${line}\n`);
    this.#drawn = this.#io.interactive;
  }

  clear(): void {
    if (this.#drawn) this.#io.erase?.(0);
    this.#drawn = false;
  }
}
