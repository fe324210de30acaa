/** An engine that computes on two threads, one of them a replica, against one that computes on one. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { GenerateOptions, TrainingRow } from '../api.js';
import { EngineCore } from '../core.js';
import { EngineError } from '../errors.js';
import type { ModelConfig } from '../models/config.js';
import { Random } from '../random.js';
import { TINY } from '../sampling/tiny-config.test-support.js';
import { randomParameters } from '../weights/random.js';
import { Replica } from './replica.js';

const config: ModelConfig = { ...TINY, vocabularySize: 67, contextLength: 512 };
const coreWith = (threads: number) =>
  new EngineCore(config, randomParameters(config, 5), { auxiliary: new Map(), eosTokenIds: [] }, { threads });
const [one, two] = [coreWith(1), coreWith(2)];
afterAll(() => Promise.all([one.close(), two.close()]));

const random = new Random(3);
const ids = (count: number) => Array.from({ length: count }, () => Math.floor(random.uniform() * 67));
// The last ten prompts are equal to the first ten, and their random streams are others.
const prompts = Array.from({ length: 30 }, (_, at) => ids(40 + (at % 13)));
const requests = [...prompts, ...prompts.slice(0, 10)].map((promptIds) => ({ promptIds, samples: 2 }));
const rows: TrainingRow[] = prompts.map((promptIds) => ({ promptIds, completionIds: ids(7) }));
const learn = { loss: { kind: 'cross-entropy' } } as const;
const call = { maxTokens: 6, seed: 4 };

const rejection = (promise: Promise<unknown>): Promise<EngineError> =>
  promise.then(
    () => Promise.reject(new Error('The call succeeded.')),
    (error) => error,
  );

describe('two threads with a copy of the weights each', () => {
  it('generate the same tokens and log-probabilities as one, to the bit, and report all that they do', async () => {
    const seen: Parameters<NonNullable<GenerateOptions['onProgress']>>[0][] = [];
    const onProgress = (progress: (typeof seen)[number]) => void seen.push(progress);
    const samples = await two.generate(requests, { ...call, onProgress });
    expect(samples).toEqual(await one.generate(requests, call));
    expect(seen.at(-1)).toEqual({ finished: 80, total: 80, tokens: 480 });
    expect(seen.every(({ total }) => total === 80)).toBe(true);
  });

  it('score like one, and again the same', async () => {
    const [found, again, expected] = [await two.score(rows), await two.score(rows), await one.score(rows)];
    expect(again).toEqual(found);
    for (const [index, { logProbabilities, entropies }] of expected.entries()) {
      logProbabilities.forEach((value, at) => void expect(found[index].logProbabilities[at]).toBeCloseTo(value, 5));
      entropies.forEach((value, at) => void expect(found[index].entropies[at]).toBeCloseTo(value, 5));
    }
  });

  it('give the gradient of one, and use the weights after a step, a snapshot, and a load', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tamtrl-team-'));
    two.snapshot('before');
    const before = await two.score(rows);
    const [found, expected] = [await two.forwardBackward(rows, learn), await one.forwardBackward(rows, learn)];
    expect(found.loss).toBeCloseTo(expected.loss, 5);
    expect(found.metrics.microBatches).toBeGreaterThan(1);
    for (const name of ['model.embed_tokens.weight', 'model.layers.1.mlp.up_proj.weight', 'model.norm.weight']) {
      const gradient = one.gradientOf(name) as Float32Array;
      const largest = gradient.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const other = two.gradientOf(name) as Float32Array;
      expect(
        gradient.reduce((most, value, at) => Math.max(most, Math.abs(value - other[at])), 0) / largest,
      ).toBeLessThan(1e-4);
    }
    await two.optimStep({ learningRate: 1e-2 });
    await two.save(folder);
    await one.load(folder);
    expect(await two.generate(requests, call)).toEqual(await one.generate(requests, call));
    expect(await two.score(rows, { weights: 'before' })).toEqual(before);
    expect(await two.score(rows)).not.toEqual(before);
    const again = coreWith(2);
    await again.load(folder);
    expect(await again.score(rows)).toEqual(await two.score(rows));
    await again.close();
    await rm(folder, { recursive: true });
  });

  it('name the request of an error in the call, whichever thread finds it', async () => {
    for (const index of [3, 37]) {
      const wrong = requests.map((request, at) => (at === index ? { promptIds: [...ids(40), 67] } : request));
      const { kind, message } = await rejection(two.generate(wrong, call));
      expect(kind).toBe('token-out-of-vocabulary');
      expect(message).toContain(`Request ${index}'s prompt has token 67`);
    }
  });

  it('stop when the call is cancelled, and serve the next one', async () => {
    let checks = 0;
    const cancelled = () => {
      if (++checks > 3) throw new EngineError('aborted', 'The call was cancelled.');
    };
    const kinds = [
      await rejection(two.generate(requests, call, cancelled)),
      await rejection(two.forwardBackward(rows, learn, cancelled)),
    ].map(({ kind }) => kind);
    expect(kinds).toEqual(['aborted', 'aborted']);
    expect(two.gradientOf('model.norm.weight')).toBeUndefined();
    expect(await two.generate(requests, call)).toEqual(await one.generate(requests, call));
  });

  it('start a replica again that has ended', async () => {
    const replica = new Replica({ config, options: { threads: 1 }, stop: new SharedArrayBuffer(4) });
    const options = { maxTokens: 6, seed: 4 };
    const task = { kind: 'generate', requests, options, first: 0, fixed: undefined, key: 'a', adapted: false } as const;
    const run = () => replica.run(task, randomParameters(config, 5), () => {});
    const first = await run();
    const broken = rejection(run());
    await replica.close();
    expect((await broken).message).toContain('A thread of the engine has ended');
    expect(await run()).toEqual(first);
    await replica.close();
  });
});
