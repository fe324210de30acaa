/** Finds outputs that only repeat themselves. */

/** Times that a stretch has to occur in a row. */
const TIMES = 3;

/** Share of the text that the repetitions take. */
const SHARE = 0.5;

/** Shorter texts say nothing: "no no no". */
const LEAST_CHARACTERS = 24;

/**
 * Whether the end of a text is one stretch several times in a row, which takes at least half of the text. Case, white
 * space and digits do not count, so that numbered lines of one content are found too. The last repetition may be cut
 * off.
 */
export function isRepetition(text: string): boolean {
  const plain = text.toLowerCase().replaceAll(/[\s\p{N}]+/gu, '');
  if (plain.length < LEAST_CHARACTERS) return false;
  const reversed = [...plain].reverse();
  // Knuth, Morris and Pratt's failure function: the longest proper border of each beginning. A beginning of length n
  // with a border of length b repeats itself every n - b characters.
  const border = [0];
  for (let at = 1, length = 0; at < reversed.length; at++) {
    while (length > 0 && reversed[at] !== reversed[length]) length = border[length - 1];
    if (reversed[at] === reversed[length]) length++;
    border.push(length);
    const whole = at + 1;
    if (whole >= SHARE * reversed.length && whole >= TIMES * (whole - length)) return true;
  }
  return false;
}
