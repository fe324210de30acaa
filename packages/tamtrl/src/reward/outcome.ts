/**
 * The reward at the end of an episode: does the answer agree with a gold answer? The same functions are the metrics of
 * the benchmarks, so training and evaluation cannot disagree.
 */

import { METRICS, type Metric, metricOf, type Reference } from '../data/metrics.js';
import { type ExtractionOptions, extractAnswer, withoutThoughts } from '../memory/extract.js';
import { RewardError } from './errors.js';
import { babilongLabels, babilongMatch } from './metrics/babilong.js';
import { charExactList, charExactMatch, charF1, charRougeL } from './metrics/characters.js';
import {
  longbenchAnswer,
  longbenchClassification,
  numbersIn,
  paragraphNumber,
  shareOfNumbers,
} from './metrics/longbench.js';
import {
  asOneText,
  exactList,
  exactScore,
  type F1Variant,
  f1OfList,
  f1Score,
  listCoverage,
  memagentSubExactMatch,
  subExactList,
  subExactScore,
  tokenF1,
} from './metrics/overlap.js';
import { longbenchRougeL, rougeL } from './metrics/rouge.js';
import { rulerStringMatchAll, rulerStringMatchPart } from './metrics/ruler.js';
import type { Normalization } from './normalize.js';

export { type AnswersWanted, METRICS, type Metric, metricOf, type Reference } from '../data/metrics.js';
export {
  exactMatch,
  type F1Score,
  type F1Variant,
  memagentSubExactMatch,
  subExactMatch,
  tokenF1,
} from './metrics/overlap.js';
export { rulerStringMatchAll, rulerStringMatchPart } from './metrics/ruler.js';
export { type Normalization, normalizeAnswer, normalizeMath, normalizeSquad } from './normalize.js';

/** Rises whenever any answer's score changes: by a metric, or by how an answer is found in an output. */
export const SCORER_VERSION = 2;

export interface OutcomeOptions {
  /** Default: that of the reference, which is `exact_match` if it names none. */
  metric?: Metric;
  /** For `exact_match` and `sub_exact_match`; default `squad`. */
  normalization?: Normalization;
  /** For `f1`; default `squad-2`. */
  f1Variant?: F1Variant;
  /** How the answer is found in the output; false takes the output as it is. */
  extraction?: ExtractionOptions | false;
}

/** The extraction of a configuration, in outputs of prompts that ask for a box or do not. */
export function extractionOf(
  { boxed }: { boxed: boolean },
  extraction: ExtractionOptions | false | undefined,
): ExtractionOptions | false {
  return extraction === false ? false : { boxed, ...extraction };
}

/** What is found in an output as its answer. */
export function foundAnswer(output: string, extraction: ExtractionOptions | false | undefined): string {
  return extraction === false ? output : extractAnswer(output, extraction);
}

/** Metrics that score the whole output without its thoughts, not only the answer in it. */
export const OF_THE_OUTPUT: ReadonlySet<Metric> = new Set<Metric>(['string_match_part', 'string_match_all']);

type Score = (answer: string, gold: string) => number;

/** The best score over alternative gold answers; 0 if there are none. */
export function bestOverGold(golds: readonly string[], score: (gold: string) => number): number {
  return golds.reduce((best, gold) => Math.max(best, score(gold)), 0);
}

/** What a metric needs but the reference lacks, in words; undefined if it has everything. */
export function lackingFor(metric: Metric, reference: Reference): string | undefined {
  if (metric === 'babilong' && babilongLabels(reference) === undefined) {
    return 'the task ("task": "qa1", or "source": "babilong/qa1"), or "labels"';
  }
  if (metric === 'longbench_classification' && (reference.labels ?? []).length === 0) return '"labels", the classes';
  if (metric === 'longbench_retrieval' && reference.answers.some((gold) => paragraphNumber(gold) === undefined)) {
    return 'answers of the form "Paragraph 3"';
  }
  return undefined;
}

/** The metrics that a reference has everything for. */
export function metricsFor(reference: Reference): Metric[] {
  return METRICS.filter((metric) => lackingFor(metric, reference) === undefined);
}

