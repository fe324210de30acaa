/** What TensorBoard itself, installed from PyPI, reads from the event files of a run. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runnable } from '../../cli/executable.test-support.js';
import { runQuietly } from '../../cli/program.test-support.js';
import type { MetricsLine } from '../../train/metrics.js';
import { namedNumbers } from './numbers.js';

const READ = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1], size_guidance={'scalars': 0})
events.Reload()
print(json.dumps({tag: [[e.step, e.value] for e in events.Scalars(tag)] for tag in events.Tags()['scalars']}))
`;

it('reads every number of metrics.jsonl at its step', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tamtrl-tensorboard-'));
  const python = join(folder, 'venv', 'bin', 'python');
  execFileSync('python3', ['-m', 'venv', join(folder, 'venv')]);
  execFileSync(python, ['-m', 'pip', 'install', '--quiet', 'tensorboard==2.21.0', 'setuptools==80.9.0']);
  const out = join(folder, 'run');
  const { config } = await runnable();
  const { code, err } = await runQuietly(['train', '--config', config, '--log', 'tensorboard', '--out', out]);
  expect(code, err).toBe(0);
  const read = JSON.parse(
    execFileSync(python, ['-c', READ, join(out, 'tensorboard')], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }),
  ) as Record<string, [number, number][]>;
  const expected: Record<string, [number, number][]> = {};
  for (const text of readFileSync(join(out, 'metrics.jsonl'), 'utf8').trim().split('\n')) {
    const line = JSON.parse(text) as MetricsLine;
    for (const [name, value] of namedNumbers(line)) {
      expected[name] ??= [];
      expected[name].push([line.step, Math.fround(value)]);
    }
  }
  expect(Object.keys(expected)).toContain('reward');
  expect(read).toEqual(expected);
});
