import { describe, expect, it } from 'vitest';
import type { Trajectory, Turn } from '../memory/trajectory.js';
import type { RolloutGroup } from './group.js';
import type { MethodResult } from './method.js';
import { checkedResult } from './result.js';

/** A group whose rollouts have the given numbers of memory turns. */
function groupOf(id: string, turns: readonly number[]): RolloutGroup {
  const trajectories = turns.map((count, sample) => {
    const kinds = [...Array.from({ length: count }, () => 'memory'), 'answer'];
    return { sample, turns: kinds.map((kind) => ({ kind }) as Turn) } as Trajectory;
  });
  return { id, question: 'q', answers: ['a'], trajectories, outcomes: turns.map(() => 0) };
}

const groups = [groupOf('first', [2, 1]), groupOf('second', [0])];
const check = (result: unknown) => () => checkedResult('mine', groups, result as MethodResult);

describe('the result of a method', () => {
  it('is passed on whole, with nothing left open', () => {
    const scores = [[[0, -37], [1e300]], [[]]];
    expect(check({ scores, tokens: 7, metrics: { depth: 2 } })()).toEqual({ scores, tokens: 7, metrics: { depth: 2 } });
    expect(check({ scores })()).toEqual({ scores, tokens: 0, metrics: {} });
    // Outcome only.
    expect(check({})()).toEqual({ scores: undefined, tokens: 0, metrics: {} });
  });

  it('is refused if a score is not a number', () => {
    const place = 'as the score of memory turn 1 of rollout 0 of group 0 ("first"), expected a finite number';
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, undefined, null, '1']) {
      const text = typeof value === 'string' ? '"1"' : String(value);
      expect(check({ scores: [[[0, value], [1]], [[]]] })).toThrow(`The method mine returned ${text} ${place}`);
    }
    // A hole in an array is undefined.
    const sparse = [0];
    sparse.length = 2;
    expect(check({ scores: [[sparse, [1]], [[]]] })).toThrow(`The method mine returned undefined ${place}`);
  });

  it("is refused if its shape differs from the rollouts'", () => {
    const cases: [unknown, string][] = [
      [[], 'returned scores for 0 groups of the draw, expected scores for 2 groups'],
      [[[[0, 0], [0]]], 'returned scores for 1 groups of the draw, expected scores for 2 groups'],
      [[[[0, 0]], [[]]], 'returned scores for 1 rollouts of group 0 ("first"), expected scores for 2 rollouts'],
      [
        [[[0, 0], []], [[]]],
        'returned scores for 0 memory turns of rollout 1 of group 0 ("first"), expected scores for 1',
      ],
      [[[[0, 0], [0]], [[1]]], 'returned scores for 1 memory turns of rollout 0 of group 1 ("second"), expected'],
      [[[[0, 0], undefined], [[]]], 'returned undefined instead of scores of rollout 1 of group 0 ("first")'],
      [0.5, 'returned 0.5 instead of scores of the draw'],
      [null, 'returned null instead of scores of the draw'],
    ];
    for (const [scores, sentence] of cases) expect(check({ scores })).toThrow(`The method mine ${sentence}`);
  });

  it('is refused if it is empty, or its other values are not numbers', () => {
    expect(check(undefined)).toThrow('The method mine returned undefined, expected an object with scores.');
    expect(check([[[0, 0], [0]], [[]]])).toThrow('The method mine returned a list, expected an object with scores.');
    expect(check({ score: [[[0, 0], [0]], [[]]] })).toThrow(
      'The method mine returned an unknown part "score", expected one of: scores, outcomes, ',
    );
    expect(check({ tokens: Number.NaN })).toThrow('The method mine returned NaN as its tokens');
    expect(check({ tokens: -1 })).toThrow('returned -1 as its tokens, expected a number of at least 0');
    expect(check({ metrics: { depth: Number.NaN } })).toThrow('returned NaN as its metric "depth"');
  });
});