/** Score of one gold answer, by metrics for which several mean no more than the best of them. */
function perGold(
  metric: Exclude<Metric, 'string_match_part' | 'string_match_all'>,
  reference: Reference,
  options: OutcomeOptions,
): Score {
  const { normalization = 'squad', f1Variant } = options;
  switch (metric) {
    case 'exact_match':
      return (answer, gold) => exactScore(answer, gold, normalization);
    case 'f1':
      return (answer, gold) => f1Score(answer, gold, f1Variant);
    case 'hotpotqa_f1':
      return (answer, gold) => tokenF1(answer, gold, 'hotpotqa').f1;
    case 'sub_exact_match':
      return (answer, gold) => subExactScore(answer, gold, normalization);
    case 'memagent_sub_em':
      return memagentSubExactMatch;
    case 'babilong':
      return (answer, gold) => babilongMatch(answer, gold, reference.question ?? '', babilongLabels(reference) ?? []);
    case 'rouge_l':
      return rougeL;
    case 'longbench_qa_f1':
      return (answer, gold) => tokenF1(longbenchAnswer(answer, reference), gold, 'squad').f1;
    case 'longbench_rouge_l':
      return (answer, gold) => longbenchRougeL(longbenchAnswer(answer, reference), gold);
    case 'longbench_classification':
      return (answer, gold) =>
        longbenchClassification(longbenchAnswer(answer, reference), gold, reference.labels ?? []);
    case 'longbench_retrieval':
      return (answer, gold) => shareOfNumbers(answer, paragraphNumber(gold) ?? '');
    case 'longbench_count':
      return shareOfNumbers;
    case 'char_exact_match':
      return charExactMatch;
    case 'char_f1':
      return charF1;
    case 'char_rouge_l':
      return charRougeL;
  }
}

/** Score of several gold answers of which none may be missing. */
function scoreOfAll(
  metric: Metric,
  answer: string,
  golds: readonly string[],
  reference: Reference,
  options: OutcomeOptions,
): number {
  switch (metric) {
    case 'exact_match':
      return exactList(answer, golds, options.normalization);
    case 'f1':
    case 'hotpotqa_f1':
    case 'longbench_qa_f1':
      return f1OfList(answer, golds);
    case 'sub_exact_match':
      return subExactList(answer, golds, options.normalization);
    // MemAgent scores its runs on RULER's tasks in this way, under the name sub_em.
    case 'memagent_sub_em':
    case 'string_match_part':
    case 'string_match_all':
      return rulerStringMatchAll(answer, golds);
    case 'babilong':
      return perGold(metric, reference, options)(answer, golds.join(','));
    case 'char_exact_match':
      return charExactList(answer, golds);
    case 'rouge_l':
    case 'longbench_rouge_l':
    case 'char_f1':
    case 'char_rouge_l': {
      const { said, wanted } = asOneText(answer, golds);
      return perGold(metric, reference, options)(said, wanted);
    }
    case 'longbench_classification':
      return listCoverage(
        (reference.labels ?? []).filter((name) => longbenchAnswer(answer, reference).includes(name)),
        golds,
      );
    case 'longbench_retrieval':
      return listCoverage(
        numbersIn(answer),
        golds.map((gold) => paragraphNumber(gold) ?? ''),
      );
    case 'longbench_count':
      return listCoverage(numbersIn(answer), golds);
  }
}

/**
 * Score in [0, 1] of an answer that has been extracted already. Blank gold answers are as if they were not there.
 * @throws RewardError `requirement` if the reference lacks what the metric needs.
 */
export function scoreAnswer(
  answer: string,
  golds: readonly string[] | Reference,
  options: OutcomeOptions = {},
): number {
  const reference = referenceOf(golds);
  const metric = options.metric ?? metricOf(reference);
  const lacking = lackingFor(metric, reference);
  if (lacking !== undefined) {
    throw new RewardError(
      'requirement',
      `The metric ${metric} needs ${lacking}. Add it to the record, or choose another metric.`,
    );
  }
  const wanted = reference.answers.filter((gold) => gold.trim() !== '');
  if (wanted.length === 0) return 0;
  if (reference.answersWanted === 'all' && wanted.length > 1)
    return scoreOfAll(metric, answer, wanted, reference, options);
  if (metric === 'string_match_all' && reference.answersWanted === undefined)
    return rulerStringMatchAll(answer, wanted);
  if (metric === 'string_match_part' || metric === 'string_match_all') return rulerStringMatchPart(answer, wanted);
  const score = perGold(metric, reference, options);
  return bestOverGold(wanted, (gold) => score(answer, gold));
}

function referenceOf(golds: readonly string[] | Reference): Reference {
  return 'answers' in golds ? golds : { answers: golds };
}

/**
 * Finds the answer in a model's output and scores it against the gold answers: R of the episode, in [0, 1]. RULER's
 * metrics score the whole output without its thoughts.
 * @throws RewardError `requirement` if the reference lacks what the metric needs.
 */
export function outcomeReward(
  output: string,
  golds: readonly string[] | Reference,
  options: OutcomeOptions = {},
): number {
  const metric = options.metric ?? metricOf(referenceOf(golds));
  const whole = OF_THE_OUTPUT.has(metric) && options.extraction !== false;
  const said = whole ? withoutThoughts(output) : foundAnswer(output, options.extraction);
  return scoreAnswer(said, golds, { ...options, metric });
}
