/** Settings of the campaign, and the rows that its parts write. `run.mjs` sets the environment and prints the rows. */
import { appendFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const number = (name: string, otherwise: number) => Number(process.env[`TAMTRL_FAULTS_${name}`] ?? otherwise);

/** Counts of a small campaign; `run.mjs` sets those of the whole one. */
export const CAMPAIGN = {
  seed: number('SEED', 1),
  kills: number('KILLS', 12),
  requests: number('REQUESTS', 300),
  inputs: number('INPUTS', 2000),
  steps: number('STEPS', 200),
  turns: number('TURNS', 800),
} as const;

/** Failures that are printed of a row; all are counted. */
const SHOWN = 20;

export class Row {
  tried = 0;
  /** Figures beside the counts, such as "12 were begun again". */
  notes = '';
  readonly failures: string[] = [];

  fail(what: string): void {
    this.failures.push(what);
  }

  /** Counts a case, which fails with whatever it throws. */
  async case(name: string, work: () => Promise<void>): Promise<void> {
    this.tried++;
    try {
      await work();
    } catch (error) {
      this.fail(`${name}: ${error instanceof Error ? error.message : error}`);
    }
  }
}

/** A row of the table as a test: it fails if anything in it did. `folder` is removed afterwards. */
export function fault(part: string, what: string, work: (row: Row, folder: string) => Promise<void>): void {
  it(what, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tamtrl-faults-'));
    const row = new Row();
    const started = performance.now();
    try {
      await work(row, folder);
    } catch (error) {
      row.fail(error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
    await rm(folder, { recursive: true, force: true });
    const seconds = Math.round((performance.now() - started) / 100) / 10;
    const { tried, notes, failures } = row;
    const line = { part, what, tried, failed: failures.length, seconds, notes, failures: failures.slice(0, SHOWN) };
    if (process.env.TAMTRL_FAULTS_ROWS) appendFileSync(process.env.TAMTRL_FAULTS_ROWS, `${JSON.stringify(line)}\n`);
    expect(failures.slice(0, SHOWN)).toEqual([]);
    expect(tried).toBeGreaterThan(0);
  });
}
