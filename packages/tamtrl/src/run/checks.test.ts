import { expect, it } from 'vitest';
import { runConfigSchema } from '../train/config.js';
import { warnings } from './checks.js';
import type { Sources } from './sources.js';

const sources = { train: { size: 0 }, problems: [], blanks: [], warnings: [] } as unknown as Sources;
const told = (settings: object) => warnings(sources, runConfigSchema.parse(settings));

it('a learning rate that never arrives is told before the run', async () => {
  const text = 'the learning rate is still rising at the end';
  expect(await told({ steps: 5, warmupSteps: 5 })).toEqual([expect.stringContaining(text)]);
  expect(await told({ steps: 5, warmupSteps: 4 })).toEqual([]);
  expect(await told({ steps: 1 })).toEqual([]);
});
