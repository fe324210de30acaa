/**
 * ROUGE-L (Lin 2004) in two forms that give different numbers: over the words of the whole text, as the package
 * rouge-score computes it, and by sentences over distinct words, as the package rouge does, which LongBench uses.
 */
import { squadTokensOfNormalized } from '../normalize.js';

/** Lengths of the longest common subsequences of all prefixes, row after row: [a.length + 1][b.length + 1]. */
function lcsTable(a: readonly string[], b: readonly string[]): Uint32Array {
  const width = b.length + 1;
  const table = new Uint32Array((a.length + 1) * width);
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const at = i * width + j;
      table[at] = a[i - 1] === b[j - 1] ? table[at - width - 1] + 1 : Math.max(table[at - width], table[at - 1]);
    }
  }
  return table;
}

/** Length of the longest common subsequence, in the memory of two rows. */
function lcsLength(a: readonly string[], b: readonly string[]): number {
  let above = new Uint32Array(b.length + 1);
  for (const word of a) {
    const row = new Uint32Array(b.length + 1);
    for (let j = 1; j <= b.length; j++) row[j] = word === b[j - 1] ? above[j - 1] + 1 : Math.max(above[j], row[j - 1]);
    above = row;
  }
  return above[b.length];
}

/** F1 of the longest common subsequence of words: lower case, only a to z and 0 to 9, no stemming. */
export function rougeL(prediction: string, gold: string): number {
  const words = (text: string) => text.toLowerCase().match(/[a-z0-9]+/g) ?? [];
  const said = words(prediction);
  const wanted = words(gold);
  const common = lcsLength(wanted, said);
  if (common === 0) return 0;
  const precision = common / said.length;
  const recall = common / wanted.length;
  return (2 * precision * recall) / (precision + recall);
}

/** Words of a longest common subsequence; of several, the one found from the end by way of the shorter second text. */
function lcsWords(a: readonly string[], b: readonly string[]): string[] {
  const table = lcsTable(a, b);
  const width = b.length + 1;
  const words: string[] = [];
  let [i, j] = [a.length, b.length];
  while (i > 0 && j > 0) {
    if (a[i - 1] === b[j - 1]) {
      words.push(a[i - 1]);
      i--;
      j--;
    } else if (table[(i - 1) * width + j] > table[i * width + j - 1]) i--;
    else j--;
  }
  return words;
}

/** Sentences end at a full stop; one of spaces alone counts as one empty word. */
function sentencesOf(text: string): string[][] {
  return text
    .split('.')
    .filter((sentence) => sentence !== '')
    .map((sentence) => squadTokensOfNormalized(sentence).join(' ').split(' '));
}

/**
 * Summary-level F1 over distinct words: of the words that stand in any longest common subsequence of a sentence of the
 * gold answer and one of the prediction. Letter case and commas count.
 */
export function longbenchRougeL(prediction: string, gold: string): number {
  const said = sentencesOf(prediction);
  const wanted = sentencesOf(gold);
  if (said.length === 0 || wanted.length === 0) return 0;
  const common = new Set(wanted.flatMap((sentence) => said.flatMap((other) => lcsWords(sentence, other)))).size;
  const recall = common / new Set(wanted.flat()).size;
  const precision = common / new Set(said.flat()).size;
  // The package's own guard against 0 / 0; it changes the ninth digit.
  return (2 * precision * recall) / (precision + recall + 1e-8);
}
