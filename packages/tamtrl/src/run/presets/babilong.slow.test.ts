/** The embedded model `babi`: the preset makes it, step by step as it was made. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { randomModel } from '../../models/embedded.js';
import { openLocalPolicy } from '../../policy/local.js';
import { sftConfigSchema } from '../../train/config.js';
import { warmUp } from '../../train/sft.js';
import { RunFolder } from '../folder.js';
import { openSources } from '../sources.js';
import { BABILONG_WARM_UP } from './babilong.js';

/**
 * Losses of the first steps of the run that the package's model comes from. Its processor, with AVX2, gives the same
 * digits again; others round differently, which shows in the fifth.
 */
const LOSSES = [8.33066, 8.33429, 8.26399, 8.24702, 8.16017, 8.07873, 8.01106, 7.93255, 7.8829, 7.83477, 7.73128];

it('the warm start begins as that of the shipped model', async () => {
  const config = sftConfigSchema.parse({ ...BABILONG_WARM_UP, evaluation: { every: 0, questions: 1 } });
  const policy = await openLocalPolicy(await randomModel('babi', config.seed));
  try {
    const sources = await openSources(config, policy.tokenizer, { needsRelevance: false });
    const store = new RunFolder(join(await mkdtemp(join(tmpdir(), 'tamtrl-babi-')), 'run'));
    const found: number[] = [];
    for await (const event of warmUp({ config, policy, ...sources, store })) {
      if (event.type === 'step') found.push(event.metrics.loss);
      if (found.length === LOSSES.length) break;
    }
    expect(found).toHaveLength(LOSSES.length);
    found.forEach((loss, step) => void expect(loss).toBeCloseTo(LOSSES[step], 3));
  } finally {
    await policy.close();
  }
});
