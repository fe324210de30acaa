/**
 * The reward at the end of an episode: does the answer agree with a gold answer? The same functions are the metrics of
 * the benchmarks, so training and evaluation cannot disagree.
 */
import { type ExtractionOptions, extractAnswer } from '../memory/extract.js';
import { type Normalization, normalizeAnswer, normalizeSquad, squadTokensOfNormalized } from './normalize.js';

export { type Normalization, normalizeAnswer, normalizeMath, normalizeSquad } from './normalize.js';

export interface F1Score {
  precision: number;
  recall: number;
  f1: number;
}

/**
 * How token F1 treats its corner cases. `squad`: nothing in common is 0, two empty answers too (SQuAD 1.1). `squad-2`:
 * two empty answers are 1 (SQuAD 2.0). `hotpotqa`: as `squad`, and yes, no and noanswer only agree with themselves.
 */
export type F1Variant = 'squad' | 'squad-2' | 'hotpotqa';

/** The names of all scores of an answer, in code, configurations, files and tables. */
export const METRICS = ['exact_match', 'f1', 'sub_exact_match', 'ruler_part', 'ruler_all'] as const;
export type Metric = (typeof METRICS)[number];

export interface OutcomeOptions {
  /** Default `exact_match`. */
  metric?: Metric;
  /** For `exact_match` and `sub_exact_match`; default `squad`. */
  normalization?: Normalization;
  /** For `f1`; default `squad-2`. */
  f1Variant?: F1Variant;
  /** How the answer is found in the output; false takes the output as it is. */
  extraction?: ExtractionOptions | false;
}

const NO_SCORE: F1Score = { precision: 0, recall: 0, f1: 0 };
const CLOSED_ANSWERS = new Set(['yes', 'no', 'noanswer']);

/** 1 if both are the same after normalisation, else 0. */
export function exactMatch(prediction: string, gold: string, normalization: Normalization = 'squad'): number {
  return normalizeAnswer(prediction, normalization) === normalizeAnswer(gold, normalization) ? 1 : 0;
}

/** Overlap of the two bags of SQuAD-normalised words; see `F1Variant` for the corner cases. */
export function tokenF1(prediction: string, gold: string, variant: F1Variant = 'squad-2'): F1Score {
  const said = normalizeSquad(prediction);
  const wanted = normalizeSquad(gold);
  if (variant === 'hotpotqa' && said !== wanted && (CLOSED_ANSWERS.has(said) || CLOSED_ANSWERS.has(wanted))) {
    return NO_SCORE;
  }
  const saidTokens = squadTokensOfNormalized(said);
  const wantedTokens = squadTokensOfNormalized(wanted);
  if (variant === 'squad-2' && saidTokens.length === 0 && wantedTokens.length === 0) {
    return { precision: 1, recall: 1, f1: 1 };
  }
  const left = new Map<string, number>();
  for (const token of wantedTokens) left.set(token, (left.get(token) ?? 0) + 1);
  let common = 0;
  for (const token of saidTokens) {
    const count = left.get(token) ?? 0;
    if (count === 0) continue;
    left.set(token, count - 1);
    common++;
  }
  if (common === 0) return NO_SCORE;
  const precision = common / saidTokens.length;
  const recall = common / wantedTokens.length;
  return { precision, recall, f1: (2 * precision * recall) / (precision + recall) };
}

/**
 * 1 if the gold answer stands in the prediction, as whole words: "no" is not in "Nobel", and a prediction that is only
 * a part of the gold answer scores 0. With `math`, which has no words, the gold answer must stand anywhere in the
 * prediction.
 */
export function subExactMatch(prediction: string, gold: string, normalization: Normalization = 'squad'): number {
  const said = normalizeAnswer(prediction, normalization);
  const wanted = normalizeAnswer(gold, normalization);
  if (wanted === '') return said === '' ? 1 : 0;
  if (normalization === 'math') return said.includes(wanted) ? 1 : 0;
  for (let at = said.indexOf(wanted); at >= 0; at = said.indexOf(wanted, at + 1)) {
    if (!joinsWord(said, at) && !joinsWord(said, at + wanted.length)) return 1;
  }
  return 0;
}

/** Two word characters meet at this offset, so it lies inside a word. */
function joinsWord(text: string, offset: number): boolean {
  return (
    /[\p{L}\p{N}_]$/u.test(text.slice(Math.max(0, offset - 2), offset)) && /^[\p{L}\p{N}_]/u.test(text.slice(offset))
  );
}

/**
 * Share of the references that stand in the prediction, letter case aside (RULER's score for NIAH, vt, cwe and fwe).
 */
export function rulerStringMatchAll(prediction: string, references: readonly string[]): number {
  if (references.length === 0) return 0;
  const said = prediction.toLowerCase();
  return references.filter((reference) => said.includes(reference.toLowerCase())).length / references.length;
}

/** 1 if any reference stands in the prediction, letter case aside (RULER's score for qa). */
export function rulerStringMatchPart(prediction: string, references: readonly string[]): number {
  const said = prediction.toLowerCase();
  return references.some((reference) => said.includes(reference.toLowerCase())) ? 1 : 0;
}

/** The best score over alternative gold answers; 0 if there are none. */
export function bestOverGold(golds: readonly string[], score: (gold: string) => number): number {
  return golds.reduce((best, gold) => Math.max(best, score(gold)), 0);
}

/** Score in [0, 1] of an answer that has been extracted already. */
export function scoreAnswer(answer: string, golds: readonly string[], options: OutcomeOptions = {}): number {
  const { metric = 'exact_match', normalization = 'squad', f1Variant } = options;
  switch (metric) {
    case 'exact_match':
      return bestOverGold(golds, (gold) => exactMatch(answer, gold, normalization));
    case 'f1':
      return bestOverGold(golds, (gold) => tokenF1(answer, gold, f1Variant).f1);
    case 'sub_exact_match':
      return bestOverGold(golds, (gold) => subExactMatch(answer, gold, normalization));
    case 'ruler_part':
      return rulerStringMatchPart(answer, golds);
    case 'ruler_all':
      return rulerStringMatchAll(answer, golds);
  }
}

/** Finds the answer in a model's output and scores it against the gold answers: R of the episode, in [0, 1]. */
export function outcomeReward(output: string, golds: readonly string[], options: OutcomeOptions = {}): number {
  const answer = options.extraction === false ? output : extractAnswer(output, options.extraction);
  return scoreAnswer(answer, golds, options);
}
