/** The numbers of a run as one table: a row for each step and each evaluation, a column for each number. */
import type { MetricsLine } from '../../train/metrics.js';
import { namedNumbers } from './numbers.js';

/** Header, then the rows in order, with the names of `namedNumbers`. What a line does not have is empty. */
export function metricsTable(lines: readonly MetricsLine[]): string[][] {
  const rows = lines.map((line) => new Map(namedNumbers(line)));
  const names = [...new Set(rows.flatMap((row) => [...row.keys()]))];
  return [
    ['step', 'kind', ...names],
    ...lines.map(({ step, kind }, at) => [
      String(step),
      kind,
      ...names.map((name) => {
        const value = rows[at].get(name);
        return value === undefined ? '' : String(value);
      }),
    ]),
  ];
}
