/** Runs that are killed at file-system calls. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { tinyModelFolder } from '../policy/engine-pool.test-support.js';
import type { MetricsLine } from '../train/metrics.js';
import { statesOf } from './fs-steps.test-support.js';
import { runQuietly } from './program.test-support.js';

/** Settings of a run of one step, without those that only one command has. */
export const small = async () => `
model: ${await tinyModelFolder()}
data: { kind: mini, chunks: 2, factsPerChunk: 2, queries: 1 }
memory: { questionTokens: 4, chunkTokens: 4, memoryTokens: 5, answerTokens: 3, prompts: mini }
steps: 1
evaluation: { every: 0, questions: 2 }
`;

/** Everything that must be the same, except times. */
export async function outcome(path: string) {
  const lines = (await readFile(join(path, 'metrics.jsonl'), 'utf8')).trimEnd().split('\n');
  const { started: _, ...info } = JSON.parse(await readFile(join(path, 'info.json'), 'utf8'));
  const state = await readFile(join(path, 'checkpoints/last/run.json'), 'utf8');
  return {
    info,
    state: state.replaceAll(/"seconds": [^,]+/g, '"seconds": 0'),
    metrics: lines.map((line) => ({ ...(JSON.parse(line) as MetricsLine), seconds: 0 })),
    readings: await readFile(join(path, 'readings.json'), 'utf8'),
    weights: (await readFile(join(path, 'checkpoints/final/model.safetensors'))).toString('base64'),
    leftovers: (await readdir(path, { recursive: true })).filter((name) => /partial|old/.test(name)),
  };
}

/** Settings of each command besides those of `small`. */
export const KILLED = {
  train: 'questionsPerStep: 2\ngroupSize: 2\nmethod: tamtrl-frozen-teacher\nreward: { combine: additive }\n',
  sft: 'batchSize: 2\n',
} as const;

/** Calls around which a kill once left a folder that could neither be resumed nor started again. */
export const AROUND_THE_FIRST_CHECKPOINT: readonly string[] = [
  'half of writeFile info.json.partial',
  'rename config.json.partial',
  'rm checkpoints/.last.partial',
  'rename checkpoints/.last.partial',
  'rename readings.json.partial',
];

/**
 * Kills a run of `command` before each file-system call up to its first step, goes on, and expects the folder of a run
 * that was not killed.
 */
export async function expectSameAfterKills(command: keyof typeof KILLED): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'tamtrl-killed-'));
  try {
    const settings = join(folder, 'run.yaml');
    await writeFile(settings, (await small()) + KILLED[command]);
    const args = [command, '--config', settings];
    const whole = join(folder, 'whole');
    let begun = false;
    const work = async () => {
      const { code, err } = await runQuietly([...args, '--out', whole], (text) => {
        begun ||= text.startsWith('Held-out before');
      });
      expect(code, err).toBe(0);
    };
    const states = await statesOf(whole, join(folder, 'states'), work, () => !begun);
    expect(states.map(({ before }) => before)).toEqual(expect.arrayContaining([...AROUND_THE_FIRST_CHECKPOINT]));
    const expected = await outcome(whole);
    const resumed: string[] = [];
    for (const { before, copy } of states) {
      const again = await runQuietly([command, '--resume', copy]);
      if (again.code === 0) resumed.push(before);
      else {
        expect(again.err, before).toMatch(/There is no run in .*(nothing was saved: start it again|written to)/);
        const anew = await runQuietly([...args, '--out', copy]);
        expect(anew.code, `${before}: ${anew.err}`).toBe(0);
      }
      expect(await outcome(copy), before).toEqual(expected);
      await rm(copy, { recursive: true });
    }
    // Once info.json and config.json exist, a run is resumed rather than started again.
    expect(resumed).toContain('rename checkpoints/.last.partial');
    expect(resumed).toContain('writeFile metrics.jsonl');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
