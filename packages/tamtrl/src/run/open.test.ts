import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openModel } from '../models/open.js';
import { tinyModelFolder } from '../policy/engine-pool.test-support.js';
import type { RewardMethod } from '../reward/method.js';
import type { RunConfigInput } from '../train/config.js';
import { RUN_FILES, RunFolder } from './folder.js';
import { openRun, type RunEvent, type RunOptions } from './open.js';
import type { ResumeSettings, RunSettings } from './plan.js';
import { readRun } from './read.js';

/** A small task. */
const config: RunConfigInput = {
  data: { kind: 'mini', chunks: 2, factsPerChunk: 2, queries: 1 },
  memory: { questionTokens: 4, chunkTokens: 4, memoryTokens: 5, answerTokens: 3, prompts: 'mini' },
  steps: 2,
  groupSize: 2,
  questionsPerStep: 2,
  evaluation: { every: 0, questions: 3 },
};

/** Every memory is worth its number of words. */
const wordy: RewardMethod = {
  name: 'wordy',
  summary: 'counts words',
  requires: {},
  turnScores: async (groups, { policy }) => ({
    scores: groups.map(({ trajectories }) =>
      trajectories.map(({ turns }) =>
        turns.slice(0, -1).map(({ outputIds }) => policy.tokenizer.decode(outputIds).split(' ').length / 10),
      ),
    ),
  }),
};

let root: string;

beforeAll(async () => {
  config.model = await tinyModelFolder();
  root = await mkdtemp(join(tmpdir(), 'tamtrl-open-'));
});

afterAll(() => rm(root, { recursive: true, force: true }));

async function run(settings: RunSettings | ResumeSettings, options?: RunOptions, stopAfter?: RunEvent['type']) {
  const events: RunEvent[] = [];
  for await (const event of openRun(settings, options)) {
    events.push(event);
    if (event.type === stopAfter) break;
  }
  return events;
}

const typesOf = (events: readonly RunEvent[]) => events.map(({ type }) => type).filter((type) => type !== 'saved');

