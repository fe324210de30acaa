/** Writes the numbers of a run, while it goes on, in forms that other programs read. */
import { appendFile, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeWhole } from '../../base/files.js';
import type { RunFolder } from '../../run/folder.js';
import type { MetricsLine } from '../../train/metrics.js';
import { csv } from '../comparison.js';
import { metricsTable } from './csv.js';
import { eventFileName, fileHead, lineEvent } from './tensorboard.js';

export const LOG_KINDS = ['tensorboard', 'csv'] as const;
export type LogKind = (typeof LOG_KINDS)[number];

/** In the run's folder: a folder of event files, and a table. */
const EVENTS = 'tensorboard';
const TABLE = 'metrics.csv';

export interface RunLog {
  add(line: MetricsLine): Promise<void>;
}

/** Begins with the lines that the run has already: those of its earlier sessions. */
export async function openLog(kind: LogKind, folder: RunFolder): Promise<RunLog> {
  const lines = await folder.readMetrics();
  return kind === 'csv' ? openTable(join(folder.path, TABLE), lines) : openEvents(join(folder.path, EVENTS), lines);
}

async function openEvents(place: string, lines: readonly MetricsLine[]): Promise<RunLog> {
  await mkdir(place, { recursive: true });
  // Files of an earlier session may hold steps that are done again. A new one says that they no longer count, also to
  // a TensorBoard that has read them.
  for (const name of await readdir(place)) if (name.includes('tfevents')) await rm(join(place, name));
  const now = Date.now();
  const path = join(place, eventFileName(new Date(now)));
  await writeWhole(path, eventFile(lines, now));
  return { add: (line) => appendFile(path, lineEvent(line, Date.now())) };
}

/** A whole event file. The lines do not say when they were written. */
export function eventFile(lines: readonly MetricsLine[], time: number): Uint8Array {
  return Buffer.concat([fileHead(time), ...lines.map((line) => lineEvent(line, time))]);
}

async function openTable(path: string, before: readonly MetricsLine[]): Promise<RunLog> {
  const lines = [...before];
  let columns = '';
  const rewrite = async () => {
    const table = metricsTable(lines);
    columns = table[0].join();
    await writeWhole(path, csv(table));
  };
  await rewrite();
  return {
    add: async (line) => {
      lines.push(line);
      const table = metricsTable(lines);
      // A number that no line had before is a new column of all rows.
      if (table[0].join() !== columns) await rewrite();
      else await appendFile(path, csv(table.slice(-1)));
    },
  };
}
