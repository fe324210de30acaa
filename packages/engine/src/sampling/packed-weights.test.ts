/** Steps have the weights as constants until the first update; they never compute with others than the present ones. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { EngineCore } from '../core.js';
import { largestDifference } from '../reference.test-support.js';
import { randomParameters } from '../weights/random.js';
import { TINY } from './tiny-config.test-support.js';

const open = (seed: number) =>
  new EngineCore(TINY, randomParameters(TINY, seed, { standardDeviation: 0.2 }), {
    auxiliary: new Map(),
    eosTokenIds: [],
  });
const requests = [{ promptIds: [3, 1, 4] }, { promptIds: [1, 5] }];
const options = { maxTokens: 8, temperature: 1 };
const rows = [{ promptIds: [3, 1, 4], completionIds: [1, 5, 9, 2] }];

/** Samples, whose log-probabilities must be those of the weights that are there now. */
async function sampled(core: EngineCore) {
  const samples = (await core.generate(requests, options)).map(([sample]) => sample);
  const scored = await core.score(
    samples.map(({ tokens }, at) => ({ promptIds: requests[at].promptIds, completionIds: tokens })),
  );
  samples.forEach(({ logProbabilities }, at) => {
    expect(largestDifference(logProbabilities, scored[at].logProbabilities)).toBeLessThan(1e-4);
  });
  return samples;
}

async function update(core: EngineCore): Promise<void> {
  await core.forwardBackward(rows, { loss: { kind: 'cross-entropy' } });
  await core.optimStep({ learningRate: 0.05 });
}

it('follow an update, and a load of untrained and of trained weights', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tamtrl-packed-'));
  const [core, other] = [open(1), open(2)];
  const first = await sampled(core);
  await core.save(join(folder, 'untrained'));
  await sampled(other);
  await other.load(join(folder, 'untrained'));
  expect(await sampled(other)).toEqual(first);
  await update(core);
  const second = await sampled(core);
  expect(second).not.toEqual(first);
  await core.save(join(folder, 'trained'));
  await other.load(join(folder, 'trained'));
  expect(await sampled(other)).toEqual(second);
  await core.load(join(folder, 'untrained'));
  expect(await sampled(core)).toEqual(first);
  await core.close();
  await other.close();
  await rm(folder, { recursive: true });
});
