import { expect, it } from 'vitest';
import { areEqual, collectUseful, hasGradient } from './dynamic-sampling.js';

/** Draws 0, 1, 2, … in order. */
function counter() {
  let next = 0;
  const asked: number[] = [];
  const draw = async (count: number) => {
    asked.push(count);
    return Array.from({ length: count }, () => next++);
  };
  return { draw, asked };
}

it('draws what is missing until there are enough', async () => {
  const { draw, asked } = counter();
  const result = await collectUseful(draw, (item) => item % 2 === 0, { wanted: 4, maxRounds: 9, keepAll: false });
  // 0 1 2 3 -> 0 2; 4 5 -> 4; 6 -> 6.
  expect(asked).toEqual([4, 2, 1]);
  expect(result).toEqual({ kept: [0, 2, 4, 6], dropped: 3, drawn: 7, rounds: 3 });
});

it('gives up at the cap and reports what was dropped', async () => {
  const { draw } = counter();
  const result = await collectUseful(draw, () => false, { wanted: 3, maxRounds: 2, keepAll: false });
  expect(result).toEqual({ kept: [], dropped: 6, drawn: 6, rounds: 2 });
});

it('switched off, everything is kept', async () => {
  const { draw } = counter();
  const result = await collectUseful(draw, () => false, { wanted: 3, maxRounds: 5, keepAll: true });
  expect(result).toEqual({ kept: [0, 1, 2], dropped: 0, drawn: 3, rounds: 1 });
});

it('a group is useful if any turn distinguishes its rollouts, even if all failed', () => {
  const none = [
    [0, 0],
    [0, 0],
  ];
  expect(hasGradient({ advantages: none })).toBe(false);
  expect(
    hasGradient({
      advantages: [
        [0.2, 0],
        [-0.2, 0],
      ],
    }),
  ).toBe(true);
  // Tokens whose advantages add up to nothing teach something all the same.
  expect(hasGradient({ advantages: none, tokenAdvantages: [[[0.5, -0.5], [0]]] })).toBe(true);
  expect(hasGradient({ advantages: none, tokenAdvantages: [[[0, 0], [0]]] })).toBe(false);
});

it("DAPO's criterion: outcomes that are all equal, right or wrong", () => {
  expect([[1, 1, 1], [0, 0], [0.5], [1, 0]].map(areEqual)).toEqual([true, true, true, false]);
});
