import { describe, expect, it } from 'vitest';
import { type Job, runJobs } from './comparison-jobs.js';

/** Jobs that end when they are told to, and the order in which things happen. */
function stage() {
  const events: string[] = [];
  const endings = new Map<string, (ok: boolean) => void>();
  const job = (name: string, after?: Job, finished = false): Job => ({
    name,
    after,
    finished,
    run: () => new Promise((resolve) => endings.set(name, resolve)),
  });
  const controller = new AbortController();
  const start = (jobs: readonly Job[], workers: number) =>
    runJobs(jobs, {
      workers,
      signal: controller.signal,
      onBegin: ({ name }) => events.push(`+${name}`),
      onEnd: ({ name, finished }, { done, total }) => events.push(`${finished ? '-' : '!'}${name} ${done}/${total}`),
    });
  const end = async (name: string, ok = true) => {
    endings.get(name)!(ok);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { events, job, start, end, abort: () => controller.abort() };
}

describe('the jobs of a comparison', () => {
  it('run side by side, each evaluation after its training, and none that is finished', async () => {
    const { events, job, start, end } = stage();
    const training = job('training');
    const jobs = [job('old', undefined, true), training, job('one', training), job('two', training), job('plain')];
    const all = start(jobs, 2);
    expect(events).toEqual(['+training', '+plain']);
    await end('plain');
    expect(events.slice(2)).toEqual(['-plain 1/4']);
    await end('training');
    expect(events.slice(3)).toEqual(['-training 2/4', '+one', '+two']);
    await end('two');
    await end('one');
    await all;
    expect(events.slice(6)).toEqual(['-two 3/4', '-one 4/4']);
  });

  it('do not run where their training failed, but the others do', async () => {
    const { events, job, start, end } = stage();
    const training = job('training');
    const all = start([training, job('one', training), job('plain')], 1);
    await end('training', false);
    await end('plain');
    await all;
    expect(events).toEqual(['+training', '!training 1/3', '+plain', '-plain 2/3']);
  });

  it('stop beginning when they are asked to, and fail with a job that throws', async () => {
    const { events, job, start, end, abort } = stage();
    const all = start([job('one'), job('two')], 1);
    abort();
    await end('one', false);
    await all;
    expect(events).toEqual(['+one', '!one 1/2']);
    const broken = { ...job('broken'), run: () => Promise.reject(new Error('no such program')) };
    await expect(stage().start([broken], 2)).rejects.toThrow('no such program');
  });
});
