import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GenerateOptions, GenerateRequest } from '../api.js';
import { EngineCore } from '../core.js';
import { EngineError } from '../errors.js';
import { LAYERED_FIRST, largestDifference, referencePath } from '../reference.test-support.js';
import { loadPretrained } from '../weights/pretrained.js';
import { describeDrafts, draftsOf, prompt, STOP } from './draft.test-support.js';

// Gemma's layers take turns with sliding windows. `draft.slow.test.ts` has the other families.
for (const architecture of [...LAYERED_FIRST, 'gemma3']) describeDrafts(architecture);

describe('a draft', () => {
  let core: EngineCore;
  const open = async (change: { contextLength?: number; logitBytes?: number } = {}) => {
    const { config, parameters, files } = await loadPretrained(referencePath('qwen3', 'model'));
    const { contextLength = config.contextLength, logitBytes } = change;
    return new EngineCore({ ...config, contextLength }, parameters, files, { threads: 2, logitBytes });
  };
  beforeAll(async () => {
    core = await open();
  });
  afterAll(() => core.close());

  const one = async (request: GenerateRequest, options: GenerateOptions) => {
    const [[sample]] = await core.generate([request], options);
    return sample;
  };

  it('that ends with the stop token is accepted with it, and nothing after it', async () => {
    const plain = await one({ promptIds: prompt }, { maxTokens: 30, temperature: 0 });
    const stop = plain.tokens[5];
    const end = plain.tokens.indexOf(stop) + 1;
    const draft = [...plain.tokens.slice(0, end), 1, 2];
    const options = { maxTokens: 30, temperature: 0, stopIds: [stop] };
    expect(await one({ promptIds: prompt, draft }, options)).toMatchObject({
      tokens: plain.tokens.slice(0, end),
      stopReason: 'stop',
      acceptedDraft: end,
    });
    const cut = await one({ promptIds: prompt, draft: plain.tokens }, { maxTokens: 4, temperature: 0 });
    expect(cut).toMatchObject({ tokens: plain.tokens.slice(0, 4), stopReason: 'length', acceptedDraft: 4 });
    const single = await one({ promptIds: prompt, draft: plain.tokens }, { maxTokens: 1, temperature: 0 });
    expect(single).toMatchObject({ tokens: plain.tokens.slice(0, 1), acceptedDraft: 1 });
  });

  it('gives the same tokens and log-probabilities bit for bit, whatever the company', async () => {
    const plain = await one({ promptIds: prompt, seed: 1 }, { maxTokens: 20 });
    const drafts = draftsOf(plain.tokens).map(([, draft]) => draft);
    const requests: GenerateRequest[] = [
      ...drafts.map((draft) => ({ promptIds: prompt, draft, seed: 1, samples: 2 })),
      { promptIds: prompt, seed: 1, samples: 2 },
      { promptIds: [11], draft: plain.tokens, seed: 2 },
      { promptIds: Array.from({ length: 30 }, (_, i) => (i * 5) % 67), draft: [1, 2, 3], seed: 3 },
    ];
    const options = { maxTokens: 20, stopIds: [STOP] };
    const together = await core.generate(requests, options);
    expect((await core.generate([...requests].reverse(), options)).reverse()).toEqual(together);
    expect(await core.generate(requests, { ...options, maxBatch: 3 })).toEqual(together);
    for (const [index, request] of requests.entries()) {
      expect(await core.generate([request], options)).toEqual([together[index]]);
    }
  });

  it('does not take part in the random stream that a prompt gets by default', async () => {
    const plain = await one({ promptIds: prompt }, { maxTokens: 8, seed: 4 });
    const drafted = await one({ promptIds: prompt, draft: [1, 2] }, { maxTokens: 8, seed: 4 });
    expect(drafted.tokens).toEqual(plain.tokens);
    expect(plain).not.toHaveProperty('acceptedDraft');
  });

  it.each(['right', 'wrong from the first token', 'half right', 'longer', 'empty'])(
    'that is %s leaves the distribution as it is',
    async (name) => {
      const likely = (await one({ promptIds: prompt }, { maxTokens: 4, temperature: 0 })).tokens;
      const draft = draftsOf(likely).find(([own]) => own === name)?.[1] as number[];
      const count = 1500;
      const options = { maxTokens: 2, temperature: 0.5 };
      const [samples] = await core.generate([{ promptIds: prompt, draft, samples: count, seed: 6 }], options);
      const seen = new Map<string, { count: number; probability: number }>();
      for (const { tokens, logProbabilities } of samples) {
        const key = tokens.join();
        const entry = seen.get(key) ?? { count: 0, probability: 0 };
        seen.set(key, { count: entry.count + 1, probability: Math.exp(logProbabilities[0] + logProbabilities[1]) });
      }
      // Pearson's chi-square over the pairs expected at least 5 times, and one cell for all others.
      const frequent = [...seen.values()].filter(({ probability }) => count * probability >= 5);
      const rest = {
        count: count - frequent.reduce((sum, cell) => sum + cell.count, 0),
        probability: 1 - frequent.reduce((sum, cell) => sum + cell.probability, 0),
      };
      const cells = [...frequent, rest];
      const statistic = cells.reduce((sum, cell) => {
        const expected = count * cell.probability;
        return sum + (cell.count - expected) ** 2 / expected;
      }, 0);
      const freedom = cells.length - 1;
      expect(freedom).toBeGreaterThan(10);
      // Wilson and Hilferty's approximation of the 99.9 % point.
      const limit = freedom * (1 - 2 / (9 * freedom) + 3.09 * Math.sqrt(2 / (9 * freedom))) ** 3;
      expect(statistic).toBeLessThan(limit);
    },
  );

  it('may cross the pieces in which long texts are read', async () => {
    const long = await open({ contextLength: 1024 });
    const promptIds = Array.from({ length: 505 }, (_, i) => (i * 7) % 67);
    const options = { maxTokens: 16, temperature: 0 };
    const [[plain]] = await long.generate([{ promptIds }], options);
    const draft = plain.tokens.map((token, at) => (at === 12 ? (token + 1) % 67 : token));
    const requests = [
      { promptIds, draft },
      { promptIds: [4], draft: [4, 4] },
    ];
    const [[drafted], other] = await long.generate(requests, options);
    expect(drafted.tokens).toEqual(plain.tokens);
    expect(drafted.acceptedDraft).toBe(12);
    expect(largestDifference(drafted.logProbabilities, plain.logProbabilities)).toBeLessThan(1e-5);
    expect(await long.generate([requests[1]], options)).toEqual([other]);
    await long.close();
  });

  it('is verified in pieces of logitBytes, with the same result bit for bit', async () => {
    const inPieces = await open({ logitBytes: 3 * 67 * 4 });
    const plain = await one({ promptIds: prompt }, { maxTokens: 10 });
    const requests = draftsOf(plain.tokens).map(([, draft]) => ({ promptIds: prompt, draft, samples: 2 }));
    const options = { maxTokens: 10, stopIds: [STOP] };
    expect(await inPieces.generate(requests, options)).toEqual(await core.generate(requests, options));
    await inPieces.close();
  });

  it('with a token that the model does not have is refused', async () => {
    const refused = await core
      .generate([{ promptIds: prompt }, { promptIds: prompt, draft: [1, 67] }], { maxTokens: 4 })
      .then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
    expect(EngineError.isInstance(refused) && refused.kind).toBe('token-out-of-vocabulary');
    expect((refused as Error).message).toMatch(/Request 1's draft has token 67 at position 1.*0 to 66/);
  });
});
