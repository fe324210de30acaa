/** The numbers that a run ends with: the same for the terminal, the report and programs. */
import { count, counted, percent } from '../base/format.js';
import { wilsonInterval } from '../eval/crossed.js';
import { RunFolder } from '../run/folder.js';
import type { SavedRun } from '../run/read.js';
import type { EvaluationMetrics, MetricsLine, SftMetrics, StepMetrics } from '../train/metrics.js';

export type StepLine = StepMetrics | SftMetrics;

export function evaluationsOf(metrics: readonly MetricsLine[]): EvaluationMetrics[] {
  return metrics.filter((line) => line.kind === 'evaluation');
}

export function stepsOf(metrics: readonly MetricsLine[]): StepLine[] {
  return metrics.filter((line) => line.kind !== 'evaluation');
}

/** Of an evaluation, by a metric: that of its run, or one of those that every evaluation has. */
export function scoreBy(evaluation: EvaluationMetrics, metric: string): number | undefined {
  if (evaluation.metric === metric) return evaluation.score;
  const { exact_match, f1, sub_exact_match } = evaluation;
  return { exact_match, f1, sub_exact_match }[metric];
}

/**
 * The metric that a run's evaluations are by. A run that an earlier version began has exact match in its first ones.
 */
export function metricOf(metrics: readonly MetricsLine[]): string {
  return evaluationsOf(metrics).at(-1)?.metric ?? 'exact_match';
}

/** Held-out numbers before training and at the last evaluation; undefined if there was none. */
export function beforeAndAfter({ metrics }: Pick<SavedRun, 'metrics'>) {
  const evaluations = evaluationsOf(metrics);
  const before = evaluations.find(({ step }) => step === 0);
  return { before, after: evaluations.at(-1) };
}

/** One JSON object for programs. Numbers that do not exist yet are null. */
export function jsonSummary(run: SavedRun): object {
  const { info, config, summary, folder } = run;
  const { state, seconds, reason, model } = summary;
  const { before, after } = beforeAndAfter(run);
  const { prompt, sampled, scored, trained } = state.tokens;
  const pair = (of: (metrics: EvaluationMetrics) => number | null) => ({
    before: before ? of(before) : null,
    after: after ? of(after) : null,
  });
  return {
    method: info.method,
    seed: config.seed,
    steps: state.step,
    metric: metricOf(run.metrics),
    score: pair((metrics) => scoreBy(metrics, metricOf(run.metrics)) ?? null),
    exact_match: pair((metrics) => metrics.exact_match),
    seconds,
    tokens: { prompt, sampled, scored, trained, total: prompt + sampled + scored + trained },
    checkpoint: new RunFolder(folder).checkpoint('final'),
    f1: pair((metrics) => metrics.f1),
    sub_exact_match: pair((metrics) => metrics.sub_exact_match),
    memory_tokens: pair((metrics) => metrics.memory_tokens),
    held_out_questions: after?.questions ?? null,
    evaluated_step: after?.step ?? null,
    // The weights before training were not saved as a checkpoint.
    best: state.best && state.best.step > 0 ? bestOf(state.best, model) : null,
    reason,
    preset: info.preset,
    folder,
  };
}

function bestOf({ step, metric, score }: { step: number; metric: string; score: number }, checkpoint: string) {
  return { step, [metric]: score, checkpoint };
}

/** Metrics that every report shows. */
const USUAL: readonly string[] = ['exact_match', 'f1', 'sub_exact_match'];

/** What the intervals of `comparisonRows` are. */
export const INTERVAL_NOTE =
  'The 95 % intervals are over the held-out questions of this one run, separately before and after training. They do not cover other seeds.';

/**
 * Rows: header, then a measure each. Shares have Wilson's interval over the questions: for shares of memories, of which
 * a question has several, that is as if all of its memories were alike, too wide rather than too narrow.
 */
export function comparisonRows(run: Pick<SavedRun, 'metrics'>): string[][] {
  const { before, after } = beforeAndAfter(run);
  const metric = metricOf(run.metrics);
  if (!before || !after) return [['held out'], ['not evaluated']];
  const row = (name: string, of: (metrics: EvaluationMetrics) => number, text: (value: number) => string) => {
    const change = of(after) - of(before);
    return [name, text(of(before)), text(of(after)), `${change < 0 ? '-' : '+'}${text(Math.abs(change))}`];
  };
  const share = (name: string, of: (metrics: EvaluationMetrics) => number) => {
    const [label, first, last, change] = row(name, of, percent);
    return [label, first + rangeOf(of(before), before), last + rangeOf(of(after), after), change];
  };
  const tokens = (value: number) => value.toFixed(1);
  const rows = [
    [`held out (${counted(after.questions, 'question')})`, 'before', `after step ${after.step}`, 'change'],
    ...(scoreBy(before, metric) === undefined || USUAL.includes(metric)
      ? []
      : [row(metric, (evaluation) => scoreBy(evaluation, metric) ?? 0, percent)]),
    share('exact_match', ({ exact_match }) => exact_match),
    row('f1', ({ f1 }) => f1, percent),
    share('sub_exact_match', ({ sub_exact_match }) => sub_exact_match),
    row('memory tokens', ({ memory_tokens }) => memory_tokens, tokens),
    share('empty memories', ({ empty_rate }) => empty_rate),
    share('cut-off memories', ({ overflow_rate }) => overflow_rate),
    share('cut-off answers', ({ answer_overflow_rate }) => answer_overflow_rate),
  ];
  // The same evaluation twice would look like a training that changed nothing.
  return after.step > before.step ? rows : rows.map(([name, first]) => [name, first]);
}

/** " (40.5 to 52.6)" */
function rangeOf(share: number, { questions }: EvaluationMetrics): string {
  const { low, high } = wilsonInterval(share * questions, questions);
  return ` (${(100 * low).toFixed(1)} to ${(100 * high).toFixed(1)})`;
}

const PHASES = ['rollout', 'reward', 'score', 'train'] as const;
const TOKENS = ['prompt', 'sampled', 'scored', 'trained'] as const;

/** Where time and tokens went, in total and in a mean step. Rows: header, then a phase each. */
export function costRows(steps: readonly StepLine[]): { seconds: string[][]; tokens: string[][] } {
  const rows = (names: readonly string[], of: (line: StepLine, name: string) => number, digits: number) =>
    names.flatMap((name) => {
      const total = steps.reduce((sum, line) => sum + of(line, name), 0);
      const mean = (total / Math.max(1, steps.length)).toFixed(digits);
      return total === 0
        ? []
        : [digits === 0 ? [name, count(total), count(Number(mean))] : [name, total.toFixed(1), mean]];
    });
  const seconds = rows(PHASES, (line, name) => line.seconds[name as (typeof PHASES)[number]] ?? 0, 2);
  const tokens = rows(TOKENS, (line, name) => line.tokens[name as (typeof TOKENS)[number]], 0);
  return {
    seconds: [['phase', 'seconds', 'a step'], ...seconds],
    tokens: [['tokens', 'total', 'a step'], ...tokens],
  };
}
