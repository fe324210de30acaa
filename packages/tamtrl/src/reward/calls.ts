/** Calls of functions that somebody else wrote: their errors, their results, and how long they take. */
import { setMaxListeners } from 'node:events';
import { createContext, Script } from 'node:vm';
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
  const done = underWay(call.place, () => `${call.name} for ${call.where}`);
  try {
    // Synchronous functions need no timer, and there are many of them.
    const started = work();
    return isPromise(started) ? await inTime(call, started) : started;
  } catch (error) {
    throw failureOf(error, call);
  } finally {
    done();
  }
}

/** What is running of each place: code that ends the program there must not look like success. */
const running = new Map<symbol, { place: string; what: () => string }>();
/** The last place whose code was at work: it may have left timers and promises behind. */
let lastPlace: string | undefined;

/** Until the function that it returns is called, the place's code is at work. */
function underWay(place: string, what: () => string): () => void {
  const key = Symbol(place);
  running.set(key, { place, what });
  lastPlace = place;
  return () => running.delete(key);
}

/**
 * The exit code of a program that ends with `code`: 1 instead of 0 within a call, or before the program is done, where
 * only the called code can have ended it. Tells which call.
 */
export function exitCodeWithin(code: number, done: boolean, tell: (sentence: string) => void): number {
  const [first] = running.values();
  const place = first?.place ?? (done ? undefined : lastPlace);
  if (code !== 0 || place === undefined) return code;
  const where = first ? `in ${first.what()}` : 'between calls: in a timer, or after an await that nothing waits for';
  tell(`${place}: the program was ended, perhaps by process.exit, ${where}. Everything saved so far is intact.`);
  return 1;
}

/** What to throw for what a call has thrown. */
function failureOf(error: unknown, { place, name, where, signal }: Call): unknown {
  if (signal?.aborted) return signal.reason;
  if (RewardError.isInstance(error)) return error;
  const told = `${place}: ${name} threw an error for ${where}: ${reasonOf(error, place)}.`;
  return new RewardError('module', told, { cause: error });
}

/** A number for each item: how to call a function, and what the calls are for. */
export interface NumberCalls<T> extends Omit<Call, 'where' | 'seconds'> {
  where: (item: T) => string;
  seconds: number;
  /** Promises that are waited for at once. */
  atOnce: number;
  work: (item: T, stop: AbortSignal) => number | Promise<number>;
}

/** Longest time that functions without promises keep the thread to themselves, in seconds. */
const SLICE = 0.05;

/**
 * What the function returns for each item, in their order: finite numbers, in time. The first failure stops the others.
 * A function that never returns is interrupted too, but neither after an `await` of its own nor in native code.
 * @throws RewardError `module` naming place, function and what it was called for; the signal's reason.
 */
export async function calledNumbers<T>(items: readonly T[], calls: NumberCalls<T>): Promise<number[]> {
  const { name, seconds, signal, atOnce } = calls;
  const failed = new AbortController();
  const stop = signal ? AbortSignal.any([signal, failed.signal]) : failed.signal;
  // Every call under way listens; more than ten are no leak.
  setMaxListeners(0, stop);
  const results = new Array<number>(items.length);
  const waiting = new Set<Promise<void>>();
  let next = 0;
  /** The item that a function is at work on. */
  let current: number | undefined;
  let failure: { error: unknown } | undefined;
  const callOf = (at: number): Call => ({ ...calls, where: calls.where(items[at]), signal: stop });
  const begin = (at: number) => {
    const started = calls.work(items[at], stop);
    if (!isPromise(started)) {
      results[at] = finite(callOf(at), started);
      return;
    }
    const task = called(callOf(at), () => started).then((value) => {
      results[at] = finite(callOf(at), value);
    });
    // Kept until it is told: a race sees only the first of those that settle together.
    const settled = task
      .catch((error) => {
        failure ??= { error };
      })
      .finally(() => waiting.delete(settled));
    waiting.add(settled);
  };
  /** Begins as many calls as may run. Interrupting costs a thread, so that one serves for many calls. */
  const slice = () => {
    const until = performance.now() + 1000 * Math.min(SLICE, seconds);
    while (next < items.length && waiting.size < atOnce && performance.now() < until) {
      current = next++;
      begin(current);
      current = undefined;
    }
  };
  const done = underWay(calls.place, () => {
    const at = current ?? next - 1;
    return at in items ? `${name} for ${calls.where(items[at])}` : name;
  });
  try {
    while (next < items.length || waiting.size > 0) {
      signal?.throwIfAborted();
      try {
        if (next < items.length && waiting.size < atOnce) interruptible(seconds + SLICE, slice);
      } catch (error) {
        // A machine that was busy with other things, between two calls.
        if (current === undefined) continue;
        const call = callOf(current);
        if (!isInterruption(error)) throw failureOf(error, call);
        const what = `${name} did not return within ${seconds} s for ${call.where}`;
        const advice = 'If it is no endless loop, it needs a higher reward.moduleSeconds.';
        throw new RewardError('module', `${call.place}: ${what}. ${advice}`);
      }
      if (waiting.size > 0) await Promise.race(waiting);
      else await new Promise(setImmediate);
      if (failure) throw failure.error;
    }
  } catch (error) {
    failed.abort(error);
    throw error;
  } finally {
    done();
  }
  return results;
}

function finite({ place, name, where }: Call, value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw new RewardError('module', `${place}: ${name} returned ${shown(value)} for ${where}, expected a finite number.`);
}

/** A context of its own, because only scripts of one can be given a time limit; what it calls runs in this one. */
let timed: { context: { work?: () => void }; script: Script } | undefined;

/** @throws whatever the work throws, or what `isInterruption` knows */
function interruptible(seconds: number, work: () => void): void {
  timed ??= { context: createContext({}), script: new Script('work()') };
  timed.context.work = work;
  timed.script.runInContext(timed.context, { timeout: Math.max(1, Math.ceil(seconds * 1000)) });
}

function isInterruption(error: unknown): boolean {
  return (error as { code?: unknown } | undefined)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
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
  if (typeof value === 'bigint') return `${value}n`;
  try {
    return typeof value === 'object' || typeof value === 'string' ? JSON.stringify(value).slice(0, 200) : String(value);
  } catch {
    return 'an object';
  }
}
