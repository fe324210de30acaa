/** Places in a text that are between what a reader takes for characters: graphemes, of Unicode's annex 29. */

const GRAPHEMES = new Intl.Segmenter('und', { granularity: 'grapheme' });
/** Code units of a grapheme that is kept whole. Longer ones are not real text: marks can be piled up endlessly. */
const LONGEST = 64;
/** No code unit below this continues a grapheme, except in line breaks. */
const FIRST_MARK = 0x300;

/** The end of the grapheme that `end` lies within, or `end` if it lies between two. `start` lies between two. */
export function graphemeEnd(text: string, start: number, end: number): number {
  const next = text.charCodeAt(end);
  if (Number.isNaN(next) || next < FIRST_MARK) return end;
  for (const { index, segment } of GRAPHEMES.segment(text.slice(start, end + LONGEST))) {
    const boundary = start + index + segment.length;
    if (boundary >= end) return boundary < end + LONGEST ? boundary : end;
  }
  return end;
}

/** Code units before the place at which a text is cut in two: between graphemes if it has several, else code points. */
export function halfOf(text: string): number {
  const middle = text.length >> 1;
  let best = 0;
  for (const { index } of GRAPHEMES.segment(text)) {
    if (index > 0 && (best === 0 || Math.abs(index - middle) < Math.abs(best - middle))) best = index;
  }
  if (best > 0) return best;
  const between = Math.max(codePointLength(text, 0), middle);
  return insideSurrogatePair(text, between) ? between - 1 : between;
}

export function codePointLength(text: string, offset: number): number {
  return (text.codePointAt(offset) ?? 0) > 0xffff ? 2 : 1;
}

function insideSurrogatePair(text: string, offset: number): boolean {
  return /^[\ud800-\udbff][\udc00-\udfff]/.test(text.slice(offset - 1, offset + 1));
}
