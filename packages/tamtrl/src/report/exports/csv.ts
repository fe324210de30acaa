/** The numbers of a run as one table: a row for each step and each evaluation, a column for each number. */
import type { MetricsLine } from '../../train/metrics.js';

/**
 * Header, then the rows in order. Columns are the numbers' paths, such as `seconds.rollout`; numbers by turn are
 * `memory_tokens_by_turn.1` and so on. What a line does not have is empty.
 */
export function metricsTable(lines: readonly MetricsLine[]): string[][] {
  const rows = lines.map((line) => new Map(cellsOf(line, '')));
  const columns = [...new Set(rows.flatMap((row) => [...row.keys()]))];
  // As others call it first, which is how they recognise it.
  const ordered = ['step', 'kind', ...columns.filter((name) => name !== 'step' && name !== 'kind')];
  return [ordered, ...rows.map((row) => ordered.map((name) => row.get(name) ?? ''))];
}

function cellsOf(value: object, path: string): [string, string][] {
  return Object.entries(value).flatMap(([key, own]): [string, string][] => {
    const part = Array.isArray(value) ? String(Number(key) + 1) : key;
    const name = path === '' ? part : `${path}.${part}`;
    if (typeof own === 'object' && own !== null) return cellsOf(own, name);
    return [[name, own === null || own === undefined ? '' : String(own)]];
  });
}
