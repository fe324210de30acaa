/** Waiting for servers: limits on concurrent calls, pauses and backoff. */

/** Runs at most `limit` calls at a time; the others wait in order of arrival. */
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
      // The slot is handed over directly, so that no other call can take it in between.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#inside--;
    }
  }
}

/**
 * Milliseconds before attempt `attempt` + 1 (from 0): doubled each time, up to `longest`, and randomised, so that many
 * clients do not return at the same moment.
 */
export function backoffPause(first: number, attempt: number, longest: number): number {
  return Math.min(longest, first * 2 ** attempt * (0.5 + Math.random() / 2));
}

/** @throws the signal's reason as soon as it is aborted. */
export function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    // A derived signal, because Node warns about hundreds of listeners on one signal.
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
