/**
 * The engine against Hugging Face transformers and PyTorch, on tiny random models: every family in one piece, two of
 * them in layers. `reference.slow.test.ts` has the layers of the others.
 */
import { expect, it } from 'vitest';
import { ARCHITECTURES, LAYERED_FIRST, referenceCases } from './reference.test-support.js';
import { describePlan, openReference } from './reference-plans.test-support.js';

for (const architecture of ARCHITECTURES) {
  const cases = referenceCases(architecture);
  describePlan(architecture, 'whole');
  if (LAYERED_FIRST.includes(architecture)) describePlan(architecture, 'layered');

  it(`${architecture}: greedy tokens, together and alone`, async () => {
    const core = await openReference(architecture, 'whole');
    for (const { promptIds, maxTokens, stopIds, tokens, stopReason } of cases.greedy) {
      const [[sample]] = await core.generate([{ promptIds }], { maxTokens, stopIds, temperature: 0 });
      expect(sample.tokens).toEqual(tokens);
      expect(sample.stopReason).toBe(stopReason);
    }
    const free = cases.greedy.filter(({ stopIds }) => stopIds.length === 0);
    const requests = free.map(({ promptIds, maxTokens }) => ({ promptIds, maxTokens, samples: 2 }));
    const together = await core.generate(requests, { maxTokens: 1, temperature: 0, maxBatch: 3 });
    together.forEach((samples, index) => {
      for (const sample of samples) expect(sample.tokens).toEqual(free[index].tokens);
    });
    // Half of each prompt is read before the rest, which then attends to a cache and asks for the draft's tokens too.
    const drafted = free.map(({ promptIds, maxTokens, tokens }) => {
      return { promptIds, maxTokens, sharedTokens: promptIds.length >> 1, draft: tokens.slice(0, 9) };
    });
    const checked = await core.generate(drafted, { maxTokens: 1, temperature: 0 });
    checked.forEach(([sample], index) => {
      expect(sample.tokens).toEqual(free[index].tokens);
      expect(sample.acceptedDraft).toBe(9);
    });
    await core.close();
  });
}
