import { expect, it } from 'vitest';
import { SeededRandom } from '../base/random.js';
import { drawnTurn } from './sft-rows.js';

/** Ten chunks: the first four change the memory, the last in a way of its own; the fifth leaves it as it is. */
const chunks = Array.from({ length: 10 }, (_, index) => ({ index, start: 0, end: 0, ids: [] }));
const example = {
  chunks,
  idealMemories: ['nothing', 'a', 'b', 'c', 'd', ...Array<string>(6).fill('d')],
  changeKinds: ['at+', 'at+', 'at+', 'at was+', 'stays', ...Array<undefined>(5)],
};

/** How often each conversation is drawn in 4,000 draws; the last is the answer. */
function shares(
  config: { changingShare?: number; balanceChanges: boolean },
  of: Parameters<typeof drawnTurn>[0] = example,
) {
  const random = new SeededRandom('shares', 1);
  const counts = Array<number>(chunks.length + 1).fill(0);
  for (let draw = 0; draw < 4000; draw++) counts[drawnTurn(of, config, random)]++;
  return counts.map((count) => count / 4000);
}

const near = (share: number) => expect.closeTo(share, 1);

it('all conversations are equally likely without changingShare', () => {
  expect(shares({ balanceChanges: true })).toEqual(Array(11).fill(near(1 / 11)));
});

it('changing turns take their share, each as likely as the other', () => {
  const drawn = shares({ changingShare: 1, balanceChanges: false });
  expect(drawn.slice(0, 4)).toEqual(Array(4).fill(near(0.25)));
  expect(drawn.slice(4)).toEqual(Array(7).fill(0));
});

it('balanceChanges draws the kind of a change first', () => {
  const drawn = shares({ changingShare: 1, balanceChanges: true });
  expect(drawn.slice(0, 5)).toEqual([near(1 / 9), near(1 / 9), near(1 / 9), near(1 / 3), near(1 / 3)]);
  expect(drawn.slice(5)).toEqual(Array(6).fill(0));
});

it('an example that does not know the kinds of its changes has them drawn alike', () => {
  const { changeKinds: _, ...unknown } = example;
  expect(shares({ changingShare: 1, balanceChanges: true }, unknown).slice(0, 4)).toEqual(Array(4).fill(near(0.25)));
});
