/** Waiting for servers: limits on concurrent calls, pauses and backoff. */

/** Runs at most `limit` calls at a time; the others wait in order of arrival. */
export class Gate {
  #limit: number;
  readonly #waiting: (() => void)[] = [];
  #inside = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Calls that run now. */
  get inside(): number {
    return this.#inside;
  }

  /** Lets at most so many in from now on; those that run already go on. */
  lower(limit: number): void {
    this.#limit = Math.min(this.#limit, limit);
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
      const next = this.#inside > this.#limit ? undefined : this.#waiting.shift();
      if (next) next();
      else this.#inside--;
    }
  }
}

/** Milliseconds without an answer before it is said; then after twice as long each time. */
const FIRST_NOTE = 15_000;
/** The same of a server that has been slow to answer and did: most of its answers would be waited for aloud. */
const LATEST_FIRST_NOTE = 4 * FIRST_NOTE;

/** Says that a server is still being waited for, so that a stall does not look like work. */
export class Vigil {
  readonly #server: string;
  readonly #note: ((text: string) => void) | undefined;
  #first: number;
  readonly #latest: number;
  readonly #since = new Set<{ start: number }>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param first milliseconds before the first note @param latest the same where answers have taken long */
  constructor(server: string, note?: (text: string) => void, first = FIRST_NOTE, latest = LATEST_FIRST_NOTE) {
    this.#server = server;
    this.#note = note;
    this.#first = first;
    this.#latest = latest;
  }

  /** If many requests are under way, reports the one that has waited longest. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    if (!this.#note) return work();
    const entry = { start: performance.now() };
    this.#since.add(entry);
    if (this.#since.size === 1) this.#wait(this.#first);
    try {
      const result = await work();
      this.#first = Math.max(this.#first, Math.min(this.#latest, 2 * (performance.now() - entry.start)));
      return result;
    } finally {
      this.#since.delete(entry);
      if (this.#since.size === 0) clearTimeout(this.#timer);
    }
  }

  #wait(next: number): void {
    const waited = () => performance.now() - Math.min(...[...this.#since].map(({ start }) => start));
    const tell = () => {
      const milliseconds = waited();
      // The one that had waited longest may have been answered meanwhile.
      if (milliseconds < next) return this.#wait(this.#first);
      this.#note?.(`${this.#server} has not answered for ${Math.round(milliseconds / 1000)} s. Still waiting.`);
      this.#wait(2 * next);
    };
    this.#timer = setTimeout(tell, Math.max(1, next - waited()));
    // Not every runtime's timers are objects.
    (this.#timer as { unref?: () => void }).unref?.();
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
