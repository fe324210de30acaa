/** Drafts of every kind, and that they change nothing in what a family generates. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GenerateOptions } from '../api.js';
import { EngineCore } from '../core.js';
import { largestDifference, referencePath } from '../reference.test-support.js';
import { loadPretrained } from '../weights/pretrained.js';

export const prompt = [3, 9, 4, 40, 2, 8, 8];
export const STOP = 7;

/** Drafts of a text with each kind of flaw, by name. */
export function draftsOf(tokens: readonly number[]): [string, number[]][] {
  const other = (token: number) => (token + 1) % 67;
  const half = Math.floor(tokens.length / 2);
  return [
    ['right', [...tokens]],
    ['wrong from the first token', tokens.map(other)],
    ['half right', tokens.map((token, at) => (at < half ? token : other(token)))],
    ['wrong in one place', tokens.map((token, at) => (at === half ? other(token) : token))],
    ['shorter', tokens.slice(0, half)],
    ['longer', [...tokens, STOP, 1, 2, 3, ...new Array<number>(80).fill(5)]],
    ['empty', []],
    ['only a stop token', [STOP]],
  ];
}

/** Number of leading tokens that two lists have in common. */
function common(a: readonly number[], b: readonly number[]): number {
  const end = a.findIndex((token, at) => token !== b[at]);
  return end < 0 ? a.length : end;
}

export function describeDrafts(architecture: string): void {
  describe(`a draft for ${architecture}`, () => {
    let core: EngineCore;
    beforeAll(async () => {
      const { config, parameters, files } = await loadPretrained(referencePath(architecture, 'model'));
      core = new EngineCore(config, parameters, files, { threads: 2 });
    });
    afterAll(() => core.close());

    it.each<[string, Partial<GenerateOptions>]>([
      ['greedy', { temperature: 0 }],
      ['sampled', { temperature: 1 }],
      [
        'sampled at another temperature, with masked tokens, from top-k and top-p',
        {
          temperature: 0.7,
          maskedIds: [11, 12, 13],
          topK: 20,
          topP: 0.9,
        },
      ],
    ])('leaves tokens and log-probabilities as they are: %s', async (_, how) => {
      const options: GenerateOptions = { maxTokens: 12, stopIds: [STOP], seed: 3, ...how };
      const [plain] = await core.generate([{ promptIds: prompt, seed: 5, samples: 3 }], options);
      for (const [name, draft] of draftsOf(plain[0].tokens)) {
        const [drafted] = await core.generate([{ promptIds: prompt, seed: 5, samples: 3, draft }], options);
        plain.forEach(({ tokens, logProbabilities, stopReason }, sample) => {
          const own = drafted[sample];
          expect([name, own.tokens, own.stopReason]).toEqual([name, tokens, stopReason]);
          expect(largestDifference(own.logProbabilities, logProbabilities)).toBeLessThan(1e-5);
          expect(own.acceptedDraft).toBe(common(tokens, draft));
        });
      }
    });
  });
}
