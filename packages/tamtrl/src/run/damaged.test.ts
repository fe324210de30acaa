/** Run folders that were damaged or edited: one sentence that names the file, never a stack or a run from nowhere. */
import { cp, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { TamtrlError } from '../base/errors.js';
import { LockError } from '../base/lock.js';
import { tinyModelFolder } from '../policy/engine-pool.test-support.js';
import { RunFolder } from './folder.js';
import { openRun } from './open.js';
import type { RunSettings } from './plan.js';
import { readRun } from './read.js';

const settings: RunSettings = {
  steps: 1,
  config: {
    data: { kind: 'mini', chunks: 2, factsPerChunk: 2, queries: 1 },
    memory: { questionTokens: 4, chunkTokens: 4, memoryTokens: 5, answerTokens: 3, prompts: 'mini' },
    questionsPerStep: 1,
    groupSize: 2,
    evaluation: { questions: 2, every: 0 },
    reward: { combine: 'additive' },
  },
};
let whole: string;

async function all(events: AsyncGenerator<unknown>) {
  for await (const _ of events);
}

beforeAll(async () => {
  settings.model = await tinyModelFolder();
  whole = join(await mkdtemp(join(tmpdir(), 'tamtrl-damaged-')), 'run');
  await all(openRun({ ...settings, folder: whole }));
}, 300_000);

/** A copy of the run with a file changed. */
async function damaged(file: string, change: (text: string) => string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tamtrl-damaged-'));
  await cp(whole, folder, { recursive: true });
  const path = join(folder, file);
  await writeFile(path, change(await readFile(path, 'utf8')));
  return folder;
}

/** @param path of a value within the JSON, such as "state.step" */
const edited = (path: string, to: unknown) => (text: string) => {
  const value = JSON.parse(text);
  const names = path.split('.');
  const last = names.pop()!;
  names.reduce((at, name) => at[name], value)[last] = to;
  return JSON.stringify(value);
};

describe('run.json', () => {
  const STATE = 'checkpoints/last/run.json';
  it.each([
    [
      'null',
      () => 'null',
      /run\.json is not a checkpoint of this program: expected format tamtrl-run-1, found undefined/,
    ],
    ['cut short', (text: string) => text.slice(0, 40), /run\.json is damaged: .*JSON/],
    ['step "two"', edited('state.step', 'two'), /run\.json is damaged: state\.step: .*number.*string/],
    ['step "3"', edited('state.step', '3'), /damaged: state\.step/],
    ['position -5', edited('state.position', -5), /damaged: state\.position/],
    ['position 0.5', edited('state.position', 0.5), /damaged: state\.position/],
    ['no tokens', edited('state.tokens', null), /damaged: state\.tokens/],
    ['a state of null', edited('state', null), /damaged: state/],
    ['a configuration of null', edited('config', null), /damaged: config/],
  ])('%s', async (_, change, sentence) => {
    const folder = await damaged(STATE, change);
    const error = await readRun(folder).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: 'TrainError', message: expect.stringMatching(sentence) });
    const resumed = await all(openRun({ resume: folder, steps: 2 })).catch((reason: unknown) => reason);
    expect(resumed).toMatchObject({ name: 'TrainError', message: expect.stringMatching(sentence) });
  });
});

it.each([
  ['null', () => 'null'],
  ['a list', () => '[]'],
  ['before of another kind', () => '{"before":{}}'],
  ['turns of null', edited('before.0.turns', null)],
  ['cut short', (text: string) => text.slice(0, 20)],
])('readings.json: %s', async (_, change) => {
  const folder = await damaged('readings.json', change);
  const sentence = /readings\.json is damaged: .*Restore it from a copy, or remove it to continue without it\./;
  for (const attempt of [() => readRun(folder), () => all(openRun({ resume: folder, steps: 2 }))]) {
    await expect(attempt()).rejects.toMatchObject({ name: 'RunError', message: expect.stringMatching(sentence) });
  }
});

it.each(['questionsPerStep', 'groupSize'])('config.json: a %s beyond all measure', async (name) => {
  const huge = edited(name, Number.MAX_SAFE_INTEGER);
  const folder = await damaged('config.json', huge);
  const error = await all(openRun({ resume: folder, steps: 2 })).catch((reason: unknown) => reason);
  expect(TamtrlError.isInstance(error) && error.message).toMatch(new RegExp(`config\\.json: ${name}: `));
});

it('an unknown setting is refused, even if TypeScript has not checked it', async () => {
  const refusal = (more: object) => all(openRun({ ...settings, ...more })).catch((error: Error) => error.message);
  expect(await refusal({ stps: 3 })).toBe('A run has no setting "stps". Did you mean "steps"?');
  expect(await refusal({ groupSize: 3 })).toBe(
    'A run has no setting "groupSize". It belongs in config: { groupSize: … }.',
  );
});

it('only one process writes to a run; another can start once it has ended', async () => {
  const folder = join(await mkdtemp(join(tmpdir(), 'tamtrl-two-')), 'run');
  const first = openRun({ ...settings, folder });
  for await (const event of first) {
    if (event.type !== 'started') continue;
    await expect(all(openRun({ resume: folder }))).rejects.toBeInstanceOf(LockError);
    expect(await readFile(new RunFolder(folder).file('metrics'), 'utf8')).toBe('');
  }
  await all(openRun({ resume: folder, steps: 2 }));
  expect((await readRun(folder)).metrics.filter(({ kind }) => kind === 'step')).toHaveLength(2);
}, 300_000);
