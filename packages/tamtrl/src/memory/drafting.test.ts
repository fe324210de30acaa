import { expect, it } from 'vitest';
import { Drafting } from './drafting.js';

const memory = [5, 6, 7];
const chat = { stopIds: [1, 2] };

/** Whether each of so many updates has a draft if the model accepts this many of its tokens. */
function given(updates: number, accepted: (update: number) => number | undefined): boolean[] {
  const drafting = new Drafting(chat, {});
  return Array.from({ length: updates }, (_, update) => {
    const draft = drafting.next(memory);
    const count = accepted(update);
    drafting.saw(draft && count !== undefined ? { drafted: draft.length, accepted: count } : undefined);
    return draft !== undefined;
  });
}

it('is the old memory and the token that ends a turn', () => {
  expect(new Drafting(chat, {}).next(memory)).toEqual([5, 6, 7, 1]);
  expect(new Drafting(chat, {}).next([])).toEqual([1]);
});

it('is the output that leaves the memory as it is, where the prompts have one', () => {
  expect(new Drafting(chat, { unchanged: [9] }).next(memory)).toEqual([9, 1]);
});

it('is offered with every update while some of it is accepted, or before anything is known', () => {
  expect(given(20, () => 1)).not.toContain(false);
  expect(given(20, () => undefined)).not.toContain(false);
  expect(given(20, (update) => update % 2)).not.toContain(false);
});

it('is offered less and less often while it does not help, and with every update once it does', () => {
  const places = (drafts: boolean[]) => drafts.flatMap((has, update) => (has ? [update] : []));
  expect(places(given(80, () => 0))).toEqual([0, 1, 3, 6, 11, 20, 37, 54, 71]);
  expect(places(given(16, (update) => (update < 11 ? 0 : 4)))).toEqual([0, 1, 3, 6, 11, 12, 13, 14, 15]);
});
