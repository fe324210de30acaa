/** Which rollouts of a run are shown: the server and a page that stands alone agree on it. */
import type { RolloutEntry, RolloutFilter } from './types.js';

/** Entries of a page. */
export const PAGE = 50;

/**
 * The entries of a page, and how many fit the filter.
 * @param all in the order in which they were kept
 */
export function filterRollouts(
  all: readonly RolloutEntry[],
  { show, turn, text, order, from }: RolloutFilter,
): { entries: RolloutEntry[]; total: number } {
  const wanted = text.trim().toLowerCase();
  const at = (found: readonly { turn: number }[]) => found.some((one) => turn === 0 || one.turn === turn);
  const fits = (entry: RolloutEntry): boolean => {
    if (show === 'right' && entry.outcome < 1) return false;
    if (show === 'wrong' && entry.outcome >= 1) return false;
    if (show === 'lost' && !at(entry.lost)) return false;
    if (show === 'missed' && !at(entry.missed)) return false;
    return wanted === '' || [entry.question, entry.questionId, entry.answer].join('\n').toLowerCase().includes(wanted);
  };
  const entries: RolloutEntry[] = [];
  let total = 0;
  for (let i = 0; i < all.length; i++) {
    const entry = all[order === 'oldest' ? i : all.length - 1 - i];
    if (!fits(entry)) continue;
    if (total >= from && entries.length < PAGE) entries.push(entry);
    total++;
  }
  return { entries, total };
}
