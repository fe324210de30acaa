/** RULER's variable tracking, common words and frequent words (arXiv 2404.06654), with our own wording. */

import { SeededRandom } from '../../base/random.js';
import { DataError } from '../errors.js';
import type { StreamedRecord } from '../files/writer.js';
import type { SyntheticOptions } from './niah.js';
import { depths, scatter } from './scatter.js';
import { codedWord, madeUpWord, NOISE, variable } from './vocabulary.js';

/**
 * One chain of four hops: five variables have the value. The first is given as a number, each of the others by the one
 * before.
 */
export function variableTracking(options: SyntheticOptions): StreamedRecord {
  const { tokenizer, tokens, seed, index } = options;
  const random = new SeededRandom('vt', seed, index);
  const names = new Set<string>();
  while (names.size < 5) names.add(variable(random));
  const variables = [...names];
  const value = String(10_000 + random.integer(90_000));
  // The chain can only be followed forward if its links come in order.
  const places = depths(variables.length, random).sort((a, b) => a - b);
  const needles = variables.map((name, at) => ({
    text: `VAR ${name} = ${at === 0 ? value : `VAR ${variables[at - 1]}`}.`,
    depth: places[at],
    relevant: true,
  }));
  let at = 0;
  const scattered = scatter({ tokenizer, tokens, needles, filler: () => NOISE[at++ % NOISE.length] });
  return {
    id: `vt-${tokens}-${seed}-${index}`,
    source: 'ruler/vt',
    question: `Which variables have the value ${value}, by themselves or by way of others?`,
    answers: variables,
    answersWanted: 'all',
    metric: 'string_match_all',
    text: {
      *[Symbol.iterator]() {
        at = 0;
        yield* scattered.text;
      },
    },
    evidence: scattered.evidence,
  };
}

interface ListedWord {
  word: string;
  relevant: boolean;
}

/** Joins words to a text and records the places of those that the answer needs. */
function listed(words: Iterable<ListedWord>, show: (word: string, at: number) => string) {
  const found: { document: number; start: number; end: number }[] = [];
  function* write(): Generator<string> {
    found.length = 0;
    let offset = 0;
    let at = 0;
    for (const { word, relevant } of words) {
      const piece = `${at === 0 ? '' : ' '}${show(word, at++)}`;
      offset += piece.length;
      if (relevant) found.push({ document: 0, start: offset - word.length, end: offset });
      yield piece;
    }
  }
  return { text: { [Symbol.iterator]: write }, evidence: () => [...found] };
}

/** A numbered list holds ten words 30 times each and all others three times. */
export const COMMON_WORDS = { common: 10, times: 30, otherTimes: 3 } as const;

export function commonWords(options: SyntheticOptions): StreamedRecord {
  const { tokenizer, tokens, seed, index } = options;
  const { common, times, otherTimes } = COMMON_WORDS;
  const random = new SeededRandom('cwe', seed, index);
  const first = random.integer(20_000);
  const word = (number: number) => madeUpWord(first + number * 17);
  // The cost of a list of n other words is found step by step, because larger numbers take more tokens.
  const price = (text: string) => tokenizer.encodeText(text).length;
  const numbersCost = new NumberCosts(price);
  const base = Array.from({ length: common }, (_, at) => price(` ${word(at)}`)).reduce((a, b) => a + b, 0) * times;
  const least = base + numbersCost.upTo(common * times);
  if (least > tokens) {
    throw new DataError(
      'invalid-argument',
      `${tokens} tokens were requested, but ${common} words, each written ${times} times, already have ${least}. Ask for more tokens.`,
    );
  }
  let others = 0;
  let wordTokens = base;
  let entries = common * times;
  const step = 32;
  for (;;) {
    const more = Array.from({ length: step }, (_, at) => price(` ${word(common + others + at)}`)).reduce(
      (a, b) => a + b,
      0,
    );
    const next = wordTokens + more * otherTimes;
    if (next + numbersCost.upTo(entries + step * otherTimes) > tokens) break;
    others += step;
    wordTokens = next;
    entries += step * otherTimes;
  }
  // The rest word by word.
  for (;;) {
    const next = wordTokens + price(` ${word(common + others)}`) * otherTimes;
    if (next + numbersCost.upTo(entries + otherTimes) > tokens) break;
    others++;
    wordTokens = next;
    entries += otherTimes;
  }
  const numbers = [
    ...Array.from({ length: common * times }, (_, at) => at % common),
    ...Array.from({ length: others * otherTimes }, (_, at) => common + (at % Math.max(1, others))),
  ];
  const order = Int32Array.from(random.shuffled(numbers));
  const words: Iterable<ListedWord> = {
    *[Symbol.iterator]() {
      for (const number of order) yield { word: word(number), relevant: number < common };
    },
  };
  return {
    id: `cwe-${tokens}-${seed}-${index}`,
    source: 'ruler/cwe',
    question: `Which ${common} words stand most often in the list?`,
    answers: Array.from({ length: common }, (_, at) => word(at)),
    answersWanted: 'all',
    metric: 'string_match_all',
    ...listed(words, (text, at) => `${at + 1}. ${text}`),
  };
}

/** Total tokens of the numbers " 1." to " n.", with each number counted once. */
class NumberCosts {
  readonly #price: (text: string) => number;
  readonly #sums = [0];

  constructor(price: (text: string) => number) {
    this.#price = price;
  }

  upTo(count: number): number {
    for (let at = this.#sums.length; at <= count; at++) this.#sums.push(this.#sums[at - 1] + this.#price(` ${at}.`));
    return this.#sums[count];
  }
}

/** Coded words whose frequencies fall as 1 / rank^2; the most frequent one is noise and written as dots. */
export const FREQUENT_WORDS = { alpha: 2, vocabulary: 2000, answers: 3 } as const;

export function frequentWords(options: SyntheticOptions): StreamedRecord {
  const { tokenizer, tokens, seed, index } = options;
  const { alpha, vocabulary, answers } = FREQUENT_WORDS;
  const random = new SeededRandom('fwe', seed, index);
  const names = new Set<string>();
  while (names.size < vocabulary) names.add(codedWord(random));
  const words = ['...', ...names];
  const prices = words.map((word) => tokenizer.encodeText(` ${word}`).length);
  const weights = words.map((_, at) => (at + 1) ** -alpha);
  const total = weights.reduce((a, b) => a + b, 0);
  // Cumulative shares, for drawing.
  let sum = 0;
  const upTo = weights.map((weight) => {
    sum += weight / total;
    return sum;
  });
  const drawn: Iterable<ListedWord> = {
    *[Symbol.iterator]() {
      const own = new SeededRandom('fwe', seed, index, 'text');
      for (let spent = 0; ; ) {
        const share = own.next();
        const rank = Math.max(
          0,
          upTo.findIndex((limit) => share < limit),
        );
        if (spent + prices[rank] > tokens) return;
        spent += prices[rank];
        yield { word: words[rank], relevant: rank >= 1 && rank <= answers };
      }
    },
  };
  return {
    id: `fwe-${tokens}-${seed}-${index}`,
    source: 'ruler/fwe',
    question: `Which ${answers} words stand most often in the coded text? The dots do not count.`,
    answers: words.slice(1, answers + 1),
    answersWanted: 'all',
    metric: 'string_match_all',
    ...listed(drawn, (text) => text),
  };
}
