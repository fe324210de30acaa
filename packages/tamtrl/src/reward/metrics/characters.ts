/**
 * Scores for languages that put no spaces between words, where a score over words is all or nothing: each character
 * of such a script counts as a word. (LongBench cuts Chinese into words with jieba, so its numbers differ a little.)
 */
import { isUnspaced } from '../../data/metrics.js';
import { bagF1 } from './overlap.js';
import { longbenchRougeL } from './rouge.js';

/** Lower case without punctuation of any script: each unspaced character alone, everything else by spaces. */
export function charactersAndWords(text: string): string[] {
  const apart = [
    ...text
      .normalize('NFKC')
      .toLowerCase()
      .replaceAll(/[\p{P}\p{S}]/gu, ''),
  ];
  return apart
    .map((character) => (isUnspaced(character) ? ` ${character} ` : character))
    .join('')
    .split(/\s+/)
    .filter((token) => token !== '');
}

/** 1 if both have the same characters and words in the same order. */
export function charExactMatch(prediction: string, gold: string): number {
  return charactersAndWords(prediction).join(' ') === charactersAndWords(gold).join(' ') ? 1 : 0;
}

/** 1 if the list names every gold answer, in any order, and nothing else. */
export function charExactList(prediction: string, golds: readonly string[]): number {
  const forms = (texts: readonly string[]) =>
    [...new Set(texts.map((text) => charactersAndWords(text).join(' ')).filter((form) => form !== ''))]
      .sort()
      .join('\n');
  return forms(prediction.split(/[,;/|、，；\n]|\band\b/)) === forms(golds) ? 1 : 0;
}

/** F1 of the bags of characters and words. */
export function charF1(prediction: string, gold: string): number {
  return bagF1(charactersAndWords(prediction), charactersAndWords(gold)).f1;
}

/** LongBench's ROUGE-L with characters as words; sentences end at 。 as well. */
export function charRougeL(prediction: string, gold: string): number {
  const apart = (text: string) =>
    text
      .split(/[.。]/)
      .map((sentence) => charactersAndWords(sentence).join(' '))
      .filter((sentence) => sentence !== '')
      .join('.');
  return longbenchRougeL(apart(prediction), apart(gold));
}
