/** How long a run will still take, from the median of its recent steps and evaluations. */

export interface TimeLeftOptions {
  steps: number;
  /** Steps between evaluations, which also follow the last step; 0: only after the last. */
  evaluateEvery: number;
}

/** Recent ones that count: few enough to follow a change, enough to pass over a slow one. */
const RECENT = 9;

export class TimeLeft {
  readonly #options: TimeLeftOptions;
  readonly #steps: number[] = [];
  readonly #evaluations: number[] = [];
  #step = 0;
  #mark = 0;

  constructor(options: TimeLeftOptions) {
    this.#options = options;
  }

  /** @param now seconds */
  started(step: number, now: number): void {
    this.#step = step;
    this.#mark = now;
  }

  stepped(step: number, now: number): void {
    this.#step = step;
    remember(this.#steps, now - this.#mark);
    this.#mark = now;
  }

  evaluated(now: number): void {
    remember(this.#evaluations, now - this.#mark);
    this.#mark = now;
  }

  /** Undefined before the first step. */
  seconds(): number | undefined {
    if (this.#steps.length === 0) return undefined;
    const { steps, evaluateEvery } = this.#options;
    // Asked right after a step: where it is due, its evaluation is still to come.
    const between = evaluateEvery > 0 ? Math.ceil(steps / evaluateEvery) - Math.ceil(this.#step / evaluateEvery) : 0;
    const evaluations = between + 1;
    return Math.max(0, steps - this.#step) * median(this.#steps) + evaluations * median(this.#evaluations);
  }
}

function remember(recent: number[], seconds: number): void {
  recent.push(seconds);
  if (recent.length > RECENT) recent.shift();
}

/** 0 of none. */
function median(values: readonly number[]): number {
  if (values.length === 0) return 0;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
