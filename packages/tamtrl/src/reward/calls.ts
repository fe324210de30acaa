/** Calls of functions that somebody else wrote: their errors, their results, and how long they take. */
import { RewardError } from './errors.js';

export interface Call {
  /** File or object that the function is of. */
  place: string;
  /** The function's name. */
  name: string;
  /** What it was called for. */
  where: string;
  /** Absent: no limit. */
  seconds?: number;
  signal?: AbortSignal;
}

/**
 * What the function returns, in time.
 * @throws RewardError `module` naming place, function and what it was called for; the signal's reason.
 */
export async function called<T>(call: Call, work: () => T | Promise<T>): Promise<T> {
  const { place, name, where, signal } = call;
  try {
    // Synchronous functions need no timer, and there are many of them.
    const started = work();
    return isPromise(started) ? await inTime(call, started) : started;
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    if (RewardError.isInstance(error)) throw error;
    throw new RewardError('module', `${place}: ${name} threw an error for ${where}: ${reasonOf(error, place)}.`, {
      cause: error,
    });
  }
}

/** The same for a function that returns a number, which must be finite. */
export async function calledNumber(call: Call, work: () => number | Promise<number>): Promise<number> {
  const value: unknown = await called(call, work);
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  const { place, name, where } = call;
  throw new RewardError('module', `${place}: ${name} returned ${shown(value)} for ${where}, expected a finite number.`);
}

/** Works on all items, some at once; the results keep the order. The first failure stops the others. */
export async function inOrder<T, R>(
  items: readonly T[],
  atOnce: number,
  signal: AbortSignal | undefined,
  work: (item: T, stop: AbortSignal) => Promise<R>,
): Promise<R[]> {
  const failed = new AbortController();
  const stop = signal ? AbortSignal.any([signal, failed.signal]) : failed.signal;
  const results = new Array<R>(items.length);
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      signal?.throwIfAborted();
      const at = next++;
      results[at] = await work(items[at], stop);
    }
  };
  const workers = Array.from({ length: Math.min(atOnce, items.length) }, worker);
  try {
    await Promise.all(workers);
  } catch (error) {
    next = items.length;
    failed.abort(error);
    throw error;
  }
  return results;
}

function inTime<T>({ place, name, where, seconds, signal }: Call, started: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer =
      seconds === undefined
        ? undefined
        : setTimeout(() => {
            const advice = 'A function that waits longer needs a higher reward.moduleSeconds.';
            const what = `the promise of ${name} did not settle within ${seconds} s for ${where}`;
            reject(new RewardError('module', `${place}: ${what}. ${advice}`));
          }, seconds * 1000);
    const aborted = () => reject(signal?.reason);
    signal?.addEventListener('abort', aborted, { once: true });
    if (signal?.aborted) aborted();
    started.then(resolve, reject).finally(() => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', aborted);
    });
  });
}

function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}

/** The error's message, and the line of the file that threw it. */
export function reasonOf(error: unknown, place: string): string {
  if (!(error instanceof Error)) return shown(error);
  const file = place.split(/[/\\]/).at(-1) ?? place;
  const line = error.stack?.split('\n').find((each) => /^\s+at /.test(each) && each.includes(`${file}:`));
  const at = line && /:(\d+):\d+\)?$/.exec(line)?.[1];
  const message = error.message.trim().replace(/\.$/, '') || error.name;
  return at === undefined ? message : `${message} (line ${at})`;
}

/** NaN and undefined, which JSON does not have, too. */
export function shown(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  try {
    return typeof value === 'object' || typeof value === 'string' ? JSON.stringify(value).slice(0, 200) : String(value);
  } catch {
    return 'an object';
  }
}
