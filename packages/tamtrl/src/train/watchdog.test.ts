import { expect, it } from 'vitest';
import { runConfigSchema } from './config.js';
import type { StepMetrics } from './metrics.js';
import { Watchdog } from './watchdog.js';

const config = runConfigSchema.parse({ memory: { memoryTokens: 10, answerTokens: 6 } });

function stepOf(step: number, more: Partial<StepMetrics> = {}): StepMetrics {
  const good = { groups: 4, updates: 1, reward: 0.5, overflow_rate: 0, answer_overflow_rate: 0, entropy: 1 };
  return { kind: 'step', step, ...good, ...more } as StepMetrics;
}

function told(steps: readonly Partial<StepMetrics>[]): string[][] {
  const dog = new Watchdog(config);
  return steps.map((more, at) => dog.observe(stepOf(at + 1, more)));
}

it('three steps in a row without a gradient are reported once, with advice', () => {
  const idle = { groups: 0, updates: 0, reward: 0 };
  const all = told([idle, idle, {}, idle, idle, idle, idle]);
  expect(all.map(({ length }) => length)).toEqual([0, 0, 0, 0, 0, 1, 0]);
  expect(all[5][0]).toMatch(/^No group of rollouts had a gradient in steps 4 to 6, so the weights have not changed\./);
  expect(all[5][0]).toContain('Every answer earned 0.');
  expect(told([1, 1, 1].map((reward) => ({ ...idle, reward })))[2][0]).toContain('Every answer was right');
  expect(told([0.5, 1, 0].map((reward) => ({ ...idle, reward })))[2][0]).toContain('groupSize is 8');
});

it('outputs that never end, and an entropy that is gone', () => {
  const [, , cut] = told([0.9, 0.8, 0.7].map((overflow_rate) => ({ overflow_rate })));
  expect(cut[0]).toContain('80.0% of the memories in steps 1 to 3 were cut off at memory.memoryTokens (10)');
  const [, , answers] = told([1, 1, 1].map((answer_overflow_rate) => ({ answer_overflow_rate })));
  expect(answers[0]).toContain('100.0% of the answers in steps 1 to 3 were cut off at memory.answerTokens (6)');
  const fallen = told([1, 0.5, 0.04, 0.03, 0.02].map((entropy) => ({ entropy })));
  expect(fallen.map(({ length }) => length)).toEqual([0, 0, 0, 0, 1]);
  expect(fallen[4][0]).toContain('The entropy fell to 0.0200 by step 5');
});

it('rollouts that are all the same, in most groups', () => {
  const copies = { questions: 4, identical_groups: 3 };
  expect(told([copies, copies, copies])[2]).toEqual([expect.stringContaining('In most groups of steps 1 to 3 all')]);
  expect(told([copies, { questions: 4, identical_groups: 2 }, copies, copies]).flat()).toEqual([]);
});

it('a run that learns gets no warning', () => {
  expect(told([{}, { reward: 0.6 }, { groups: 0, updates: 0 }, {}, { overflow_rate: 0.4 }]).flat()).toEqual([]);
});
