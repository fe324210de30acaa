/** The numbers of a line of metrics.jsonl under the names that other programs show them by. */
import type { MetricsLine } from '../../train/metrics.js';

/**
 * Name and value of every number, in order: `reward`, `seconds/rollout`, `memory_tokens_by_turn/1`; those of an
 * evaluation begin with `held_out/`. Numbers that are not finite are left out.
 */
export function namedNumbers(line: MetricsLine): [name: string, value: number][] {
  const { kind, step: _, ...numbers } = line;
  return numbersOf(numbers, kind === 'evaluation' ? 'held_out' : '');
}

function numbersOf(value: object, path: string): [string, number][] {
  return Object.entries(value).flatMap(([key, own]: [string, unknown]): [string, number][] => {
    const part = Array.isArray(value) ? String(Number(key) + 1) : key;
    const name = path === '' ? part : `${path}/${part}`;
    if (typeof own === 'number') return Number.isFinite(own) ? [[name, own]] : [];
    return typeof own === 'object' && own !== null ? numbersOf(own, name) : [];
  });
}
