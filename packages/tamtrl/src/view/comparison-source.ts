/** A comparison, as the inspector shows it: the tables that `tamtrl compare` has written, and its trainings. */
import { readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parseCsv } from './csv.js';
import { shownPath } from './shown-path.js';
import type { ComparisonDetails, SourceSummary } from './types.js';

const TABLES = [
  {
    file: 'results',
    title: 'Results',
    note: 'Score with its 95 % interval, and the difference from the baseline, paired by seed and record.',
  },
  { file: 'ablations', title: 'Ablations', note: 'The same against the method that the ablations are of.' },
  { file: 'sweep', title: 'Sweep', note: 'Every combination of the swept settings, those that failed included.' },
  {
    file: 'budgets',
    title: 'Equal steps, tokens and time',
    note: 'Held-out score while training, at the largest budget that every run used; paired by seed.',
  },
  { file: 'learning-curves', title: 'Learning curves', note: 'Held-out score by step, mean over seeds.' },
  {
    file: 'cost',
    title: 'Cost',
    note: 'Seconds and thousands of tokens (kT) of a training, mean over seeds; seconds and tokens of an answer.',
  },
] as const;

export class ComparisonSource {
  readonly id: string;
  readonly path: string;
  /** Ids of its trainings, in order. */
  runs: string[] = [];

  constructor(id: string, path: string) {
    this.id = id;
    this.path = path;
  }

  async summary(): Promise<SourceSummary> {
    const written = await stat(join(this.path, 'results.csv')).catch(() => undefined);
    return {
      id: this.id,
      kind: 'comparison',
      name: basename(this.path),
      path: shownPath(this.path),
      about: `comparison, ${this.runs.length} ${this.runs.length === 1 ? 'training' : 'trainings'}`,
      changed: written?.mtimeMs ?? 0,
      problems: written ? [] : ['There are no tables yet: tamtrl compare writes them as its parts finish.'],
    };
  }

  async details(): Promise<ComparisonDetails> {
    const tables: ComparisonDetails['tables'] = [];
    for (const { file, title, note } of TABLES) {
      const text = await readFile(join(this.path, `${file}.csv`), 'utf8').catch(() => undefined);
      if (text !== undefined) tables.push({ title, note, rows: parseCsv(text) });
    }
    const page = await readFile(join(this.path, 'comparison.md'), 'utf8').catch(() => '');
    const notes = [...page.matchAll(/^- (\[\d+\] .*)$/gm)].map(([, note]) => note);
    return { source: await this.summary(), tables, notes, runs: this.runs };
  }
}
