/**
 * Trains a byte-level BPE tokenizer (Sennrich et al. 2016, arXiv 1508.07909, on bytes as in GPT-2): the pair of
 * neighbouring tokens that occurs most often becomes a token, again and again. Of equally frequent pairs the one with
 * the smaller text wins, so that the same text always gives the same vocabulary.
 */

/** GPT-2's words: a run of letters, digits or other signs with one blank before it, English endings, white space. */
const WORD = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

/** GPT-2's printable characters for the 256 bytes. */
export function byteCharacters() {
  const printable = (byte) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(printable(byte) ? byte : next++));
}

/**
 * @param {Iterable<string>} texts
 * @param {number} merges the number of tokens beyond the 256 bytes
 * @returns {[string, string][]} the merges in order
 */
export function trainMerges(texts, merges) {
  const words = wordsOf(texts);
  /** Occurrences of each pair, and the words that hold it. */
  const counts = new Map();
  const places = new Map();
  const add = (word, by) => {
    for (let at = 0; at + 1 < word.tokens.length; at++) {
      const pair = `${word.tokens[at]} ${word.tokens[at + 1]}`;
      counts.set(pair, (counts.get(pair) ?? 0) + by * word.count);
      if (by < 0) continue;
      if (!places.has(pair)) places.set(pair, new Set());
      places.get(pair).add(word);
    }
  };
  for (const word of words) add(word, 1);
  const learned = [];
  while (learned.length < merges) {
    let best;
    let most = 1;
    for (const [pair, count] of counts) {
      if (count > most || (count === most && best !== undefined && pair < best)) {
        best = pair;
        most = count;
      }
    }
    if (best === undefined) break;
    const [left, right] = best.split(' ');
    learned.push([left, right]);
    for (const word of places.get(best)) {
      add(word, -1);
      word.tokens = merged(word.tokens, left, right);
      add(word, 1);
    }
    counts.delete(best);
    places.delete(best);
  }
  return learned;
}

function wordsOf(texts) {
  const characters = byteCharacters();
  const counts = new Map();
  for (const text of texts) for (const [word] of text.matchAll(WORD)) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts].map(([word, count]) => ({
    count,
    tokens: [...new TextEncoder().encode(word)].map((byte) => characters[byte]),
  }));
}

function merged(tokens, left, right) {
  const result = [];
  for (let at = 0; at < tokens.length; at++) {
    const pair = tokens[at] === left && tokens[at + 1] === right;
    result.push(pair ? left + right : tokens[at]);
    if (pair) at++;
  }
  return result;
}
