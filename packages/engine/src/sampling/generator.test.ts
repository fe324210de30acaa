import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EngineCore } from '../core.js';
import { EngineError } from '../errors.js';
import { largestDifference, referencePath } from '../reference.test-support.js';
import { loadPretrained } from '../weights/pretrained.js';

const prompts = [
  [3, 9, 4],
  [11],
  [5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22],
  [40, 2],
  [8, 8, 8, 8],
];

describe('generate', () => {
  let core: EngineCore;
  beforeAll(async () => {
    const { config, parameters, files } = await loadPretrained(referencePath('qwen3', 'model'));
    core = new EngineCore(config, parameters, files, { threads: 2 });
  });
  afterAll(() => core.close());

  it('gives the same tokens and log-probabilities whatever the order, the batch or the company', async () => {
    const requests = prompts.map((promptIds) => ({ promptIds, samples: 3 }));
    const options = { maxTokens: 12, seed: 5, stopIds: [7, 30] };
    const together = await core.generate(requests, options);
    const reversed = (await core.generate([...requests].reverse(), { ...options, maxBatch: 4 })).reverse();
    const one = await core.generate(requests, { ...options, maxBatch: 1 });
    expect(reversed).toEqual(together);
    expect(one).toEqual(together);
    for (const [index, request] of requests.entries()) {
      expect(await core.generate([request], options)).toEqual([together[index]]);
    }
  });

  it('draws other tokens with another seed, for another sample and for a repeated prompt', async () => {
    const options = { maxTokens: 24, seed: 1 };
    const [first, again] = await core.generate(
      [{ promptIds: prompts[0], samples: 2 }, { promptIds: prompts[0] }],
      options,
    );
    expect(first[0].tokens).not.toEqual(first[1].tokens);
    expect(again[0].tokens).not.toEqual(first[0].tokens);
    const [[other]] = await core.generate([{ promptIds: prompts[0] }], { ...options, seed: 2 });
    expect(other.tokens).not.toEqual(first[0].tokens);
  });

  it('follows the seed of a request', async () => {
    const own = await core.generate([{ promptIds: prompts[0], seed: 9 }], { maxTokens: 12, seed: 1 });
    expect(await core.generate([{ promptIds: prompts[0], seed: 9 }], { maxTokens: 12, seed: 2 })).toEqual(own);
  });

  it('reports the log-probabilities that score gives, with temperature and across the prefill boundary', async () => {
    for (const temperature of [1, 0.7]) {
      const samples = await core.generate(
        prompts.map((promptIds) => ({ promptIds })),
        { maxTokens: 20, temperature },
      );
      const rows = samples.map(([sample], index) => ({ promptIds: prompts[index], completionIds: sample.tokens }));
      const scored = await core.score(rows, { temperature });
      samples.forEach(([sample], index) => {
        expect(largestDifference(sample.logProbabilities, scored[index].logProbabilities)).toBeLessThan(1e-4);
      });
    }
  });

  it('ends at a stop id, which is part of the tokens, or at the limit', async () => {
    const samples = (
      await core.generate([{ promptIds: [3], samples: 40 }], { maxTokens: 15, stopIds: [1, 2, 3, 4, 5] })
    )[0];
    const reasons = new Set(samples.map(({ stopReason }) => stopReason));
    expect([...reasons].sort()).toEqual(['length', 'stop']);
    for (const { tokens, stopReason } of samples) {
      const stop = tokens.findIndex((token) => token <= 5 && token >= 1);
      expect(stop).toBe(stopReason === 'stop' ? tokens.length - 1 : -1);
      if (stopReason === 'length') expect(tokens).toHaveLength(15);
    }
  });

  it('keeps limits of single requests, and returns nothing for no samples', async () => {
    const requests = [{ promptIds: [3], maxTokens: 2 }, { promptIds: [4], samples: 0 }, { promptIds: [5] }];
    const result = await core.generate(requests, { maxTokens: 6 });
    expect(result.map((samples) => samples.map(({ tokens }) => tokens.length))).toEqual([[2], [], [6]]);
  });

  it('never draws a masked token, and its log-probabilities are over the others', async () => {
    const maskedIds = Array.from({ length: 60 }, (_, id) => id);
    const [samples] = await core.generate([{ promptIds: [3], samples: 20 }], { maxTokens: 10, maskedIds });
    for (const { tokens } of samples) for (const token of tokens) expect(token).toBeGreaterThanOrEqual(60);
    const probabilities = new Map(
      samples.map(({ tokens, logProbabilities }) => [tokens[0], Math.exp(logProbabilities[0])]),
    );
    let total = 0;
    for (const probability of probabilities.values()) total += probability;
    expect(total).toBeLessThanOrEqual(1 + 1e-5);
    expect(total).toBeGreaterThan(0.5);
  });

  it('draws each token as often as its probability says', async () => {
    const count = 4000;
    const [samples] = await core.generate([{ promptIds: prompts[0], samples: count }], { maxTokens: 1 });
    const seen = new Map<number, { count: number; probability: number }>();
    for (const { tokens, logProbabilities } of samples) {
      const entry = seen.get(tokens[0]) ?? { count: 0, probability: Math.exp(logProbabilities[0]) };
      entry.count++;
      seen.set(tokens[0], entry);
    }
    for (const { count: drawn, probability } of seen.values()) {
      const deviation = Math.sqrt(count * probability * (1 - probability));
      expect(Math.abs(drawn - count * probability)).toBeLessThan(4.5 * deviation + 2);
    }
  });

  it('restricts to top-k and top-p', async () => {
    const [all] = await core.generate([{ promptIds: [3], samples: 300 }], { maxTokens: 1 });
    const ranked = [...new Map(all.map(({ tokens, logProbabilities }) => [tokens[0], logProbabilities[0]]))].sort(
      (a, b) => b[1] - a[1],
    );
    const [top] = await core.generate([{ promptIds: [3], samples: 200 }], { maxTokens: 1, topK: 2 });
    expect(new Set(top.map(({ tokens }) => tokens[0]))).toEqual(new Set(ranked.slice(0, 2).map(([token]) => token)));
    const most = Math.exp(ranked[0][1]);
    const [one] = await core.generate([{ promptIds: [3], samples: 50 }], { maxTokens: 1, topP: most * 0.9 });
    expect(new Set(one.map(({ tokens }) => tokens[0]))).toEqual(new Set([ranked[0][0]]));
  });

  it('refuses what it cannot do, each with its own kind', async () => {
    const refused = async (call: Promise<unknown>, kind: string, words: RegExp) => {
      const error = await call.then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(EngineError.isInstance(error) && error.kind).toBe(kind);
      expect((error as Error).message).toMatch(words);
    };
    const generate = (promptIds: number[], options: object = {}) =>
      core.generate([{ promptIds }], { maxTokens: 4, ...options });
    await refused(generate([]), 'empty-prompt', /Request 0 has an empty prompt/);
    await refused(generate([3, 67]), 'token-out-of-vocabulary', /token 67 at position 1.*0 to 66/);
    await refused(generate([1.5]), 'token-out-of-vocabulary', /1\.5/);
    await refused(generate(new Array(61).fill(1)), 'prompt-too-long', /61 prompt tokens.*up to 4 new ones.*64/);
    await refused(generate([1], { temperature: -1 }), 'invalid-argument', /temperature/);
    await refused(generate([1], { topP: 0 }), 'invalid-argument', /topP/);
    await refused(generate([1], { topK: 1.5 }), 'invalid-argument', /topK/);
    await refused(generate([1], { maxTokens: 0 }), 'invalid-argument', /maxTokens/);
    await refused(generate([1], { stopIds: [99] }), 'token-out-of-vocabulary', /stop ids/);
    await refused(generate([1], { weights: 'none' }), 'invalid-argument', /no snapshot "none"/);
    await refused(
      generate([1], { maskedIds: Array.from({ length: 67 }, (_, id) => id) }),
      'invalid-argument',
      /there is none to choose/,
    );
  });
});

describe('prompts longer than one piece', () => {
  it('are read in pieces with the same result as at once', async () => {
    const { config, parameters, files } = await loadPretrained(referencePath('qwen3', 'model'));
    // The rotary embedding has no fixed length: the tiny model reads as far as its window is said to reach.
    const core = new EngineCore({ ...config, contextLength: 4096 }, parameters, files, { threads: 2 });
    const long = Array.from({ length: 1300 }, (_, i) => (i * 7) % 67);
    const requests = [{ promptIds: long, samples: 2 }, { promptIds: long.slice(0, 700) }, { promptIds: [4] }];
    const results = await core.generate(requests, { maxTokens: 8 });
    for (const [index, samples] of results.entries()) {
      for (const { tokens, logProbabilities } of samples) {
        const [scored] = await core.score([{ promptIds: requests[index].promptIds, completionIds: tokens }]);
        expect(largestDifference(scored.logProbabilities, logProbabilities)).toBeLessThan(1e-4);
      }
    }
    expect(await core.generate([requests[1]], { maxTokens: 8 })).toEqual([results[1]]);
    await core.close();
  });
});
