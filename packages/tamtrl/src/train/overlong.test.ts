import { expect, it } from 'vitest';
import type { Trajectory } from '../memory/trajectory.js';
import { overlongPenalty, withoutOverlong } from './overlong.js';

it('DAPO, equation 13, with a limit of 20 and a buffer of 4', () => {
  const penalty = (tokens: number) => overlongPenalty(tokens, 20, { buffer: 4, penalty: 1 });
  expect([10, 16, 17, 18, 20, 25].map(penalty)).toEqual([0, 0, -0.25, -0.5, -1, -1]);
});

it('the penalty scales; without a buffer there is none', () => {
  expect(overlongPenalty(18, 20, { buffer: 4, penalty: 0.5 })).toBe(-0.25);
  expect(overlongPenalty(20, 20, { buffer: 0, penalty: 1 })).toBe(0);
});

it('overlong filtering leaves out what was cut off: the turn, or its whole rollout', () => {
  const [a, b] = [{}, {}] as Trajectory[];
  const rows = [
    { rollout: a, cut: true, name: 'a1' },
    { rollout: a, cut: false, name: 'a2' },
    { rollout: b, cut: false, name: 'b1' },
  ];
  const left = (filter?: 'turn' | 'rollout') => withoutOverlong(rows, filter).map(({ name }) => name);
  expect(left()).toEqual(['a1', 'a2', 'b1']);
  expect(left('turn')).toEqual(['a2', 'b1']);
  expect(left('rollout')).toEqual(['b1']);
});
