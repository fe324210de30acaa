/** BM25 (Robertson and Zaragoza 2009, idf with + 1), for relevance marks and for retrieval. */

/** What the scores need of a text. */
export interface CountedText {
  /** How often it has each of the query's words. */
  counts: ReadonlyMap<string, number>;
  /** All its words. */
  length: number;
}

export function countedText(query: ReadonlySet<string>, words: readonly string[]): CountedText {
  const counts = new Map<string, number>();
  for (const word of words) if (query.has(word)) counts.set(word, (counts.get(word) ?? 0) + 1);
  return { counts, length: words.length };
}

/**
 * Scores each text (a list of words) for the query's words. The texts themselves are the collection.
 * @param k1 saturation of repeated words @param b length normalisation
 */
export function bm25(query: ReadonlySet<string>, texts: readonly (readonly string[])[], k1 = 1.2, b = 0.75): number[] {
  return bm25OfCounts(
    texts.map((words) => countedText(query, words)),
    k1,
    b,
  );
}

/** The same for texts whose words have been counted. */
export function bm25OfCounts(texts: readonly CountedText[], k1 = 1.2, b = 0.75): number[] {
  const documentFrequency = new Map<string, number>();
  for (const { counts } of texts) {
    for (const word of counts.keys()) documentFrequency.set(word, (documentFrequency.get(word) ?? 0) + 1);
  }
  const meanLength = texts.reduce((sum, { length }) => sum + length, 0) / Math.max(1, texts.length);
  return texts.map(({ counts, length }) => {
    let score = 0;
    for (const [word, count] of counts) {
      const holding = documentFrequency.get(word)!;
      const idf = Math.log(1 + (texts.length - holding + 0.5) / (holding + 0.5));
      const norm = 1 - b + (b * length) / meanLength;
      score += (idf * count * (k1 + 1)) / (count + k1 * norm);
    }
    return score;
  });
}

/** Lowercase words and numbers; accents and combining marks are part of the word. */
export function wordsOf(text: string): string[] {
  return (
    text
      .normalize('NFC')
      .toLowerCase()
      .match(/[\p{L}\p{M}\p{N}]+/gu) ?? []
  );
}

/** Scripts that write no spaces between words. */
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]+/u;

/** Words, and of a script without spaces each two neighbouring characters, by which such texts are searched. */
export function searchTermsOf(text: string): string[] {
  return wordsOf(text).flatMap((word) => (UNSPACED.test(word) ? pairsOf(word) : [word]));
}

function pairsOf(word: string): string[] {
  const characters = [...word];
  if (characters.length < 2) return characters;
  return characters.slice(1).map((character, at) => characters[at] + character);
}
