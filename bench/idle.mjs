/**
 * Waits until a process has stopped computing. Thread pools keep spinning for a moment after their work is done; the
 * other side of a comparison must not start before.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const WINDOW_SECONDS = 0.1;
/** The kernel counts in hundredths of a second: one of them in a window may be rounding. */
const IDLE_SECONDS = 0.011;
const PATIENCE_SECONDS = 10;
const TICKS_PER_SECOND = 100;

/** Processor seconds that process `pid` has used; undefined if the system has no /proc. */
function processorSeconds(pid) {
  if (pid === process.pid) {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Fields after the command, which is in parentheses and may contain spaces: utime and stime are the 14th and 15th
    // of all.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  } catch {
    return undefined;
  }
}

/** Resolves to false if the process is still busy after ten seconds. */
export async function waitUntilIdle(pid = process.pid) {
  let before = processorSeconds(pid);
  for (let waited = 0; waited < PATIENCE_SECONDS; waited += WINDOW_SECONDS) {
    await sleep(WINDOW_SECONDS * 1000);
    const after = processorSeconds(pid);
    if (before === undefined || after === undefined) {
      await sleep(300);
      return true;
    }
    if (after - before <= IDLE_SECONDS) return true;
    before = after;
  }
  return false;
}
