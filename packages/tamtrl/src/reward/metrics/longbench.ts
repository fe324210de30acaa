/** LongBench's scores (arXiv 2308.14508) besides ROUGE-L, each for one gold answer. */
import { type Reference, taskOf } from '../../data/metrics.js';

/** Data sets of which LongBench scores the first line of an output only. */
const FIRST_LINE = new Set(['trec', 'triviaqa', 'samsum', 'lsht']);

/** The part of an answer that LongBench scores. */
export function longbenchAnswer(answer: string, reference: Reference): string {
  return FIRST_LINE.has(taskOf(reference) ?? '') ? answer.replace(/^\n+/, '').split('\n', 1)[0] : answer;
}

/**
 * 1 if the class is the only one that the prediction names, 1 / n if it is one of n. A named class that is a part of
 * the right one does not count; the published loop passes over the class after each one that it removes, and so does
 * this.
 */
export function longbenchClassification(prediction: string, gold: string, classes: readonly string[]): number {
  const named = classes.filter((name) => prediction.includes(name));
  for (let at = 0; at < named.length; at++) {
    if (gold.includes(named[at]) && named[at] !== gold) named.splice(named.indexOf(named[at]), 1);
  }
  return named.includes(gold) ? 1 / named.length : 0;
}

/** The number in "Paragraph 12" or "段落12"; undefined if the gold answer is of another form. */
export function paragraphNumber(gold: string): string | undefined {
  return /(?:Paragraph |段落)(\p{Nd}+)/u.exec(gold)?.[1];
}

/** The runs of digits in a text. */
export function numbersIn(text: string): string[] {
  return text.match(/\p{Nd}+/gu) ?? [];
}

/** Share of the numbers in the prediction that are the wanted one; 0 without a number. */
export function shareOfNumbers(prediction: string, wanted: string): number {
  const numbers = numbersIn(prediction);
  return numbers.length === 0 ? 0 : numbers.filter((number) => number === wanted).length / numbers.length;
}
