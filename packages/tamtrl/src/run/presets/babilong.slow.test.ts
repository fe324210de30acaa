/** The preset's warm start is the same run whenever it is run, whatever else changes. */
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
 * Losses of its first steps on a Xeon with AVX-512; other processors round differently, which shows in the fifth digit.
 */
const LOSSES = [8.35609, 8.34104, 8.28007, 8.23667, 8.16559, 8.03825, 7.98693, 7.83687, 7.82953, 7.81802, 7.71157];

it('the warm start draws the same questions, turns and notes', async () => {
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
