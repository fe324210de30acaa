/** What a request gives does not depend on the others of its call, also where kernels divide the work by its size. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EngineCore } from '../core.js';
import type { ModelConfig } from '../models/config.js';
import { Random } from '../random.js';
import { randomParameters } from '../weights/random.js';

/** The shape of the model `babi`, with fewer words and layers. */
const config: ModelConfig = {
  architecture: 'qwen3',
  vocabularySize: 67,
  hiddenSize: 128,
  intermediateSize: 384,
  layers: 2,
  heads: 4,
  keyValueHeads: 2,
  headSize: 32,
  contextLength: 512,
  ropeTheta: 10_000,
  rmsNormEpsilon: 1e-6,
  tieWordEmbeddings: true,
};

const random = new Random(3);
const ids = (count: number) => Array.from({ length: count }, () => Math.floor(random.uniform() * 67));
const requests = Array.from({ length: 140 }, (_, at) => ({ promptIds: ids(60 + (at % 13)), draft: ids(2), seed: at }));

/** Eight requests for each of five beginnings, and some that share none. */
const beginnings = [64, 100, 150, 65, 130].map(ids);
const sharing = Array.from({ length: 48 }, (_, at) => {
  const beginning = at % 6 < 5 ? beginnings[at % 6] : [];
  const promptIds = [...beginning, ...ids(1 + (at % 30))];
  return { promptIds, sharedTokens: beginning.length, draft: ids(at % 3), seed: at };
});

// Steps have the weights as constants until they are first updated, and then as inputs.
describe.each([false, true])('trained: %s', (isTrained) => {
  describe.each([1, 2])('with %d threads', (threads) => {
    let core: EngineCore;
    beforeAll(async () => {
      const files = { auxiliary: new Map(), eosTokenIds: [] };
      core = new EngineCore(config, randomParameters(config, 5), files, { threads });
      if (!isTrained) return;
      const rows = [{ promptIds: ids(9), completionIds: ids(4) }];
      await core.forwardBackward(rows, { loss: { kind: 'cross-entropy' } });
      await core.optimStep({ learningRate: 1e-3 });
    });
    afterAll(() => core.close());

    it.each([1, 2, 19])('to the bit, with shared beginnings: %d of 48 requests in a call', async (size) => {
      const options = { maxTokens: 5, temperature: 1 };
      const together = await core.generate(sharing, options);
      for (const from of [0, 5, 29]) {
        const some = await core.generate(sharing.slice(from, from + size), options);
        expect(some).toEqual(together.slice(from, from + size));
      }
    });

    it.each([1, 2, 40])('to the bit: %d of 140 requests in a call', async (size) => {
      const options = { maxTokens: 5, temperature: 1 };
      const together = await core.generate(requests, options);
      for (const from of [0, 53, 100]) {
        const some = await core.generate(requests.slice(from, from + size), options);
        expect(some).toEqual(together.slice(from, from + size));
      }
    });
  });
});
