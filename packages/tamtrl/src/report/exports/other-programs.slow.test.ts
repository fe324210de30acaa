/** What Trackio and tinker-cookbook themselves, installed from PyPI, read from the exports of a run. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { runnable } from '../../cli/executable.test-support.js';
import { runQuietly } from '../../cli/program.test-support.js';
import { RunFolder } from '../../run/folder.js';
import type { MetricsLine } from '../../train/metrics.js';
import { metricsTable } from './csv.js';
import { namedNumbers } from './numbers.js';
import { rolloutSummaries } from './rollout-summaries.js';

/** tinker-cookbook needs 3.11. */
const hasPython = spawnSync('python3', ['-c', 'import sys, venv; assert sys.version_info >= (3, 11)']).status === 0;
if (!hasPython) {
  console.warn('SKIPPED: what Trackio and tinker-cookbook read from exports. There is no Python 3.11 with venv here.');
}

const TRACKIO = `
import json, sys, contextlib, io, trackio
from trackio.sqlite_storage import SQLiteStorage
with contextlib.redirect_stdout(io.StringIO()):
    trackio.import_csv(sys.argv[1], project='table')
    trackio.import_tf_events(sys.argv[2], project='events')
print(json.dumps({p: [SQLiteStorage.get_logs(p, r) for r in SQLiteStorage.get_runs(p)] for p in ('table', 'events')}))
`;

const COOKBOOK = `
import json, sys
from tinker_cookbook.stores.storage import LocalStorage
from tinker_cookbook.stores.training_store import TrainingRunStore
store = TrainingRunStore(LocalStorage(sys.argv[1]))
print(json.dumps({i.iteration: store.read_rollouts(i.iteration) for i in store.list_iterations() if i.has_train_rollouts}))
`;

type Logged = { step: number; timestamp: string } & Record<string, number>;

describe.skipIf(!hasPython)('exports of a run', () => {
  let folder: string;
  let run: RunFolder;
  let lines: MetricsLine[];

  const python = (code: string, ...args: string[]): unknown =>
    JSON.parse(
      execFileSync(join(folder, 'venv', 'bin', 'python'), ['-c', code, ...args], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
        env: { ...process.env, TRACKIO_DIR: join(folder, 'trackio'), HF_HUB_OFFLINE: '1' },
      }),
    );
  const exported = async (kind: string, name: string) => {
    const out = join(folder, name);
    const { code, err } = await runQuietly(['export', kind, run.path, '--out', out]);
    expect(code, err).toBe(0);
    return out;
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tamtrl-exports-'));
    execFileSync('python3', ['-m', 'venv', join(folder, 'venv')]);
    const pip = ['-m', 'pip', 'install', '--quiet'];
    const own = join(folder, 'venv', 'bin', 'python');
    execFileSync(own, [...pip, 'trackio==0.43.0', 'tbparse==0.0.9'], { stdio: 'pipe' });
    // Its store of runs needs none of the libraries that its training needs.
    execFileSync(own, [...pip, '--no-deps', 'tinker-cookbook==0.6.1'], { stdio: 'pipe' });
    const out = join(folder, 'run');
    const { code, err } = await runQuietly(['train', '--config', (await runnable()).config, '--out', out]);
    expect(code, err).toBe(0);
    run = new RunFolder(out);
    lines = await run.readMetrics();
  }, 600_000);

  it('are read by Trackio: a table with all digits under shortened names, events with full names', async () => {
    const read = python(
      TRACKIO,
      await exported('csv', 'metrics.csv'),
      await exported('tensorboard', 'events'),
    ) as Record<'table' | 'events', Logged[][]>;
    const [header, ...rows] = metricsTable(lines);
    // Columns keep their order; what is not a number, as the kind of a line, is left out.
    const numbers = rows.map((row) => row.filter((cell, at) => cell !== '' && !['step', 'kind'].includes(header[at])));
    const [table] = read.table;
    expect(table.map(({ step, timestamp: _, ...values }) => [step, ...Object.values(values)])).toEqual(
      numbers.map((row, at) => [lines[at].step, ...row.map(Number)]),
    );
    const names = table.flatMap((row) => Object.keys(row));
    expect(names).toContain('memorytoke');
    expect(names).not.toContain('memory_tokens');
    const found = read.events
      .flat()
      .flatMap(({ step, timestamp: _, ...values }) =>
        Object.entries(values).map(([name, value]) => `${step} ${name} ${value}`),
      );
    const expected = lines.flatMap((line) =>
      namedNumbers(line).map(([name, value]) => `${line.step} ${name} ${Math.fround(value)}`),
    );
    expect(found.sort()).toEqual(expected.sort());
  });

  it('are read by tinker-cookbook’s store: every rollout of every iteration', async () => {
    const read = python(COOKBOOK, await exported('rollout-summaries', 'summaries'));
    const expected = rolloutSummaries(await run.readGroups()).map(({ lines: own }, at) => [String(at), own]);
    expect(expected.length).toBeGreaterThan(0);
    expect(read).toEqual(JSON.parse(JSON.stringify(Object.fromEntries(expected))));
    expect(await readFile(join(run.path, 'groups.jsonl'), 'utf8')).not.toBe('');
  });
});
