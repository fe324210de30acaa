/** The page of a comparison: its tables, and what their columns mean. */
import { markdownTable } from '../base/format.js';
import type { CompareConfig } from '../run/comparison-config.js';
import type { Note } from '../run/comparison-facts.js';
import { PAGE_HEAD } from '../run/comparison-folder.js';
import { FAILED, NOT_RUN } from './differences.js';

/** Rows of each table, the header first; absent if there is nothing to show. */
export interface ComparisonTables {
  results: string[][];
  ablations?: string[][];
  sweep?: string[][];
  budgets?: string[][];
  curves?: string[][];
  cost: string[][];
  /** What the marks in the cells refer to. */
  notes?: readonly Note[];
}

/**
 * @param metrics by which each benchmark is scored, none where nothing was run, and the held-out questions of trainings
 * @param problems what the table of equal budgets misses, a sentence each
 */
export function pageText(
  config: CompareConfig,
  metrics: { benchmarks: ReadonlyMap<string, ReadonlySet<string>>; heldOut: string },
  tables: ComparisonTables,
  problems: readonly string[],
  figures: { results: boolean; sweep: boolean; curves: boolean },
): string {
  const { baseline, ablations } = config;
  const parts = [
    PAGE_HEAD.trimEnd(),
    introduction(config, metrics.benchmarks),
    '## Results',
    `Against ${baseline}.`,
    table(tables.results),
    (tables.notes ?? []).map(({ text }, at) => `- [${at + 1}] ${text}`).join('\n'),
    figures.results ? '![Results](results.svg)' : '',
    ...(ablations && tables.ablations ? ['## Ablations', `Against ${ablations.of}.`, table(tables.ablations)] : []),
    ...(tables.sweep ? ['## Sweep', SWEEP, table(tables.sweep)] : []),
    figures.sweep ? '![Sweep](sweep.svg)' : '',
    ...(tables.budgets
      ? ['## Equal steps, tokens and time', `Held-out ${metrics.heldOut} ${BUDGETS}`, table(tables.budgets)]
      : []),
    problems.map((problem) => `- ${problem}`).join('\n'),
    ...(tables.curves ? ['## Learning curves', `Held-out ${metrics.heldOut} ${CURVES}`] : []),
    figures.curves ? '![Learning curves](learning-curves.svg)' : '',
    tables.curves ? table(tables.curves) : '',
    '## Cost',
    COST,
    table(tables.cost),
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

const table = (rows: string[][]) => markdownTable(rows).trimEnd();

function introduction({ seeds, benchmarks }: CompareConfig, metrics: ReadonlyMap<string, ReadonlySet<string>>): string {
  const scored = benchmarks.map(({ name, questions }) => {
    const by = [...(metrics.get(name) ?? [])].join(' or ');
    return `${name}: ${by === '' ? '' : `${by}, `}${questions} records`;
  });
  return [
    `Scores in percent with 95 % intervals; seeds ${seeds.join(', ')}. ${scored.join('; ')}.`,
    'The intervals treat both seeds and records as random draws. "records only" marks a single run, whose interval does not cover other seeds.',
    "Differences are paired by seed and record. p comes from a t test on the crossed design of seeds and records, with Holm's correction over all differences in the table; intervals are not corrected. With fewer than three seeds there is no p.",
    `Cells marked "${NOT_RUN}" have no result yet; those marked "${FAILED}" have none because a training or an evaluation failed.`,
  ].join(' ');
}

const SWEEP =
  'A row for each combination of the swept settings, those that failed included. The figure shows one setting; a gap is a combination without a score. Choosing the best of many combinations favours lucky ones: repeat it with new seeds before you rely on it.';

const BUDGETS = `during training, at the largest numbers of steps, tokens and seconds that every run reached, after the steps named: where they fall between two evaluations, the score lies on the line between these (≈). Tokens (read, sampled, scored and trained on) are in thousands (kT). Seconds are those of the steps without evaluations; they depend on the machine and on what else it was running. All runs have the same questions, so the unit is the seed: Student's t over seeds, paired by seed; p with Holm's correction over this table.`;

const CURVES = `with 95 % intervals: Student's t over seeds, or Wilson's over records with one seed. They show only the steps after which every run of a method was evaluated. Bands are drawn for one seed and for three or more.`;

const COST =
  'Training: seconds and thousands of tokens (kT) of a whole run, averaged over seeds. Answers: seconds and tokens, averaged over records and benchmarks. Memories are in tokens.';
