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

it('a model that training has spoilt needs a lower learning rate, not a better start or more room', () => {
  const gone = { groups: 0, updates: 0, reward: 0, overflow_rate: 1, answer_overflow_rate: 1 };
  const spoilt = told([{ reward: 0.85 }, gone, gone, gone]).flat();
  expect(spoilt).toHaveLength(3);
  expect(spoilt[0]).toContain('In the first step that trained they earned 0.85 on average');
  expect(spoilt[1]).toContain('In the first step that trained it was 0.0%');
  for (const text of spoilt) {
    expect(text).toContain('start again with a lower learningRate');
    expect(text).not.toMatch(/Raise it|tamtrl sft/);
  }
  // Never able, or never trained: the start is at fault.
  const unable = told([{ ...gone, updates: 1, groups: 1 }, gone, gone, gone]).flat();
  const idle = told([gone, gone, gone]).flat();
  for (const all of [unable, idle]) {
    expect(all).toHaveLength(3);
    expect(all.join()).not.toContain('learningRate');
  }
});

it('rollouts that are all the same, in most groups', () => {
  const copies = { questions: 4, identical_groups: 3 };
  expect(told([copies, copies, copies])[2]).toEqual([expect.stringContaining('In most groups of steps 1 to 3 all')]);
  expect(told([copies, { questions: 4, identical_groups: 2 }, copies, copies]).flat()).toEqual([]);
});

it('an entropy that has blown up', () => {
  // Three times the first is 3, and a nat above it is 2.
  const risen = told([1, 2.9, 3.1, 3.2, 3.3].map((entropy) => ({ entropy })));
  expect(risen.map(({ length }) => length)).toEqual([0, 0, 0, 0, 1]);
  expect(risen[4][0]).toContain('The entropy rose to 3.30 by step 5');
  // Three times very little is little.
  expect(told([0.1, 0.9, 0.9, 0.9].map((entropy) => ({ entropy }))).flat()).toEqual([]);
});

it('gradients that are never finite', () => {
  const lost = { updates: 2, skipped_updates: 2 };
  expect(told([lost, { updates: 2, skipped_updates: 1 }, lost, lost]).flat()).toEqual([]);
  expect(told([lost, lost, lost])[2]).toEqual([expect.stringContaining('No gradient in steps 1 to 3 was finite')]);
});

it('a run that is resumed is compared with its own first step, not with the first one after it', () => {
  const before = new Watchdog(config);
  before.observe(stepOf(1, { updates: 0, entropy: 7 }));
  expect(before.first).toBeUndefined();
  before.observe(stepOf(2, { entropy: 1, question_copy_rate: 0.1 }));
  expect(before.first).toMatchObject({ entropy: 1, question_copy_rate: 0.1, reward: 0.5, overflow_rate: 0 });
  const collapsed = [3, 4, 5].map((step) => stepOf(step, { entropy: 0.01 }));
  const alone = new Watchdog(config);
  expect(collapsed.flatMap((step) => alone.observe(step))).toEqual([]);
  const resumed = new Watchdog(config, JSON.parse(JSON.stringify(before.first)));
  expect(collapsed.flatMap((step) => resumed.observe(step))).toEqual([expect.stringContaining('The entropy fell to')]);
  // A server that tells no entropy.
  const silent = new Watchdog(config);
  silent.observe(stepOf(1, { entropy: Number.NaN }));
  expect(silent.first?.entropy).toBe(0);
});

it('copies of the question and of the prompt, if there are more than at first', () => {
  const copied = told([0.2, 0.6, 0.7, 0.8].map((question_copy_rate) => ({ question_copy_rate })));
  expect(copied[3][0]).toContain('70.0% of the memories in steps 2 to 4 are copies of the question');
  const wording = told([0, 0.6, 0.6, 0.6].map((prompt_copy_rate) => ({ prompt_copy_rate })));
  expect(wording[3][0]).toContain('60.0% of the memories in steps 2 to 4 repeat the wording of the prompt');
  expect(told([0.6, 0.6, 0.6, 0.6].map((question_copy_rate) => ({ question_copy_rate }))).flat()).toEqual([]);
});

it('advantages of 0, and a sampler that differs from the trainer', () => {
  const zero = told([0.95, 0.91, 0.99].map((zero_advantage_rate) => ({ zero_advantage_rate })));
  expect(zero[2][0]).toContain('95.0% of the trained turns in steps 1 to 3 have an advantage of 0');
  const apart = told([0.3, 0.3, 0.6].map((sampler_trainer_difference) => ({ sampler_trainer_difference })));
  expect(apart[2][0]).toContain('Sampler and trainer disagree by 0.40 nats a token in steps 1 to 3');
});

it('nothing is told below the limits, or of steps that changed nothing', () => {
  const below = {
    overflow_rate: 0.49,
    answer_overflow_rate: 0.49,
    question_copy_rate: 0.49,
    prompt_copy_rate: 0.49,
    zero_advantage_rate: 0.89,
    sampler_trainer_difference: 0.24,
    entropy: 0.06,
  };
  expect(told([{}, below, below, below, below]).flat()).toEqual([]);
  const asAtFirst = { prompt_copy_rate: 0.6 };
  expect(told([asAtFirst, asAtFirst, asAtFirst]).flat()).toEqual([]);
  const unchanged = { updates: 0, entropy: 0, zero_advantage_rate: 1, sampler_trainer_difference: 1 };
  expect(told([{}, unchanged, unchanged, unchanged]).flat()).toEqual([]);
});

it('a run that learns gets no warning', () => {
  expect(told([{}, { reward: 0.6 }, { groups: 0, updates: 0 }, {}, { overflow_rate: 0.4 }]).flat()).toEqual([]);
});
