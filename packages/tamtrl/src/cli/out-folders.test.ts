/**
 * Places that are written to: what is there already is not destroyed, and what our own killed processes left is no
 * obstacle.
 */
import { execFileSync } from 'node:child_process';
import { cp, lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyModelFolder } from '../policy/engine-pool.test-support.js';
import { runQuietly } from './program.test-support.js';

const SETTINGS = `
model: MODEL
data: { kind: mini, chunks: 2, factsPerChunk: 2, queries: 1 }
memory: { questionTokens: 4, chunkTokens: 4, memoryTokens: 5, answerTokens: 3, prompts: mini }
steps: 1
evaluation: { every: 0, questions: 2 }
`;

let folder: string;
let model: string;
const at = (...names: string[]) => join(folder, ...names);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tamtrl-out-'));
  model = await tinyModelFolder();
  const settings = SETTINGS.replace('MODEL', model);
  await writeFile(at('train.yaml'), `${settings}questionsPerStep: 1\ngroupSize: 2\nreward: { combine: additive }\n`);
  await writeFile(at('sft.yaml'), `${settings}batchSize: 2\n`);
  const records = ['data', 'generate', 'mini', '--chunks', '2', '--facts', '2', '--queries', '1', '--count', '2'];
  expect((await run(...records, '--out', at('records.jsonl'))).code).toBe(0);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const run = (...args: string[]) => runQuietly(args);

async function contentOf(path: string): Promise<Record<string, string>> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(await Promise.all(files.map(async (file) => [file, await readFile(file, 'latin1')])));
}

let folders = 0;
const fresh = () => at(`place-${++folders}`);

async function modelFolder(): Promise<string> {
  const path = fresh();
  await cp(model, path, { recursive: true });
  await writeFile(join(path, 'metrics.jsonl'), '{"loss":1}\n');
  return path;
}

async function compareFile(out: string): Promise<string> {
  const path = at('compare.yaml');
  await writeFile(
    path,
    `out: ${out}
seeds: [1]
baseline: plain
methods: [{ name: plain }]
benchmarks: [{ name: b, data: ${at('records.jsonl')}, questions: 1 }]
`,
  );
  return path;
}

const reading = () => ['--model', model, '--data', at('records.jsonl')];

/** What each command is given to write into a folder. */
const COMMANDS: Record<string, { what: string; args: (out: string) => Promise<string[]> }> = {
  train: { what: 'a run', args: async (out) => ['train', '--config', at('train.yaml'), '--out', out] },
  sft: { what: 'a run', args: async (out) => ['sft', '--config', at('sft.yaml'), '--out', out] },
  eval: { what: 'an evaluation', args: async (out) => ['eval', ...reading(), '--out', out] },
  compare: { what: 'a comparison', args: async (out) => ['compare', await compareFile(out)] },
};

describe.each(Object.entries(COMMANDS))('%s', (name, { what, args }) => {
  it('leaves a folder of something else as it is', async () => {
    const single = fresh();
    await mkdir(single);
    await writeFile(join(single, 'results.csv'), 'mine\n');
    const run_ = fresh();
    await mkdir(run_);
    // Of another program: names of ours, but not our content.
    for (const file of ['info.json', 'config.json', 'results.jsonl', 'comparison.md', 'compare.json']) {
      await writeFile(join(run_, file), '{"format":"other"}');
    }
    for (const [path, first] of [
      [await modelFolder(), 'config.json and '],
      [single, 'results.csv, and '],
      [run_, 'compare.json and 4 more, '],
    ]) {
      const before = await contentOf(path);
      const { code, err } = await run(...(await args(path)));
      expect(err).toContain(`tamtrl: ${path} is not empty and does not hold ${what}: there is ${first}`);
      expect(err).toContain('Name a new or empty folder ');
      expect(code).toBe(2);
      expect(await contentOf(path)).toEqual(before);
    }
  });

  it('takes a folder that holds only what a repository or a killed process of ours leaves in an empty one', async () => {
    const partial = { train: 'info', sft: 'info', eval: 'settings', compare: 'compare' }[name];
    const path = fresh();
    await mkdir(path);
    for (const file of ['.gitkeep', `${partial}.json.partial`]) await writeFile(join(path, file), '{"comm');
    if (name === 'compare') {
      const { err } = await run(...(await args(path)), '--tables-only');
      expect(err).not.toContain('tamtrl:');
      return;
    }
    const { code, err } = await run(...(await args(path)));
    expect(code, err).toBe(0);
  });
});

it('leftovers in the folder of a run or of an evaluation are no obstacle to --resume', async () => {
  const path = fresh();
  expect((await run('sft', '--config', at('sft.yaml'), '--out', path)).code).toBe(0);
  for (const name of ['info.json', 'config.json', 'metrics.jsonl', 'readings.json']) {
    await writeFile(join(path, `${name}.partial`), '{"comm');
  }
  await mkdir(join(path, 'checkpoints/.last.partial'));
  await writeFile(join(path, 'notes.txt'), 'mine');
  const resumed = await run('sft', '--resume', path, '--steps', '2');
  expect(resumed.code, resumed.err).toBe(0);
  const evaluation = fresh();
  const args = ['eval', ...reading(), '--out', evaluation];
  expect((await run(...args)).code).toBe(0);
  for (const name of ['settings.json', 'summary.json']) await writeFile(join(evaluation, `${name}.partial`), '{');
  expect((await run(...args, '--resume')).code).toBe(0);
  await writeFile(join(evaluation, 'settings.json'), 'null');
  expect(await run(...args, '--resume')).toMatchObject({
    code: 2,
    err: expect.stringContaining('settings.json does not hold the settings of an evaluation. Name another folder.'),
  });
});

