import { expect, it } from 'vitest';
import type { EvaluationMetrics, StepMetrics } from '../../train/metrics.js';
import type { Io } from './io.js';
import { RunView } from './run-view.js';

const evaluation = {
  kind: 'evaluation',
  step: 0,
  metric: 'exact_match',
  score: 0.191,
  exact_match: 0.191,
  f1: 0.4,
  sub_exact_match: 0.2,
} as EvaluationMetrics;
const evaluated = {
  type: 'evaluation',
  metrics: { ...evaluation, memory_tokens: 6, questions: 256, seconds: 2 },
} as const;
const metrics = {
  kind: 'step',
  reward: 0.25,
  exact_match: 0.5,
  memory_tokens: 6.25,
  tokens: { prompt: 600, sampled: 200, scored: 100, trained: 100 },
  seconds: { rollout: 0.3, train: 0.2 },
} as StepMetrics;

/** A run of two steps of ten seconds each, as it is written to a terminal or a pipe. */
function written(interactive: boolean, columns = 200): string {
  let text = '';
  let now = 0;
  const err = (more: string) => {
    text += more;
  };
  const io: Io = { out: () => {}, err, interactive, columns: () => columns, erase: () => err('\r\x1b[2K') };
  const progress = new RunView(io, { steps: 3, evaluateEvery: 0 }, () => now);
  progress.event({ type: 'started', step: 0, resumed: false, folder: 'runs/x' });
  now += 2_000;
  progress.event(evaluated);
  for (const step of [1, 2]) {
    progress.tick({ phase: 'rollout', step, finished: 40, total: 80, tokens: 1 });
    now += 10_000;
    progress.event({ type: 'step', metrics: { ...metrics, step }, trajectories: [] });
  }
  progress.note('Saving.');
  progress.end();
  return text;
}

it('piped: one plain line for each step and evaluation', () => {
  expect(written(false).split('\n')).toEqual([
    'Training in runs/x',
    'Held-out before training: exact match 19.1%, F1 40.0%, sub-exact match 20.0%, memory 6.0 tokens (256 questions, 2.0 s)',
    'step 1/3: reward 0.250, exact match 50.0%, memory 6.3 tokens, 2,000 tokens/s, 22 s left',
    'step 2/3: reward 0.250, exact match 50.0%, memory 6.3 tokens, 2,000 tokens/s, 12 s left',
    'Saving.',
    '',
  ]);
});

it('on a terminal one line is drawn over, and evaluations and notes stay', () => {
  const text = written(true);
  // What is left on the screen: the part of each line after the last erasure.
  const screen = text.split('\n').map((line) => line.split('\r\x1b[2K').at(-1));
  expect(screen).toEqual(['Training in runs/x', expect.stringMatching(/^Held-out before/), 'Saving.', '']);
  expect(text).toContain('step 1 rollout 40/80');
  const longest = written(true, 40)
    .replaceAll('\r\x1b[2K', '\n')
    .split('\n')
    .filter((line) => line.startsWith('step'))
    .reduce((most, line) => Math.max(most, line.length), 0);
  expect(longest).toBe(39);
});
