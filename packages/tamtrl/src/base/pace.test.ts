import { expect, it } from 'vitest';
import { Pace } from './pace.js';

it('reports are due at intervals, and the rest takes as long as what is done', () => {
  let now = 5000;
  const pace = new Pace(2000, () => now);
  expect(pace.isDue()).toBe(false);
  now = 7000;
  expect([pace.isDue(), pace.isDue()]).toEqual([true, false]);
  expect(pace.seconds).toBe(2);
  expect([pace.left(4, 6), pace.left(4, 0), pace.left(4, -1)]).toEqual([3, 0, 0]);
  now = 8999;
  expect(pace.isDue()).toBe(false);
  now = 9000;
  expect(pace.isDue()).toBe(true);
});
