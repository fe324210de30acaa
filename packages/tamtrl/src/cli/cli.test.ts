/**
 * The executable as users run it: child processes, their output, their exit codes. Needs a build, as `npm test` makes
 * one.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { miniChat, miniTokenizer, miniTokenizerFiles } from '../data/mini/tokenizer.js';
import { tinyShape } from '../policy/engine-pool.test-support.js';
import { openLocalPolicy } from '../policy/local.js';
import type { MetricsLine } from '../train/metrics.js';

const executable = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** Random weights never answer right: only a reward that adds the turn scores gives a gradient. */
const SETTINGS = `
model: MODEL
data: { kind: mini, chunks: 2, factsPerChunk: 2, queries: 1 }
memory: { questionTokens: 4, chunkTokens: 4, memoryTokens: 5, answerTokens: 3, prompts: mini }
steps: 2
groupSize: 3
questionsPerStep: 3
learningRate: 0.01
reward:
  combine: additive
evaluation: { every: 0, questions: 4 }
`;

let folder: string;
let config: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tamtrl-cli-'));
  const tokenizer = miniTokenizer();
  const bytes = (value: object) => new TextEncoder().encode(JSON.stringify(value));
  const files = {
    'tokenizer.json': bytes(miniTokenizerFiles().tokenizer),
    'tokenizer_config.json': bytes(miniTokenizerFiles().config),
  };
  const policy = await openLocalPolicy({ config: tinyShape, seed: 1, files }, { tokenizer, chat: miniChat });
  await policy.exportModel(join(folder, 'model'));
  await policy.close();
  config = join(folder, 'run.yaml');
  await writeFile(config, SETTINGS.replace('MODEL', join(folder, 'model')));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

interface Ended {
  code: number | null;
  out: string;
  err: string;
}

/** @param watch told of all that stderr has said so far, whenever more comes */
async function tamtrl(args: string[], watch?: (err: string, child: ChildProcess) => void): Promise<Ended> {
  const child = spawn(process.execPath, [executable, ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
    watch?.(err, child);
  });
  const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve));
  return { code, out, err };
}

async function metricsOf(run: string): Promise<object[]> {
  const lines = (await readFile(join(folder, run, 'metrics.jsonl'), 'utf8')).trimEnd().split('\n');
  return lines.map((line) => {
    const { seconds: _, ...timeless } = JSON.parse(line) as MetricsLine;
    return timeless;
  });
}

const weightsOf = (run: string) => readFile(join(folder, run, 'checkpoints/final/model.safetensors'));

it('two steps: plain progress on stderr, one JSON object on stdout, everything in the folder', async () => {
  const { code, out, err } = await tamtrl(['train', '--config', config, '--seed', '3', '--out', 'two', '--json']);
  expect(err).toMatch(/^Held-out before training: exact match 0\.0%.*\(4 questions, /m);
  expect(err).toMatch(
    /^step 1\/2: reward 0\.000, exact match 0\.0%, memory \d\.\d tokens, [\d,]+ tokens\/s, .* left$/m,
  );
  expect(err).toMatch(/^step 2\/2: /m);
  expect([...err].filter((character) => character < ' ' && character !== '\n')).toEqual([]);
  expect(code).toBe(0);
  expect(out.trimEnd().split('\n')).toHaveLength(1);
  const summary = JSON.parse(out);
  expect(Object.keys(summary).slice(0, 7)).toEqual([
    'method',
    'seed',
    'steps',
    'exact_match',
    'seconds',
    'tokens',
    'checkpoint',
  ]);
  expect(summary).toMatchObject({
    method: 'tamtrl',
    seed: 3,
    steps: 2,
    exact_match: { before: 0, after: 0 },
    checkpoint: 'two/checkpoints/final',
    evaluated_step: 2,
    held_out_questions: 4,
    reason: 'steps',
    preset: 'custom',
    folder: 'two',
  });
  const { prompt, sampled, scored, trained, total } = summary.tokens;
  expect(total).toBe(prompt + sampled + scored + trained);
  expect(sampled).toBeGreaterThan(0);
  expect(await readdir(join(folder, 'two'))).toEqual([
    'checkpoints',
    'config.json',
    'info.json',
    'learning-curve.svg',
    'metrics.jsonl',
    'readings.json',
    'report.md',
    'trajectories.jsonl',
  ]);
  const saved = JSON.parse(await readFile(join(folder, 'two/config.json'), 'utf8'));
  expect(saved).toMatchObject({ seed: 3, steps: 2, method: 'tamtrl', clipHigh: 0.28, reward: { combine: 'additive' } });
  const report = await readFile(join(folder, 'two/report.md'), 'utf8');
  expect(report).toContain('| held out (4 questions) | before | after step 2 | change |');
  expect(report).toContain('![Exact match by step](learning-curve.svg)');
  expect(report.match(/^### mini-/gm)).toHaveLength(3);
  expect(report.match(/^ {2}Memory 2 /gm)).toHaveLength(6);
  expect(await readFile(join(folder, 'two/learning-curve.svg'), 'utf8')).toMatch(/^<svg .*class="line".*<\/svg>\n$/s);
});

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
  expect(parts.err).toContain('Stopping: the run is being saved.');
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

it('a refusal is one line with its place, nothing on stdout, and exit code 2', async () => {
  await writeFile(join(folder, 'wrong.yaml'), `${SETTINGS}grupSize: 4\n`);
  expect(await tamtrl(['train', '--config', 'wrong.yaml'])).toEqual({
    code: 2,
    out: '',
    err: 'tamtrl: wrong.yaml:12:1: unknown setting "grupSize". Did you mean "groupSize"?\n',
  });
});
