/** Waiting, as clients of servers do it. */

/** Lets at most `limit` run at a time; the others wait in the order in which they came. */
export class Gate {
  readonly #limit: number;
  readonly #waiting: (() => void)[] = [];
  #inside = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** @throws the signal's reason if it is aborted before the work's turn comes; the others keep their turns. */
  async run<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    if (this.#inside >= this.#limit) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#inside++;
    try {
      signal?.throwIfAborted();
      return await work();
    } finally {
      // The place is handed over, so that nobody can slip in between.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#inside--;
    }
  }
}

/**
 * Milliseconds before attempt `attempt` + 1 (from 0): doubled each time, up to `longest`, and spread, so that many
 * clients do not come back at once.
 */
export function backoffPause(first: number, attempt: number, longest: number): number {
  return Math.min(longest, first * 2 ** attempt * (0.5 + Math.random() / 2));
}

/** @throws the signal's reason as soon as it is aborted. */
export function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    // A signal of its own: hundreds of listeners on one signal would make Node warn its owner.
    const own = signal && AbortSignal.any([signal]);
    const timer = setTimeout(done, milliseconds);
    function done() {
      own?.removeEventListener('abort', stop);
      resolve();
    }
    function stop() {
      clearTimeout(timer);
      reject(own?.reason);
    }
    if (own?.aborted) stop();
    else own?.addEventListener('abort', stop, { once: true });
  });
}
