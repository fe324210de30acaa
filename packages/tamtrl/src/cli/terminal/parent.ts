/** Processes that were started as parts of a comparison. */
import { EXIT } from './errors.js';

/** Set in the environment of a part, which has a channel to its parent. */
export const PART_VARIABLE = 'TAMTRL_PART';

/**
 * A part does not outlive the process that started it. It ends at once: everything it saved is intact, as after any
 * kill, and its lock is free for the comparison that continues.
 */
export function endWithParent(): void {
  if (process.env[PART_VARIABLE] !== '1' || !process.channel) return;
  process.once('disconnect', () => process.exit(EXIT.interrupted));
  // It must not keep a part alive that has finished.
  process.channel.unref();
}
