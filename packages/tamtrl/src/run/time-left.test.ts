import { expect, it } from 'vitest';
import { TimeLeft } from './time-left.js';

it('time left: medians of recent steps, and the evaluations still to come', () => {
  const left = new TimeLeft({ steps: 20, evaluateEvery: 10 });
  left.started(0, 0);
  left.evaluated(4);
  expect(left.seconds()).toBeUndefined();
  left.stepped(1, 5);
  expect(left.seconds()).toBe(19 * 1 + 2 * 4);
  // A slow step is passed over.
  left.stepped(2, 106);
  left.stepped(3, 107);
  expect(left.seconds()).toBe(17 * 1 + 2 * 4);
  left.stepped(10, 108);
  expect(left.seconds()).toBe(10 * 1 + 2 * 4);
  left.evaluated(112);
  left.stepped(11, 113);
  expect(left.seconds()).toBe(9 * 1 + 1 * 4);
  left.stepped(20, 114);
  expect(left.seconds()).toBe(4);
});
