/** BM25 (Robertson and Zaragoza 2009, idf with + 1), for relevance marks and for retrieval. */

/**
 * Scores each text (a list of words) for the query's words. The texts themselves are the collection.
 * @param k1 saturation of repeated words @param b length normalisation
 */
export function bm25(query: ReadonlySet<string>, texts: readonly (readonly string[])[], k1 = 1.2, b = 0.75): number[] {
  const frequencies = texts.map((words) => {
    const counts = new Map<string, number>();
    for (const word of words) if (query.has(word)) counts.set(word, (counts.get(word) ?? 0) + 1);
    return counts;
  });
  const documentFrequency = new Map<string, number>();
  for (const counts of frequencies) {
    for (const word of counts.keys()) documentFrequency.set(word, (documentFrequency.get(word) ?? 0) + 1);
  }
  const meanLength = texts.reduce((sum, words) => sum + words.length, 0) / Math.max(1, texts.length);
  return frequencies.map((counts, index) => {
    let score = 0;
    for (const [word, count] of counts) {
      const holding = documentFrequency.get(word)!;
      const idf = Math.log(1 + (texts.length - holding + 0.5) / (holding + 0.5));
      const length = 1 - b + (b * texts[index].length) / meanLength;
      score += (idf * count * (k1 + 1)) / (count + k1 * length);
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
