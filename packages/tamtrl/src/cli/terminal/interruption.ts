/** Ctrl-C and SIGTERM: the first asks the run to save and end, the second ends the process at once. */
import { EXIT } from './errors.js';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

export class Interruption {
  readonly #controller = new AbortController();
  readonly #tell: (text: string) => void;
  readonly #notice: string;

  /** @param notice what the first signal is answered with */
  constructor(
    tell: (text: string) => void,
    notice = 'Stopping and saving the run. Press Ctrl-C again to quit at once.',
  ) {
    this.#tell = tell;
    this.#notice = notice;
    for (const signal of SIGNALS) process.on(signal, this.#receive);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Signals do again what they did before. */
  dispose(): void {
    for (const signal of SIGNALS) process.off(signal, this.#receive);
  }

  readonly #receive = () => {
    if (this.signal.aborted) process.exit(EXIT.interrupted);
    this.#tell(this.#notice);
    this.#controller.abort(new Error('The run was interrupted.'));
  };
}
