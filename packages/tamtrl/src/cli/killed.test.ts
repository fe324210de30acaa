/** A run that is killed at any file-system call of its beginning is resumed, or begun again if nothing was saved, and ends the same. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MetricsLine } from '../train/metrics.js';
import { statesOf } from './fs-steps.test-support.js';
import { runProgram } from './program.js';
import type { Io } from './terminal/io.js';

const SMALL = `
model: mini-random
data: { kind: mini, chunks: 2, factsPerChunk: 2, queries: 1 }
memory: { questionTokens: 4, chunkTokens: 4, memoryTokens: 5, answerTokens: 3, prompts: mini }
steps: 1
evaluation: { every: 0, questions: 2 }
`;

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tamtrl-killed-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

async function run(args: readonly string[], watch?: (err: string) => void) {
  let err = '';
  const io: Io = {
    ...{ interactive: false, columns: () => 80, out: () => {} },
    err: (text) => {
      err += text;
      watch?.(text);
    },
  };
  return { code: await runProgram(args, io), err };
}

/** Everything that must be the same, times aside. */
async function outcome(path: string) {
  const lines = (await readFile(join(path, 'metrics.jsonl'), 'utf8')).trimEnd().split('\n');
  const { started: _, ...info } = JSON.parse(await readFile(join(path, 'info.json'), 'utf8'));
  return {
    info,
    metrics: lines.map((line) => ({ ...(JSON.parse(line) as MetricsLine), seconds: 0 })),
    readings: await readFile(join(path, 'readings.json'), 'utf8'),
    weights: (await readFile(join(path, 'checkpoints/final/model.safetensors'))).toString('base64'),
    leftovers: (await readdir(path, { recursive: true })).filter((name) => /partial|old/.test(name)),
  };
}

describe('killed at each file-system call', () => {
  it.each([
    ['train', 'questionsPerStep: 2\ngroupSize: 2\nmethod: tamtrl-frozen-teacher\n'],
    ['sft', 'batchSize: 2\n'],
  ])('%s, up to its first step', async (command, more) => {
    const settings = join(folder, `${command}.yaml`);
    await writeFile(settings, SMALL + more);
    const args = [command, '--config', settings];
    const whole = join(folder, command);
    let begun = false;
    const work = async () => {
      const { code, err } = await run([...args, '--out', whole], (text) => {
        begun ||= text.startsWith('Held-out before');
      });
      expect(code, err).toBe(0);
    };
    const states = await statesOf(whole, join(folder, `${command}-states`), work, () => !begun);
    const expected = await outcome(whole);
    expect(states.map(({ before }) => before)).toEqual(
      expect.arrayContaining([
        ...['half of writeFile info.json.partial', 'rename config.json.partial', 'rm checkpoints/.last.partial'],
        ...['rename checkpoints/.last.partial', 'rename readings.json.partial'],
      ]),
    );
    const resumed: string[] = [];
    for (const { before, copy } of states) {
      const again = await run([command, '--resume', copy]);
      if (again.code === 0) resumed.push(before);
      else {
        expect(again.err, before).toMatch(/there is no run in .*(nothing was saved: start it again|written to)/);
        const anew = await run([...args, '--out', copy]);
        expect(anew.code, `${before}: ${anew.err}`).toBe(0);
      }
      expect(await outcome(copy), before).toEqual(expected);
      await rm(copy, { recursive: true });
    }
    // From the moment on that both files are there.
    expect(resumed).toContain('writeFile metrics.jsonl');
    expect(resumed).toContain('rename checkpoints/.last.partial');
  });
});

describe('folders of earlier versions', () => {
  it('a checkpoint without info.json is resumed', async () => {
    const settings = join(folder, 'old.yaml');
    await writeFile(settings, `${SMALL}questionsPerStep: 2\ngroupSize: 2\nmethod: tamtrl-gated\n`);
    const whole = join(folder, 'old');
    const copies = join(folder, 'old-states');
    const states = await statesOf(whole, copies, async () => {
      expect((await run(['train', '--config', settings, '--out', whole])).code).toBe(0);
    });
    const { copy } = states.find(({ before }) => before === 'rm checkpoints/.last.old')!;
    await rm(join(copy, 'info.json'));
    const { code, err } = await run(['train', '--resume', copy]);
    expect(err).toContain('Going on after step 0');
    expect(code, err).toBe(0);
    const { info: _, ...found } = await outcome(copy);
    const { info: __, ...expected } = await outcome(whole);
    expect(found).toEqual(expected);
  });
});

it('results without a checkpoint are not written over', async () => {
  const settings = join(folder, 'gone.yaml');
  await writeFile(settings, `${SMALL}batchSize: 2\n`);
  const path = join(folder, 'gone');
  expect((await run(['sft', '--config', settings, '--out', path])).code).toBe(0);
  await rm(join(path, 'checkpoints'), { recursive: true });
  const before = await readFile(join(path, 'metrics.jsonl'), 'utf8');
  for (const args of [
    ['--resume', path],
    ['--config', settings, '--out', path],
  ]) {
    const { code, err } = await run(['sft', ...args]);
    expect(err).toContain('metrics.jsonl holds the results of a run whose checkpoint is gone.');
    expect(code).toBe(2);
  }
  expect(await readFile(join(path, 'metrics.jsonl'), 'utf8')).toBe(before);
});
