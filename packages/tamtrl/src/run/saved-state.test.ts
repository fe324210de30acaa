import { expect, it } from 'vitest';
import type { RunState } from '../train/store.js';
import { savedCheckpointSchema } from './saved-state.js';

it('a state that was read is written in the order in which a run gets its values', () => {
  const state: RunState = {
    kind: 'reinforcement',
    step: 0,
    position: 0,
    evaluatedStep: 0,
    evaluationsWithoutGain: 0,
    snapshots: ['initial'],
    seconds: 0.5,
    tokens: { prompt: 1, sampled: 2, scored: 3, trained: 4 },
  };
  state.latest = 0.25;
  state.before = 0.25;
  state.best = { step: 0, metric: 'exact_match', score: 0.25 };
  const text = JSON.stringify({ state, config: {} });
  expect(JSON.stringify(savedCheckpointSchema.parse(JSON.parse(text)))).toBe(text);
});