describe('openRun', () => {
  it('refuses settings that make no sense together before it opens the model, which may be large, or none', async () => {
    const senseless = {
      ...config,
      model: root,
      reward: { combine: 'product', minmax: false, scaling: 'rank' },
    };
    await expect(run({ config: senseless as RunConfigInput, folder: join(root, 'senseless') })).rejects.toThrow(
      'reward.minmax is false, so scores stay as they are',
    );
  });

  it('trains from a preset, a configuration and settings, and readRun returns the same', async () => {
    const folder = join(root, 'named');
    const phases = new Set<string>();
    const onProgress = ({ phase }: { phase: string }) => void phases.add(phase);
    const model = 'mini-random';
    const events = await run({ config, model, method: 'tamtrl-additive', steps: 1, seed: 3, folder }, { onProgress });
    expect(typesOf(events)).toEqual('opened,reading,started,evaluation,step,evaluation,reading,finished'.split(','));
    expect(events[0]).toMatchObject({ model: { name: 'mini-random', contextLength: 256 }, plan: { folder } });
    expect([...phases]).toEqual(expect.arrayContaining(['rollout', 'evaluate']));
    const saved = await readRun(folder);
    expect(saved).toMatchObject({
      command: 'train',
      info: { command: 'train', preset: 'custom', method: 'tamtrl-additive' },
      config: { method: 'tamtrl', steps: 1, seed: 3, reward: { combine: 'additive' } },
      readings: { before: [{}, {}, {}], after: [{}, {}, {}] },
    });
    expect(saved.metrics.map(({ kind }) => kind)).toEqual(['evaluation', 'step', 'evaluation']);
    const last = events.at(-1);
    const summary = last?.type === 'finished' ? last.summary : undefined;
    expect(saved.summary).toEqual({ ...summary, seconds: saved.summary.seconds });
    expect(saved.summary).toMatchObject({ reason: 'steps', state: { step: 1, evaluatedStep: 1 } });
    // What a run writes has its name in the one list.
    const names = new Set<string>(Object.values(RUN_FILES));
    expect((await readdir(folder)).filter((name) => !names.has(name))).toEqual(['checkpoints']);
  });

  it('accepts a method of the program, also when the run continues', async () => {
    const folder = join(root, 'own');
    const controller = new AbortController();
    const options: RunOptions = { signal: controller.signal };
    let steps = 0;
    for await (const event of openRun({ config, method: wordy, folder }, options)) {
      if (event.type === 'step' && ++steps === 1) controller.abort(new Error('enough'));
      if (event.type === 'finished') expect(event.summary).toMatchObject({ reason: 'stopped', state: { step: 1 } });
    }
    const stopped = await readRun(folder);
    expect(stopped).toMatchObject({ info: { method: 'wordy' }, config: { method: 'wordy' } });
    expect(stopped.summary).toMatchObject({ reason: 'stopped', state: { step: 1 } });
    expect(stopped.readings.after).toBeUndefined();
    await expect(run({ resume: folder })).rejects.toThrow('There is no method "wordy"');
    const events = await run({ resume: folder, method: wordy, steps: 3 });
    expect(typesOf(events)).toEqual('opened,started,step,step,evaluation,reading,finished'.split(','));
    const whole = await readRun(folder);
    expect(whole.config.steps).toBe(3);
    expect(whole.metrics.filter(({ kind }) => kind === 'step').map(({ step }) => step)).toEqual([1, 2, 3]);
    expect(whole.summary.reason).toBe('steps');
  });

  it('trains an adapter: saves it without the base, merged, and alone', async () => {
    const folder = join(root, 'adapter');
    const settings: RunConfigInput = { ...config, learningRate: 0.05, reward: { combine: 'additive' } };
    const adapted = { config: { ...settings, adapter: { rank: 1, alpha: 3 } }, method: wordy, adapterRank: 2 };
    const [opened] = await run({ ...adapted, folder }, {}, 'step');
    const { parameters = 0, trainedParameters = 0 } = opened.type === 'opened' ? opened.model : {};
    expect(trainedParameters).toBeLessThan(0.1 * parameters);
    expect((await readRun(folder)).config.adapter).toEqual({ rank: 2, alpha: 3 });
    // Adapter, two moments, the snapshot of the start and a header; the base alone would be 20 kB.
    const state = await stat(join(folder, 'checkpoints', 'last', 'training-state.safetensors'));
    expect(state.size).toBeLessThan(4 * 4 * trainedParameters + 10_000);
    await run({ resume: folder, method: wordy });

    const rows = [{ promptIds: [5, 6, 7], completionIds: [8, 9, 10] }];
    const scores = async (address: string) => {
      const policy = await openModel(address, { seed: 0 });
      const [{ logProbabilities }] = (await policy.score?.(rows)) ?? [];
      await policy.close();
      return logProbabilities;
    };
    const merged = await scores(folder);
    const tiny = await tinyModelFolder();
    expect(await scores(tiny)).not.toEqual(merged);
    const alone = join(folder, 'checkpoints', 'final', 'adapter');
    const apart = await scores(alone);
    apart.forEach((value, at) => void expect(value).toBeCloseTo(merged[at], 5));
    const again = run({ config: { ...config, model: alone }, adapterRank: 2, folder: join(root, 'twice') });
    await expect(again).rejects.toThrow(
      /already holds an adapter of \S+tiny-model-\S+, and training continues that one/,
    );
  });

  it('lets the model itself, or another, mark what is relevant, and without one says what is missing', async () => {
    const settings = { config: { ...config, relevance: 'policy' as const }, method: 'tamtrl', steps: 1 };
    const events = await run({ ...settings, folder: join(root, 'own-marks') });
    expect(typesOf(events)).toContain('step');
    const judge = config.model;
    expect(typesOf(await run({ ...settings, judge, folder: join(root, 'others-marks') }))).toContain('step');
    const judged = run({ ...settings, config: { ...config, relevance: 'judge' }, folder: join(root, 'no-judge') });
    await expect(judged).rejects.toThrow('relevance is "judge", but no model is given to mark what is relevant.');
  });

  it('may be left early: the saved state stays and can be resumed', async () => {
    const folder = join(root, 'left');
    await run({ config, folder }, {}, 'step');
    expect((await readRun(folder)).summary).toMatchObject({ reason: 'stopped', state: { step: 1 } });
    const events = await run({ resume: folder });
    expect(events.at(-1)).toMatchObject({ type: 'finished', summary: { reason: 'steps', state: { step: 2 } } });
  });

  it('warms up, and gives warnings', async () => {
    const folder = join(root, 'warm');
    const { groupSize: _, questionsPerStep: __, ...common } = config;
    const warm = { ...common, batchSize: 2, steps: 1 };
    const events = await run({ command: 'sft', config: warm, folder });
    expect(events.at(-1)).toMatchObject({ type: 'finished', summary: { state: { kind: 'supervised', step: 1 } } });
    const saved = await readRun(folder);
    expect(saved.command === 'sft' && saved.config.batchSize).toBe(2);
    const records = join(root, 'records.jsonl');
    const record = (id: number) => ({
      id: `q${id}`,
      question: 'anna',
      answers: ['oslo'],
      documents: [{ text: ['anna', 'ben', 'emma', 'jack', 'dan'][id - 1] }],
    });
    await writeFile(records, [1, 2, 3, 4, 5].map((id) => `${JSON.stringify(record(id))}\n`).join(''));
    const short = await run({ config, data: records, method: 'memagent', folder: join(root, 'short') }, {}, 'warning');
    expect(short.at(-1)).toMatchObject({ text: expect.stringContaining('fit into one chunk') });
    expect(await readdir(root)).not.toContain('short');
    const cut = { ...config, topP: 0.9 };
    const warned = await run({ config: cut, method: 'memagent', folder: join(root, 'cut') }, {}, 'warning');
    expect(warned.at(-1)).toMatchObject({ text: expect.stringMatching(/^topP is 0\.9: .* Set topP to 1\.$/) });
  });

  it('refuses before anything is written', async () => {
    const folder = join(root, 'none');
    await expect(run({ config: { ...config, stps: 3 } as RunConfigInput, folder })).rejects.toThrow('"stps"');
    await expect(run({ config, method: 'gpo', folder })).rejects.toThrow('there is no method "gpo"');
    await expect(run({ config, model: join(root, 'gone'), folder })).rejects.toThrow('there is no model folder');
    await expect(run({ resume: folder })).rejects.toThrow(`There is no run in ${folder}`);
    await expect(run({ config, folder: join(root, 'named') })).rejects.toThrow('already holds a run');
    expect(await readdir(root)).not.toContain('none');
  });
});

