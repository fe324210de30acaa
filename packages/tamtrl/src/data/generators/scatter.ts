/** Writes needles in a haystack of a given number of tokens, piece by piece. */

import type { SeededRandom } from '../../base/random.js';
import type { Tokenizer } from '../../text/tokenizer.js';
import { DataError } from '../errors.js';

export interface Needle {
  text: string;
  /** Its depth in the text, from 0 (first) to 1 (last). */
  depth: number;
  /** The answer needs it. */
  relevant: boolean;
}

export interface ScatterOptions {
  tokenizer: Tokenizer;
  /** Length of the whole text. */
  tokens: number;
  needles: readonly Needle[];
  /** The next sentence of the haystack. */
  filler: () => string;
  /** Between sentences; default one space. */
  separator?: string;
}

export interface Scattered {
  text: Iterable<string>;
  /** Places of the relevant needles; complete once `text` has been read to its end. */
  evidence: () => { document: number; start: number; end: number }[];
}

/** Fills the rest that is too short for another sentence. */
const STOPGAP = 'Here it begins.';

/**
 * Sentences of the haystack with the needles between them, each at its depth in tokens. Tokens are counted sentence by
 * sentence, so that only the current sentence is in memory.
 * @throws DataError `invalid-argument` if the needles alone are longer than the requested length.
 */
export function scatter(options: ScatterOptions): Scattered {
  const { tokenizer, tokens, filler, separator = ' ' } = options;
  const cost = (text: string, first: boolean) => tokenizer.encodeText(first ? text : separator + text).length;
  const needles = [...options.needles].sort((a, b) => a.depth - b.depth);
  const needleTokens = needles.reduce((sum, { text }) => sum + cost(text, false), 0);
  if (needleTokens > tokens) {
    throw new DataError(
      'invalid-argument',
      `${tokens} tokens were requested, but the needles alone have ${needleTokens}. Ask for more tokens.`,
    );
  }
  const hay = tokens - needleTokens;
  const stopgapTokens = cost(STOPGAP, false);
  const found: { document: number; start: number; end: number }[] = [];

  function* write(): Generator<string> {
    let at = 0;
    let spent = 0;
    let next = 0;
    found.length = 0;
    const put = (sentence: string): string => {
      const piece = at === 0 ? sentence : separator + sentence;
      at += piece.length;
      return piece;
    };
    const due = (share: number) => next < needles.length && needles[next].depth <= share;
    for (;;) {
      while (due(hay === 0 ? 1 : spent / hay)) {
        const { text, relevant } = needles[next++];
        const piece = put(text);
        if (relevant) found.push({ document: 0, start: at - text.length, end: at });
        yield piece;
      }
      if (spent >= hay) break;
      const sentence = filler();
      const price = cost(sentence, at === 0);
      // If the next sentence does not fit, short ones fill the rest: one sentence of uuids alone is 1 % of a short
      // text.
      if (spent + price > hay) {
        for (let rest = hay - spent; rest >= stopgapTokens / 2; rest -= stopgapTokens) yield put(STOPGAP);
        spent = hay;
        continue;
      }
      spent += price;
      yield put(sentence);
    }
    while (next < needles.length) {
      const { text, relevant } = needles[next++];
      const piece = put(text);
      if (relevant) found.push({ document: 0, start: at - text.length, end: at });
      yield piece;
    }
  }
  return { text: { [Symbol.iterator]: write }, evidence: () => [...found] };
}

/**
 * RULER's depths: `count` different ones of 40 that are evenly spaced from 0 to 1, or arbitrary depths for more than 40
 * needles.
 */
export function depths(count: number, random: SeededRandom): number[] {
  const grid = Array.from({ length: 40 }, (_, at) => at / 39);
  if (count <= grid.length) return random.shuffled(grid).slice(0, count);
  return Array.from({ length: count }, () => random.next());
}
