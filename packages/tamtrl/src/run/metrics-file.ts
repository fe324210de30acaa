/** metrics.jsonl and trajectories.jsonl: a line for each step, evaluation or rollout, whichever version wrote it. */
import { readIfThere } from '../base/files.js';
import type { MetricsLine } from '../train/metrics.js';
import { RunError } from './errors.js';

/** What every line has. */
export interface SavedLine {
  kind?: string;
  step: number;
}

/**
 * All lines of a metrics.jsonl in order, with the names of today. A last line that was cut short by a kill, or is still
 * being written, is left out.
 * @throws RunError `no-run` if the file is missing, or another line is damaged.
 */
export async function readMetricsLines(path: string): Promise<MetricsLine[]> {
  return (await readLines(path)).map(metricsLineOf);
}

/** A line of a metrics.jsonl with the names of today; undefined if it is damaged. */
export function parseMetricsLine(text: string): MetricsLine | undefined {
  const line = parseLine(text);
  return line && metricsLineOf(line);
}

function metricsLineOf(line: SavedLine): MetricsLine {
  return withMetric(inPresentNames(line)) as unknown as MetricsLine;
}

/** As `readMetricsLines`, of any file, with the names that it has. */
export async function readLines(path: string): Promise<SavedLine[]> {
  const text = await readIfThere(path);
  if (text === undefined) {
    throw new RunError('no-run', `There is no file ${path}, which holds a run's numbers. Was the run started there?`);
  }
  const lines = text.split('\n');
  return lines.flatMap((line, at): SavedLine[] => {
    const parsed = parseLine(line);
    if (parsed) return [parsed];
    if (line.trim() === '' || at === lines.length - 1) return [];
    throw new RunError(
      'no-run',
      `${path}, line ${at + 1} is damaged: expected a JSON object with a step, found ${JSON.stringify(line.slice(0, 80))}. Remove the line, or restore the file from a copy.`,
    );
  });
}

/** The lines that are whole; none if the file is missing. */
export async function wholeLines(path: string): Promise<SavedLine[]> {
  const text = (await readIfThere(path)) ?? '';
  return text.split('\n').flatMap((line) => parseLine(line) ?? []);
}

export function jsonLines(lines: readonly object[]): string {
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('');
}

/** Evaluations of earlier versions were by exact match, whatever the outcome was. */
function withMetric(line: SavedLine): SavedLine {
  if (line.kind !== 'evaluation' || 'metric' in line) return line;
  return { ...line, metric: 'exact_match', score: 'exact_match' in line ? line.exact_match : 0 } as SavedLine;
}

/** Earlier versions wrote `memoryTokens` instead of `memory_tokens`, also in a method's own numbers. */
export function inPresentNames(line: SavedLine): SavedLine {
  const isEarlier = Object.keys(line).some((name) => snakeCase(name) !== name);
  return isEarlier ? (snakeCased(line) as SavedLine) : line;
}

function parseLine(text: string): SavedLine | undefined {
  try {
    const line: unknown = JSON.parse(text);
    return typeof line === 'object' && line !== null && 'step' in line ? (line as SavedLine) : undefined;
  } catch {
    return undefined;
  }
}

function snakeCased(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, own]) => [snakeCase(name), snakeCased(own)]));
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