describe('a run folder', () => {
  it('does not keep results of an earlier run', async () => {
    const folder = new RunFolder(join(root, 'left-over'));
    await folder.start({});
    await folder.writeReadings({ before: [] });
    await folder.append({ kind: 'evaluation', step: 0 } as Parameters<RunFolder['append']>[0]);
    await folder.start({});
    expect(await readdir(folder.path)).not.toContain(RUN_FILES.readings);
    expect(await folder.readMetrics()).toEqual([]);
  });

  it('is read while a line is being written', async () => {
    const folder = new RunFolder(join(root, 'named'));
    const whole = await folder.readMetrics();
    const text = await readFile(folder.file('metrics'), 'utf8');
    await writeFile(folder.file('metrics'), `${text}{"kind":"st`);
    expect(await folder.readMetrics()).toEqual(whole);
    await writeFile(folder.file('metrics'), text);
  });

  it('of another version is refused with the setting that does not fit', async () => {
    const folder = new RunFolder(join(root, 'named'));
    const { config: saved } = await folder.readSettings();
    await folder.writeConfig({ ...(saved as object), groupSize: 'many' });
    await expect(readRun(folder.path)).rejects.toThrow(/config\.json: groupSize: .* another version\?/);
    await writeFile(folder.file('info'), '{}');
    await expect(readRun(folder.path)).rejects.toThrow('info.json is missing or damaged');
  });
});
