/** Which words of the gold answers a memory held, turn by turn. */
import type { LostWords } from './types.js';

/** Too common to show that anything was kept. */
const COMMON = new Set('a an the of in on at to and or is was were are by for with from it its no yes'.split(' '));

function words(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{M}\p{N}]+/gu) ?? [];
}

/** Words of all gold answers, common ones only where an answer has no others. */
export function answerWords(answers: readonly string[]): string[] {
  const found = answers.flatMap((answer) => {
    const all = words(answer);
    const telling = all.filter((word) => !COMMON.has(word));
    return telling.length > 0 ? telling : all;
  });
  return [...new Set(found)];
}

/**
 * Words that stood in the memory before a turn and not after it. The first memory holds nothing.
 * @param memories after each memory turn
 */
export function lostWords(answers: readonly string[], memories: readonly string[]): LostWords[] {
  const wanted = answerWords(answers);
  const held = memories.map((memory) => new Set(words(memory)));
  return held.flatMap((now, at): LostWords[] => {
    const before = held[at - 1];
    const gone = wanted.filter((word) => before?.has(word) && !now.has(word));
    return gone.length > 0 ? [{ turn: at + 1, words: gone }] : [];
  });
}

/**
 * Words that stood in what was relevant of a chunk, and not in the memory after it.
 * @param relevant text of each chunk that was marked
 */
export function missedWords(
  answers: readonly string[],
  memories: readonly string[],
  relevant: readonly string[],
): LostWords[] {
  const wanted = answerWords(answers);
  return memories.flatMap((memory, at): LostWords[] => {
    const shown = new Set(words(relevant[at] ?? ''));
    const held = new Set(words(memory));
    const before = new Set(words(memories[at - 1] ?? ''));
    const missing = wanted.filter((word) => shown.has(word) && !held.has(word) && !before.has(word));
    return missing.length > 0 ? [{ turn: at + 1, words: missing }] : [];
  });
}
