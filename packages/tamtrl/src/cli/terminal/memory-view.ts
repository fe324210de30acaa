/** What `tamtrl ask` shows on stderr while it reads. */

import { withoutControls } from '../../base/controls.js';
import { count, duration } from '../../base/format.js';
import { Pace } from '../../base/pace.js';
import type { MemoryEvent } from '../../reader/reader.js';
import { memoryLines } from '../../reader/told.js';
import type { Io } from './io.js';

/** Milliseconds between two lines in a pipe while the memory stays as it is. */
const QUIET = 10_000;

/** The memory as it changes: on a terminal the last one stays in view; in a pipe, each new one is a separate block. */
export class MemoryView {
  readonly #io: Io;
  readonly #quiet: boolean;
  readonly #several: boolean;
  readonly #total: number | undefined;
  readonly #from: number;
  readonly #pace = new Pace();
  #lines = 0;
  #piped = { body: '', at: 0 };

  constructor(io: Io, quiet: boolean, questions: number, from: number, total: number | undefined) {
    this.#io = io;
    this.#quiet = quiet;
    this.#several = questions > 1;
    this.#from = from;
    this.#total = total;
  }

  show({ turn, chunk, memories, tokens }: MemoryEvent): void {
    if (this.#quiet) return;
    const left =
      this.#total === undefined
        ? ''
        : `, ${duration(this.#pace.left(chunk.end - Math.min(this.#from, chunk.start), this.#total - chunk.end))} left`;
    const share = this.#total ? ` (${Math.min(100, Math.round((100 * chunk.end) / this.#total))} %)` : '';
    const head = `chunk ${turn}${share}: ${count(tokens.prompt)} tokens read, ${count(tokens.output)} written${left}`;
    const body = memoryLines(memories, this.#several);
    if (this.#io.interactive) {
      this.end();
      const width = Math.max(20, this.#io.columns());
      const lines = [head, ...body]
        .map(withoutControls)
        .map((line) => (line.length < width ? line : `${line.slice(0, width - 2)}…`))
        .slice(0, 20);
      this.#io.err(`${lines.join('\n')}\n`);
      this.#lines = lines.length;
    } else this.#pipe(head, body.join('\n'));
  }

  /** A book has thousands of chunks that change nothing. */
  #pipe(head: string, body: string): void {
    const isNew = body !== this.#piped.body;
    if (!isNew && Date.now() - this.#piped.at < QUIET) return;
    this.#piped = { body, at: Date.now() };
    this.#io.err(isNew ? `${head}\n${body}\n` : `${head}\n`);
  }

  /** Takes the last memory off a terminal. */
  end(): void {
    if (this.#lines > 0) this.#io.erase?.(this.#lines);
    this.#lines = 0;
  }
}