describe('compare', () => {
  it.each([
    ['with its tables', 'comparison.md', '# Comparison\n\nScores'],
    ['before its tables', 'training/a-1/info.json', '{"command":"train"}'],
  ])('goes on with a folder of an earlier version, %s', async (_, name, text) => {
    const path = fresh();
    await mkdir(join(path, name, '..'), { recursive: true });
    await writeFile(join(path, name), text);
    const { err } = await run('compare', await compareFile(path), '--tables-only');
    expect(err).not.toContain('tamtrl:');
    expect(await readdir(path)).toEqual(expect.arrayContaining(['compare.json', 'results.csv']));
  });

  it('a project with folders of the same names is something else', async () => {
    const path = fresh();
    await mkdir(join(path, 'data'), { recursive: true });
    await writeFile(join(path, 'data/b.jsonl'), 'mine');
    const { code, err } = await run('compare', await compareFile(path), '--tables-only');
    expect(err).toContain('there is data, and');
    expect(code).toBe(2);
  });
});

describe('data', () => {
  const rows = fileURLToPath(new URL('../../fixtures/data/hotpotqa.parquet', import.meta.url));
  const importing = ['data', 'import', rows];
  const generating = ['data', 'generate', 'mini', '--count', '1'];

  it.each([
    ['import', importing],
    ['generate', generating],
  ])('%s replaces a file only if told to', async (_, args) => {
    const path = at(`${args[1]}.jsonl`);
    await writeFile(path, 'mine\n');
    const refused = await run(...args, '--out', path);
    expect(refused.err).toContain(
      `--out: ${path} already exists (5 bytes). Name another file, or replace it with --overwrite.`,
    );
    expect(refused.code).toBe(2);
    expect(await readFile(path, 'utf8')).toBe('mine\n');
    expect((await run(...args, '--out', path, '--overwrite')).code).toBe(0);
    expect(await readFile(path, 'utf8')).toContain('"question"');
    await writeFile(path, '');
    await writeFile(`${path}.partial`, '{"id');
    expect((await run(...args, '--out', path)).code).toBe(0);
    expect((await run(...args, '--out', folder)).err).toContain(`--out: ${folder} is a folder; name a file in it.`);
  });

  it('devices, named pipes and links to themselves stay what they are', async () => {
    const [pipe, loop] = [at('pipe'), at('loop')];
    execFileSync('mkfifo', [pipe]);
    await symlink(loop, loop);
    for (const [path, reason] of [
      [pipe, `${pipe} is not a regular file, and would be replaced by one. Name another file.`],
      ['/dev/null', '/dev/null is not a regular file'],
      [loop, `cannot write to ${loop}: ELOOP: `],
    ]) {
      for (const args of [generating, [...generating, '--overwrite']]) {
        const { code, err } = await run(...args, '--out', path);
        expect(err).toContain(`tamtrl: --out: ${reason}`);
        expect(code).toBe(2);
      }
    }
    expect((await lstat(pipe)).isFIFO()).toBe(true);
    expect((await lstat(loop)).isSymbolicLink()).toBe(true);
    expect((await lstat('/dev/null')).isCharacterDevice()).toBe(true);
  });

  it('does not write through a link at the place of its temporary file', async () => {
    const path = at('linked.jsonl');
    await writeFile(at('target'), 'mine');
    await symlink(at('target'), `${path}.partial`);
    expect((await run(...generating, '--out', path)).code).toBe(0);
    expect(await readFile(at('target'), 'utf8')).toBe('mine');
  });
});

describe('ask --state', () => {
  it('a named pipe and a device stay what they are', async () => {
    const pipe = at('state-pipe');
    execFileSync('mkfifo', [pipe]);
    await writeFile(at('text.txt'), 'anna oslo');
    for (const path of [pipe, '/dev/null']) {
      const { code, err } = await run('ask', at('text.txt'), 'anna', '--model', 'mini', '--state', path);
      expect(err).toContain(`--state: cannot read ${path}: it is not a regular file.`);
      expect(code).toBe(2);
      expect((await lstat(path)).isFile()).toBe(false);
    }
  });

  it.each(['null', '0', '{"name":"package"}', '[]', 'notes'])('leaves a file with %s as it is', async (text) => {
    const path = at('state.json');
    await writeFile(path, text);
    await writeFile(at('text.txt'), 'anna oslo');
    const { code, err } = await run('ask', at('text.txt'), 'anna', '--model', 'mini', '--state', path);
    expect(err).toContain(`--state: ${path} is not a saved state. Name another file`);
    expect(code).toBe(2);
    expect(await readFile(path, 'utf8')).toBe(text);
  });

  it('does not write through a link at the place of its temporary file', async () => {
    const path = at('linked-state.json');
    await writeFile(at('target'), 'mine');
    await writeFile(at('long.txt'), 'anna oslo ben rome carl bern dan paris '.repeat(20));
    await symlink(at('target'), `${path}.partial`);
    const { code } = await run('ask', at('long.txt'), 'anna', '--model', 'mini', '--state', path);
    expect(code).toBe(0);
    expect(await readFile(at('target'), 'utf8')).toBe('mine');
    expect(JSON.parse(await readFile(path, 'utf8')).turns).toBeGreaterThan(0);
  });
});
