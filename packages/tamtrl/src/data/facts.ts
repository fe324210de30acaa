/**
 * Measures by words how much of the evidence a memory holds. This labels memories for a process reward model if a task
 * has no ideal memory.
 */

const FUNCTION_WORDS = new Set(
  'a an the and or but of in on at to for from by with as is are was were be been being it its he she his her they their them that this these those which who whom whose what when where how not also has have had do does did into after before than then there'.split(
    ' ',
  ),
);

/**
 * Share of the evidence's content words that the memory holds, as a mean over the evidence read so far (filtered chunks
 * that are not empty). Words of the question carry no information and do not count. The result is 1 until there is
 * evidence.
 */
export function factsHeld(
  question: string,
  filteredChunks: readonly string[],
): (turn: number, memory: string) => number {
  const asked = new Set(wordsOf(question));
  const needed = filteredChunks.map((text) => new Set(wordsOf(text).filter((word) => !asked.has(word))));
  return (turn, memory) => {
    const held = new Set(wordsOf(memory));
    const shares = needed
      .slice(0, turn + 1)
      .filter((words) => words.size > 0)
      .map((words) => [...words].filter((word) => held.has(word)).length / words.size);
    return shares.length === 0 ? 1 : shares.reduce((a, b) => a + b, 0) / shares.length;
  };
}

function wordsOf(text: string): string[] {
  const words = text.toLowerCase().match(/[\p{L}\p{M}\p{N}]+/gu) ?? [];
  return words.filter((word) => !FUNCTION_WORDS.has(word));
}
