/** Runs that are interrupted or killed, as processes of their own. Needs a build, as `npm test` makes one. */
import type { ChildProcess } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { EMBEDDED_MINI } from '../models/embedded.js';
import { openLocalPolicy } from '../policy/local.js';
import { engineServer } from '../policy/tinker/engine-server.test-support.js';
import type { MetricsLine } from '../train/metrics.js';
import { runnable, spawned } from './executable.test-support.js';
import { runQuietly } from './program.test-support.js';

let folder: string;
let config: string;

beforeAll(async () => {
  ({ folder, config } = await runnable());
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const tamtrl = (args: readonly string[], watch?: (err: string, child: ChildProcess) => void) =>
  spawned(folder, args, watch);

async function metricsOf(run: string): Promise<object[]> {
  const lines = (await readFile(join(folder, run, 'metrics.jsonl'), 'utf8')).trimEnd().split('\n');
  return lines.map((line) => {
    const { seconds: _, ...timeless } = JSON.parse(line) as MetricsLine;
    return timeless;
  });
}

const weightsOf = (run: string) => readFile(join(folder, run, 'checkpoints/final/model.safetensors'));

it('after Ctrl-C (saved, code 130) or a kill, resuming gives the run that was not interrupted', async () => {
  const more = ['--config', config, '--steps', '6', '--method', 'tamtrl-ema-teacher'];
  const [whole, parts, killed] = await Promise.all([
    tamtrl(['train', ...more, '--out', 'whole', '--json']),
    tamtrl(['train', ...more, '--out', 'parts', '--json'], (err, child) => {
      if (err.includes('step 1/6') && !err.includes('Stopping')) child.kill('SIGINT');
    }),
    tamtrl(['train', ...more, '--out', 'killed', '--json'], (err, child) => {
      if (err.includes('step 2/6')) child.kill('SIGKILL');
    }),
  ]);
  expect(whole.code).toBe(0);
  expect(parts.err).toContain('Stopping and saving the run.');
  expect(parts.code).toBe(130);
  const interrupted = JSON.parse(parts.out);
  expect(interrupted).toMatchObject({ reason: 'stopped', method: 'tamtrl-ema-teacher' });
  expect(interrupted.steps).toBeLessThan(6);
  const resumed = await tamtrl(['train', '--resume', 'parts', '--json']);
  expect(resumed.err).toContain(`Continuing after step ${interrupted.steps} in parts`);
  expect(resumed.code).toBe(0);
  const { seconds: _, folder: __, checkpoint: ___, best: ____, ...final } = JSON.parse(resumed.out);
  expect(JSON.parse(whole.out)).toMatchObject(final);
  expect(await metricsOf('parts')).toEqual(await metricsOf('whole'));
  expect((await weightsOf('parts')).equals(await weightsOf('whole'))).toBe(true);
  expect(await readFile(join(folder, 'parts/readings.json'))).toEqual(
    await readFile(join(folder, 'whole/readings.json')),
  );

  // A process that is killed can say nothing, but the steps that it had told of are saved.
  expect(killed).toMatchObject({ code: null, out: '' });
  const revived = await tamtrl(['train', '--resume', 'killed', '--json']);
  const [, step] = /Continuing after step (\d) in killed/.exec(revived.err) ?? [];
  expect(Number(step)).toBeGreaterThanOrEqual(2);
  expect(await metricsOf('killed')).toEqual(await metricsOf('whole'));
  expect((await weightsOf('killed')).equals(await weightsOf('whole'))).toBe(true);
});

it('an interrupted run on a server says how to resume it', async () => {
  const trained = await engineServer({ open: () => openLocalPolicy(EMBEDDED_MINI) });
  try {
    const settings = join(folder, 'far.yaml');
    const memory = '{ questionTokens: 4, chunkTokens: 4, memoryTokens: 5, answerTokens: 3, prompts: mini }';
    await writeFile(
      settings,
      `data: { kind: mini, chunks: 2, factsPerChunk: 2, queries: 1 }
memory: ${memory}
evaluation: { every: 0, questions: 2 }
klCoefficient: 0
groupSize: 2
questionsPerStep: 2
reward: { combine: additive }
`,
    );
    const path = join(folder, 'far');
    const spec = `tinker:${trained.url}#mini`;
    const rest = ['--config', settings, '--tokenizer', 'mini', '--out', path];
    const interrupted = await runQuietly(['train', ...rest, '--model', spec], (more) => {
      if (more.startsWith('Held-out before')) process.emit('SIGINT');
    });
    expect(interrupted.code, interrupted.err).toBe(130);
    const [, command] = /Continue with {2}tamtrl (.*)\n/.exec(interrupted.out)!;
    expect(command).toBe(`train --resume ${path} --allow-host ${trained.url}`);
    const resumed = await runQuietly([...command.split(' '), '--steps', '1']);
    expect(resumed.code, resumed.err).toBe(0);
  } finally {
    await trained.close();
  }
});
