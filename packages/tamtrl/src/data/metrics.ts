/**
 * Names of the scores of an answer, in code, records, configurations, files and tables. Each is computed in
 * reward/metrics; the names are here because a record names the one that scores it.
 */

import { z } from 'zod';

export const METRICS = [
  'exact_match',
  'f1',
  'hotpotqa_f1',
  'sub_exact_match',
  'memagent_sub_em',
  'string_match_part',
  'string_match_all',
  'babilong',
  'rouge_l',
  'longbench_qa_f1',
  'longbench_rouge_l',
  'longbench_classification',
  'longbench_retrieval',
  'longbench_count',
  'char_exact_match',
  'char_f1',
  'char_rouge_l',
] as const;
export type Metric = (typeof METRICS)[number];

/** Names that earlier versions had, and that still mean the same. */
const EARLIER_METRICS = {
  exact: 'exact_match',
  'sub-exact': 'sub_exact_match',
  'ruler-part': 'string_match_part',
  'ruler-all': 'string_match_all',
  ruler_part: 'string_match_part',
  ruler_all: 'string_match_all',
} as const satisfies Record<string, Metric>;
type EarlierMetric = keyof typeof EARLIER_METRICS;

/** Today's name of a metric; anything else as it is. */
export function presentMetric(name: string): string {
  return Object.hasOwn(EARLIER_METRICS, name) ? EARLIER_METRICS[name as EarlierMetric] : name;
}

/** A metric under any name that it has had. */
export const metricSchema = z.preprocess(
  (name: Metric | EarlierMetric) => (typeof name === 'string' ? presentMetric(name) : name),
  z.enum(METRICS),
);

/** `any`: each answer alone is right. `all`: the answers belong together, and naming some of them is not enough. */
export const ANSWERS_WANTED = ['any', 'all'] as const;
export type AnswersWanted = (typeof ANSWERS_WANTED)[number];

/** What an answer is compared with, such as a question record. */
export interface Reference {
  answers: readonly string[];
  /** Default `any`; the metrics named after RULER's rules follow their own names where it is absent. */
  answersWanted?: AnswersWanted;
  /** `babilong` does not count labels that the question names. */
  question?: string;
  /** "babilong/qa1" and "longbench/trec" name the task where `task` does not. */
  source?: string;
  task?: string;
  /** The answers to choose from: the classes of a classification, the labels of a BABILong task. */
  labels?: readonly string[];
}

/** LongBench's own assignment of metrics to its data sets (arXiv 2308.14508); code completion is not among ours. */
const LONGBENCH: Readonly<Record<string, Metric>> = {
  narrativeqa: 'longbench_qa_f1',
  qasper: 'longbench_qa_f1',
  multifieldqa_en: 'longbench_qa_f1',
  multifieldqa_zh: 'char_f1',
  hotpotqa: 'longbench_qa_f1',
  '2wikimqa': 'longbench_qa_f1',
  musique: 'longbench_qa_f1',
  dureader: 'char_rouge_l',
  gov_report: 'longbench_rouge_l',
  qmsum: 'longbench_rouge_l',
  multi_news: 'longbench_rouge_l',
  vcsum: 'char_rouge_l',
  trec: 'longbench_classification',
  triviaqa: 'longbench_qa_f1',
  samsum: 'longbench_rouge_l',
  lsht: 'longbench_classification',
  passage_retrieval_en: 'longbench_retrieval',
  passage_count: 'longbench_count',
  passage_retrieval_zh: 'longbench_retrieval',
};

/** The task within a benchmark: "trec" of "longbench/trec", "longbench/trec_e" and "longbench/trec/test". */
export function taskOf({ task, source = '' }: Pick<Reference, 'task' | 'source'>): string | undefined {
  return (task ?? source.split('/')[1])?.replace(/_e$/, '');
}

/** The metric by which a record is scored unless another is asked for: its own, else its source's, else exact match. */
export function metricOf(record: Pick<Reference, 'source' | 'task'> & { metric?: Metric }): Metric {
  if (record.metric !== undefined) return record.metric;
  switch (record.source?.split('/')[0]) {
    case 'babilong':
      return 'babilong';
    case 'ruler':
      return taskOf(record)?.startsWith('qa') ? 'string_match_part' : 'string_match_all';
    case 'longbench':
      return LONGBENCH[taskOf(record) ?? ''] ?? 'exact_match';
    default:
      return 'exact_match';
  }
}

/** Scripts written without spaces between words. */
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;

/** Whether no spaces separate the words, so that scores over words are all or nothing. */
export function isUnspaced(text: string): boolean {
  return UNSPACED.test(text);
}
