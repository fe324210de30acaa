/** Prompts that begin with the same tokens: read once, with the numbers that each has when it is read by itself. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GenerateRequest, Sample } from '../api.js';
import { EngineCore } from '../core.js';
import type { ModelConfig } from '../models/config.js';
import { Random } from '../random.js';
import { largestDifference } from '../reference.test-support.js';
import { randomParameters } from '../weights/random.js';
import { prefixLength } from './prefix-slots.js';
import { layOutSequences } from './sequences.js';
import { prefixReadings, readingsOf } from './texts.js';

const config: ModelConfig = {
  architecture: 'qwen3',
  vocabularySize: 61,
  hiddenSize: 16,
  intermediateSize: 24,
  layers: 2,
  heads: 4,
  keyValueHeads: 2,
  headSize: 8,
  contextLength: 2000,
  ropeTheta: 10_000,
  rmsNormEpsilon: 1e-6,
  tieWordEmbeddings: true,
};
const random = new Random(3);
const ids = (count: number) => Array.from({ length: count }, () => Math.floor(random.uniform() * 61));
const OPTIONS = { maxTokens: 6, temperature: 1, seed: 9 };

let core: EngineCore;
beforeAll(() => {
  core = new EngineCore(config, randomParameters(config, 5), { auxiliary: new Map(), eosTokenIds: [] }, { threads: 1 });
});
afterAll(() => core.close());

const chunk = ids(70);
const long = ids(1100);
const groups: Record<string, GenerateRequest[]> = {
  'memories behind one chunk': [12, 3, 30, 1].map((own) => ({ promptIds: [...chunk, ...ids(own)], sharedTokens: 70 })),
  'chunks of several pieces': [5, 9].map((own) => ({ promptIds: [...long, ...ids(own)], sharedTokens: 1100 })),
  'pieces without a word about them': [40, 300].map((own) => ({ promptIds: [...long, ...ids(own)] })),
  'drafts behind': [4, 4].map((own) => ({ promptIds: [...chunk, ...ids(own)], sharedTokens: 70, draft: ids(5) })),
  'nothing but the shared part': [0, 6].map((own) => ({ promptIds: [...chunk, ...ids(own)], sharedTokens: 70 })),
  'hardly anything shared': [{ promptIds: ids(20), sharedTokens: 1 }, { promptIds: ids(8) }],
};

/** The last sample of each request. */
const generate = async (requests: readonly GenerateRequest[], maxBatch?: number): Promise<Sample[]> =>
  (await core.generate(requests, { ...OPTIONS, maxBatch })).map((samples) => samples[0]);

describe('prompts that begin with the same tokens', () => {
  it.each(Object.entries(groups))('%s: alone and together, bit for bit', async (_, requests) => {
    const alone = await Promise.all(requests.map(async (request) => (await generate([request]))[0]));
    expect(await generate(requests)).toEqual(alone);
    expect(await generate([...requests].reverse(), 2)).toEqual([...alone].reverse());
  });

  it('all at once, with several samples', async () => {
    const requests = Object.values(groups).flat();
    const alone = await Promise.all(requests.map(async (request) => (await generate([request]))[0]));
    const together = await core.generate(
      requests.map((request) => ({ ...request, samples: 3 })),
      OPTIONS,
    );
    expect(together.map((samples) => samples[0])).toEqual(alone);
  });

  it('come and go, where few sequences are decoded at a time', async () => {
    const beginnings = [65, 90, 130, 70, 64].map(ids);
    const requests = [0, 1, 2, 0, 3, 4, 1, 0].map((number, at) => ({
      promptIds: [...beginnings[number], ...ids(1 + at)],
      sharedTokens: beginnings[number].length,
      maxTokens: 1 + ((at * 5) % 7),
    }));
    const alone = await Promise.all(requests.map(async (request) => (await generate([request]))[0]));
    for (const maxBatch of [1, 2, 3]) expect(await generate(requests, maxBatch)).toEqual(alone);
  });

  it('are kept once, if they are long enough and no layer slides', () => {
    const sequence = (tokens: number, sharedTokens: number) =>
      layOutSequences(config, [{ promptIds: ids(tokens), sharedTokens }], OPTIONS)[0];
    expect(prefixLength(config, sequence(80, 70))).toBe(70);
    expect(prefixLength(config, sequence(80, 63))).toBe(0);
    // A token is drawn after the last one of the prompt.
    expect(prefixLength(config, sequence(80, 80))).toBe(79);
    expect(
      prefixLength({ ...config, slidingWindow: { tokens: 8, layers: 2, ropeTheta: 1 } as never }, sequence(80, 70)),
    ).toBe(0);
  });

  it('have the log-probabilities that they have in one piece', async () => {
    for (const requests of Object.values(groups)) {
      const cut = await generate(requests);
      const rows = requests.map(({ promptIds }, at) => ({ promptIds, completionIds: cut[at].tokens }));
      const scored = await core.score(rows);
      cut.forEach(({ logProbabilities }, at) => {
        expect(largestDifference(logProbabilities, scored[at].logProbabilities)).toBeLessThan(1e-4);
      });
    }
  });

  it('are read once', () => {
    const tokens = (requests: readonly GenerateRequest[]) => {
      const readings = readingsOf(layOutSequences(config, requests, OPTIONS), (each) =>
        prefixLength(config, each),
      ).flat();
      return [...readings, ...prefixReadings(readings.map(({ text }) => text)).flat()].reduce(
        (sum, { text, firstOwn }) => sum + text.ids.length - (text.pieces[firstOwn].start ?? 0),
        0,
      );
    };
    expect(tokens(groups['memories behind one chunk'])).toBe(70 + 12 + 3 + 30 + 1);
    expect(tokens(groups['chunks of several pieces'])).toBe(1100 + 5 + 9);
    // Of 1,100 common tokens two pieces of 512.
    expect(tokens(groups['pieces without a word about them'])).toBe(1024 + 76 + 40 + 76 + 300);
    // The last token of a prompt is always its own.
    expect(tokens(groups['nothing but the shared part'])).toBe(70 + 70 + 6);
  });

  it('refuses a number that is none of the prompt', async () => {
    await expect(generate([{ promptIds: [1, 2], sharedTokens: 3 }])).rejects.toThrow(
      'Request 0: sharedTokens is 3, but its prompt has 2 tokens.',
    );
    await expect(generate([{ promptIds: [1, 2], sharedTokens: 0.5 }])).rejects.toThrow(
      'Request 0: sharedTokens must be a whole number of at least 0, found 0.5.',
    );
  });
});
