/** Sentences with their offsets, by Unicode's rules (UAX #29, `Intl.Segmenter`) with a correction for abbreviations. */

export interface TextRange {
  /** Offset of the first UTF-16 code unit. */
  start: number;
  /** Offset after the last. */
  end: number;
}

const segmenter = new Intl.Segmenter('en', { granularity: 'sentence' });

/** Abbreviations after which UAX #29 wrongly ends a sentence before a capital: titles, initials, a few Latin ones. */
const ABBREVIATION =
  /(?:^|[\s(["'“‘])(?:Mr|Mrs|Ms|Dr|Prof|St|Sr|Jr|Gen|Col|Capt|Lt|Sgt|Rev|Hon|Gov|Sen|Rep|No|vs|ca|c|cf|approx|\p{Lu}(?:\.\p{Lu})*)\.$/u;

/**
 * Sentences of a text in order, without the white space around them. A line break always ends a sentence. The text is
 * segmented line by line, so that the cost stays linear in its length.
 */
export function splitSentences(text: string): TextRange[] {
  const sentences: TextRange[] = [];
  let lineStart = 0;
  while (lineStart < text.length) {
    const lineBreak = text.indexOf('\n', lineStart);
    const lineEnd = lineBreak < 0 ? text.length : lineBreak;
    if (lineEnd > lineStart) splitLine(text.slice(lineStart, lineEnd), lineStart, sentences);
    lineStart = lineEnd + 1;
  }
  return sentences;
}

function splitLine(line: string, offset: number, sentences: TextRange[]): void {
  let open: number | undefined;
  for (const { index, segment } of segmenter.segment(line)) {
    const start: number = open ?? index;
    const end = index + segment.length;
    if (end < line.length && ABBREVIATION.test(line.slice(Math.max(start, end - 24), end).trimEnd())) {
      open = start;
      continue;
    }
    open = undefined;
    const sentence = line.slice(start, end);
    const trimmedStart = start + (sentence.length - sentence.trimStart().length);
    const trimmedEnd = end - (sentence.length - sentence.trimEnd().length);
    if (trimmedEnd > trimmedStart) sentences.push({ start: offset + trimmedStart, end: offset + trimmedEnd });
  }
}
