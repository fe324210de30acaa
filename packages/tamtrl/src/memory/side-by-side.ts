/**
 * Several readings with one local model: their calls wait for one another and are computed as one batch. A small model
 * takes hardly longer for sixteen rows than for one. Results are those of separate calls, since what a policy samples
 * does not depend on the other requests of its call.
 */
import type { GenerateOptions, GenerateRequest, Sample } from '../policy/types.js';
import type { MemoryModel } from './turn.js';

/** Milliseconds that calls wait for a reading that asks for nothing, for example since its file is being parsed. */
const PATIENCE = 20;

interface Call {
  requests: readonly GenerateRequest[];
  options: GenerateOptions;
  resolve(samples: Sample[][]): void;
  reject(error: unknown): void;
}

/** A model as one of the readings sees it. */
export type Seat = MemoryModel & {
  /** The reading has ended: the others no longer wait for it. */
  leave(): void;
};

export class SideBySide {
  readonly #model: MemoryModel;
  readonly #readings: number;
  /** Readings that have asked for something and have not ended. */
  readonly #seated = new Set<object>();
  #waiting: Call[] = [];
  #isBusy = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Calls of the model so far. */
  calls = 0;

  /** @param readings that take part at a time */
  constructor(model: MemoryModel, readings: number) {
    this.#model = model;
    this.#readings = readings;
  }

  seat(): Seat {
    const { tokenizer, chat, contextLength, capabilities } = this.#model;
    const key = {};
    return {
      tokenizer,
      chat,
      contextLength,
      ...(capabilities && { capabilities }),
      sharedBy: this.#readings,
      sample: (requests, options) => {
        this.#seated.add(key);
        return new Promise((resolve, reject) => {
          this.#waiting.push({ requests, options, resolve, reject });
          this.#consider();
        });
      },
      leave: () => {
        this.#seated.delete(key);
        this.#consider();
      },
    };
  }

  /** Calls the model if nobody is missing, or if those who are have kept the others waiting. */
  #consider(): void {
    if (this.#isBusy || this.#waiting.length === 0) return;
    clearTimeout(this.#timer);
    if (this.#waiting.length >= this.#seated.size) void this.#call();
    else this.#timer = setTimeout(() => void this.#call(), PATIENCE);
  }

  async #call(): Promise<void> {
    if (this.#isBusy || this.#waiting.length === 0) return;
    const { options } = this.#waiting[0];
    const isAlike = (call: Call) => sameBut(call.options, options);
    const calls = this.#waiting.filter(isAlike);
    this.#waiting = this.#waiting.filter((call) => !isAlike(call));
    this.#isBusy = true;
    this.calls++;
    // Updates and answers have different limits; as a limit of each request, they still make one call.
    const requests = calls.flatMap((call) =>
      call.requests.map((request): GenerateRequest => ({ maxTokens: call.options.maxTokens, ...request })),
    );
    const maxTokens = Math.max(...calls.map((call) => call.options.maxTokens));
    try {
      const samples = await this.#model.sample(requests, { ...options, maxTokens });
      for (const call of calls) call.resolve(samples.splice(0, call.requests.length));
    } catch (error) {
      for (const call of calls) call.reject(error);
    } finally {
      this.#isBusy = false;
      this.#consider();
    }
  }
}

/** Whether two calls differ in their limits at most. */
function sameBut({ maxTokens: _, ...one }: GenerateOptions, { maxTokens: __, ...other }: GenerateOptions): boolean {
  const { signal, onProgress, ...rest } = one;
  const { signal: otherSignal, onProgress: otherProgress, ...others } = other;
  return signal === otherSignal && onProgress === otherProgress && JSON.stringify(rest) === JSON.stringify(others);
}
