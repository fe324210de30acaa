/** Runs a command that Ctrl-C can interrupt, and turns its outcome into an exit code. */
import { describe } from '../../base/described.js';
import { EXIT, exitCodeOf } from './errors.js';
import { Interruption } from './interruption.js';
import type { Io } from './io.js';

/**
 * @param started true once the input has been accepted, so that what goes wrong from then on is a failure (1) and no
 *   refusal (2)
 */
export async function runInterruptible(
  io: Io,
  work: (signal: AbortSignal, started: () => void) => Promise<number>,
  notice = 'Stopping. Press Ctrl-C again to quit at once.',
): Promise<number> {
  const interruption = new Interruption((text) => io.err(`${text}\n`), notice);
  let begun = false;
  try {
    return await work(interruption.signal, () => {
      begun = true;
    });
  } catch (error) {
    if (interruption.signal.aborted) return EXIT.interrupted;
    io.err(`tamtrl: ${describe(error)}\n`);
    return exitCodeOf(error, begun);
  } finally {
    interruption.dispose();
  }
}
