/** The parts of a comparison against its file: settings, data, and what a table has to say of them. */
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { readingOf } from '../memory/reading-settings.js';
import type { CompareConfig } from './comparison-config.js';
import { readCompareConfig } from './comparison-config.js';
import { factsOf } from './comparison-facts.js';
import { requireUnseenBenchmarks } from './comparison-leaks.js';
import { generatedText, requestOf, requireSameParts, writeCellRecord } from './comparison-parts.js';
import { comparisonRuns, isEvaluated } from './comparison-plan.js';
import { checkSettings, sharedReading, trainingConfig } from './comparison-settings.js';
import { writeTrainingRecord } from './comparison-trainings.js';
import { RunFolder } from './folder.js';

const root = await mkdtemp(join(tmpdir(), 'tamtrl-parts-'));
let out: string;
let number = 0;

beforeEach(() => {
  out = join(root, `out-${number++}`);
});

afterAll(() => rm(root, { recursive: true, force: true }));

const TEXT = `
preset: mini-long
seeds: [1, 2]
baseline: untrained
train: { steps: 2, thinking: false, memory: { memoryTokens: 9, empty: overwrite, align: sentence } }
methods:
  - { name: untrained }
  - { name: memagent, train: memagent }
  - { name: tamtrl, train: tamtrl, settings: { groupSize: 4 } }
benchmarks:
  - { name: b, data: { kind: mini, chunks: 8, facts: 3 }, questions: 3 }
`;

async function read(text = TEXT): Promise<CompareConfig> {
  const path = join(root, 'c.yaml');
  await writeFile(path, `out: ${out}${text}`);
  return readCompareConfig(path);
}

async function refusal(text: string): Promise<string> {
  const error: Error | undefined = await read(text)
    .then(async (config) => {
      await checkSettings(config);
      await requireUnseenBenchmarks(config);
      await requireSameParts(config);
    })
    .then(
      () => undefined,
      (reason) => reason,
    );
  return (error?.message ?? '').replaceAll(`${root}/`, '');
}

/** Writes what trainings and evaluations leave that have ended. */
async function finish(config: CompareConfig, steps: (method: string, seed: number) => number = () => 2): Promise<void> {
  const shared = await sharedReading(config);
  for (const run of comparisonRuns(config)) {
    const { method, seed, training } = run;
    const reading = training === undefined ? shared : readingOf(await trainingConfig(config, method, seed));
    if (training !== undefined) {
      const info = {
        command: 'train',
        preset: 'mini-long',
        method: method.train ?? '',
        started: '2026-01-01',
      } as const;
      const folder = new RunFolder(training, info);
      await folder.start(await trainingConfig(config, method, seed));
      await writeTrainingRecord(config, run);
      await writeFile(folder.file('finished'), JSON.stringify({ steps: steps(method.name, seed) }));
    }
    for (const cell of run.cells) {
      await mkdir(cell.folder, { recursive: true });
      await mkdir(join(out, 'data'), { recursive: true });
      await writeFile(cell.data, generatedText(cell.benchmark) ?? '');
      await writeCellRecord(config, run, cell, shared);
      const settings = { ...reading, ...requestOf(run, cell, shared) };
      await writeFile(join(cell.folder, 'settings.json'), JSON.stringify(settings));
      const results = [0, 1, 2].map((id) => JSON.stringify({ id: `q${id}` }));
      await writeFile(join(cell.folder, 'results.jsonl'), `${results.join('\n')}\n`);
      await writeFile(join(cell.folder, 'summary.json'), JSON.stringify({ records: 3, failures: 0 }));
    }
  }
}

const folderOf = (name: string) => new RunFolder(join(out, 'training', name));

describe('the settings of a comparison', () => {
  it('are checked with line and column for every method', async () => {
    expect(await refusal(TEXT.replace('groupSize: 4', 'grupSize: 4'))).toBe(
      'c.yaml:9:48: unknown setting "grupSize". Did you mean "groupSize"?',
    );
    expect(await refusal(TEXT.replace('thinking: false', 'reward: { combine: prodct }'))).toBe(
      'c.yaml:5:39: reward.combine: there is no "prodct". Did you mean "product"?',
    );
    expect(await refusal(TEXT.replace('preset: mini-long', 'preset: mini-lang'))).toBe(
      'c.yaml:2:9: there is no preset "mini-lang". Did you mean "mini-long"?',
    );
    expect(await refusal(TEXT.replace('preset:', 'model: mnii\npreset:'))).toBe(
      'c.yaml:2:8: there is no model folder or .gguf file at mnii. Did you mean "mini"?',
    );
    expect(await refusal(TEXT.replace('groupSize: 4', 'seed: 4'))).toBe(
      'c.yaml:9:48: in a comparison, seed is set by seeds.',
    );
    expect(await refusal(TEXT.replace(/data: \{[^}]*\}/, 'data: none.jsonl'))).toBe(
      'c.yaml:11:22: expected a JSONL file of question records at none.jsonl, found nothing.',
    );
    expect(await refusal(TEXT)).toBe('');
  });

  it('of a method override the shared ones, setting by setting', async () => {
    const config = await read(TEXT.replace('groupSize: 4', 'memory: { memoryTokens: 8 }'));
    expect((await trainingConfig(config, config.methods[2], 1)).memory).toMatchObject({
      memoryTokens: 8,
      empty: 'overwrite',
      chunkTokens: 6,
    });
  });
});

describe('an evaluation', () => {
  it("requests nothing for a trained model, and the trainings' settings for others", async () => {
    const config = await read(TEXT.replace('questions: 3', 'questions: 3, chunkTokens: 7'));
    const [untrained, memagent] = comparisonRuns(config);
    const shared = await sharedReading(config);
    const greedy = { temperature: 0, topP: 1 };
    const common = { reader: 'agent', limit: 3, seed: 1, chunkTokens: 7, ...greedy };
    const place = { data: [join(out, 'data/b.jsonl')] };
    expect(requestOf(memagent, memagent.cells[0], shared)).toEqual({
      ...common,
      ...place,
      model: join(out, 'training/memagent-1/checkpoints/final'),
    });
    expect(requestOf(untrained, untrained.cells[0], shared)).toMatchObject({
      ...common,
      memoryTokens: 9,
      empty: 'overwrite',
      align: 'sentence',
      thinking: false,
    });
  });

  it('in which every record failed is not a finished one', async () => {
    const config = await read();
    await finish(config);
    const [cell] = comparisonRuns(config)[0].cells;
    expect(await isEvaluated(cell)).toBe(true);
    await writeFile(join(cell.folder, 'summary.json'), JSON.stringify({ records: 3, failures: 3 }));
    expect(await isEvaluated(cell)).toBe(false);
  });
});

describe('parts that are there', () => {
  it('are refused if the file has changed', async () => {
    await finish(await read());
    expect(await refusal(TEXT)).toBe('');
    const steps = await refusal(TEXT.replace('steps: 2', 'steps: 3'));
    expect(steps).toContain('memagent, seed 1: training: steps was 2 and is now 3.');
    expect(steps).toContain('tamtrl, seed 2: training: steps was 2 and is now 3.');
    expect(steps).not.toContain('untrained');
    expect(steps).toMatch(/remove these to run them again: \S*training\/memagent-1 \S*evaluation\/memagent-1-b /);
    const questions = await refusal(TEXT.replace('questions: 3', 'questions: 4'));
    expect(questions).toContain('untrained, seed 1: b: limit was 3 and is now 4; the benchmark has different');
    const seed = await refusal(TEXT.replace('facts: 3', 'facts: 3, seed: 4'));
    expect(seed).toContain('untrained, seed 1: b: the benchmark has different records.');
    expect(await refusal(TEXT.replace('questions: 3', 'questions: 3, chunkTokens: 7'))).toContain(
      'memagent, seed 1: b: chunkTokens was not set and is now 7.',
    );
    expect(await refusal(TEXT.replace('name: untrained }', 'name: untrained, reader: bm25 }'))).toContain(
      'untrained, seed 1: b: reader was "agent" and is now "bm25".',
    );
  });

  it('are refused if their model comes from another training', async () => {
    const config = await read();
    await finish(config);
    const folder = new RunFolder(join(out, 'training/tamtrl-1'));
    const { info } = await folder.readSettings();
    await folder.writeInfo({ ...info, started: '2020-01-01T00:00:00.000Z' });
    expect(await refusal(TEXT)).toContain('tamtrl, seed 1: b: its model comes from a different training');
  });

  it('are the same if the folder is moved, or if a version has other defaults', async () => {
    await finish(await read());
    const folder = new RunFolder(join(out, 'training/tamtrl-1'));
    const { config } = await folder.readSettings();
    const record = JSON.parse(await readFile(`${folder.path}.json`, 'utf8'));
    const other = { ...(config as object), learningRate: 0.5 };
    await folder.writeConfig(other);
    await writeFile(`${folder.path}.json`, JSON.stringify({ ...record, config: other }));
    const moved = `${out}-moved`;
    await rename(out, moved);
    out = moved;
    expect(await refusal(TEXT)).toBe('');
    // Somebody went on with the run.
    await folderOf('tamtrl-1').writeConfig({ ...other, steps: 9 });
    expect(await refusal(TEXT)).toContain('tamtrl, seed 1: training: steps was 9 and is now 2.');
  });

  it('of an earlier version are compared with their evaluations', async () => {
    const config = await read();
    await finish(config);
    for (const { cells, training } of comparisonRuns(config)) {
      await rm(`${cells[0].folder}.json`);
      if (training !== undefined) await rm(`${training}.json`);
    }
    // Settings of which neither file says anything have other defaults today.
    const folder = folderOf('memagent-2');
    const { config: then } = await folder.readSettings();
    await folder.writeConfig({ ...(then as object), learningRate: 0.5 });
    expect(await refusal(TEXT)).toBe('');
    expect(await refusal(TEXT.replace('questions: 3', 'questions: 4'))).toContain('limit was 3 and is now 4');
    expect(await refusal(TEXT.replace('steps: 2', 'steps: 3'))).toContain(
      'seed 1: training: steps was 2 and is now 3.',
    );
    expect(await refusal(TEXT.replace('groupSize: 4', 'groupSize: 5'))).toContain('groupSize was 4 and is now 5.');
    const preset = await refusal(TEXT.replace('mini-long', 'mini'));
    expect(preset).toContain('training: preset was "mini-long" and is now "mini".');
    await writeFile(`${folder.path}.yaml`, 'learningRate: 0.5');
    expect(await refusal(TEXT)).toContain('memagent, seed 2: training: learningRate was 0.5 and is now ');
    await rm(`${folder.path}.yaml`);
    // As eval's defaults once were, whatever the training said.
    const cell = comparisonRuns(config)[1].cells[0];
    const settings = {
      reader: 'agent',
      data: [cell.data],
      limit: 3,
      seed: 1,
      temperature: 0,
      topP: 1,
      prompts: 'mini',
    };
    const usual = { questionTokens: 5, chunkTokens: 12, memoryTokens: 10, answerTokens: 6 };
    const model = join(out, 'training/memagent-1/checkpoints/final');
    await writeFile(join(cell.folder, 'settings.json'), JSON.stringify({ ...settings, ...usual, model }));
    expect(await refusal(TEXT)).toContain('chunkTokens was 12 and is now 6; memoryTokens was 10 and is now 9');
  });
});

describe('benchmarks', () => {
  const record = (id: string, question: string) =>
    JSON.stringify({ id, question, answers: ['oslo'], documents: [{ text: 'anna oslo', relevant: true }] });

  it('may not hold training records', async () => {
    const train = join(root, 'train.jsonl');
    const test = join(root, 'test.jsonl');
    await writeFile(train, `${record('a', 'anna')}\n${record('b', 'ben')}\n`);
    await writeFile(test, `${record('x', 'ben')}\n${record('a', 'emma')}\n`);
    const data = `data: { kind: records, train: ${train} }`;
    const text = TEXT.replace('thinking: false', data).replace(/data: \{ kind: mini[^}]*\}/, `data: ${test}`);
    expect(await refusal(text)).toMatch(
      /^c\.yaml:11:22: 1 of the 2 records of test\.jsonl are also in train\.jsonl, which is trained on: "test\.jsonl: x" \(there "train\.jsonl: b"\)/,
    );
    await writeFile(test, `${record('a', 'emma')}\n`);
    expect(await refusal(text)).toBe('');
    const seeded = TEXT.replace('thinking: false', 'data: { trainingSeed: 5 }').replace(
      'facts: 3',
      'facts: 3, seed: 5',
    );
    expect(await refusal(seeded)).toContain('the questions with seed 5 are those that are trained on');
  });
});

describe('the tables', () => {
  const notesOf = async (config: CompareConfig) => (await factsOf(config)).notes.map(({ text }) => text);

  it('name every setting in which rows differ', async () => {
    const config = await read(TEXT.replace('groupSize: 4', 'groupSize: 4, memory: { chunkTokens: 12 }'));
    await finish(config);
    const [reading, training, ...rest] = await notesOf(config);
    expect(reading).toBe(
      'b: rows differ in how they read: chunkTokens is 6 for untrained and memagent, 12 for tamtrl.',
    );
    expect(training).toContain('groupSize is 8 for memagent, 4 for tamtrl');
    expect(training).toContain('memory.chunkTokens is 6 for memagent, 12 for tamtrl');
    expect(training).toContain('method is "memagent" for memagent, "tamtrl" for tamtrl');
    expect(rest).toEqual([]);
  });

  it('say if steps, held-out questions, records or seeds are not alike', async () => {
    const text = TEXT.replace('groupSize: 4', 'evaluation: { questions: 9 }');
    const config = await read(text);
    await finish(config, (method, seed) => (method === 'memagent' && seed === 2 ? 1 : 2));
    const other = join(out, 'evaluation/tamtrl-2-b');
    const lines = [{ id: 'q0' }, { id: 'q1', error: 'too long' }, { id: 'z' }].map((line) => JSON.stringify(line));
    await writeFile(join(other, 'results.jsonl'), lines.join('\n'));
    const { notes, sameHeldOut } = await factsOf(config);
    expect(sameHeldOut).toBe(false);
    const about = (start: string) => notes.find(({ text }) => text.startsWith(start))?.about;
    expect(about('Not all were trained for the same number of steps: up to 2, but memagent with seed 2 1.')).toEqual([
      { method: 'memagent' },
    ]);
    expect(about('tamtrl and memagent held out different questions')).toEqual([{ method: 'tamtrl' }]);
    // What is marked in the texts, and other questions to train on, leave the held-out ones the same.
    const marked = await read(
      TEXT.replace('preset: mini-long', 'preset: babilong').replace('groupSize: 4', 'data: { relevant: supporting }'),
    );
    await finish(marked, () => 2);
    expect((await factsOf(marked)).sameHeldOut).toBe(true);
    const cell = [{ method: 'tamtrl', benchmark: 'b' }];
    expect(about('b: tamtrl with seed 2 failed on 1 of 3 records')).toEqual(cell);
    expect(about('b: tamtrl with seed 2 answered different records than untrained')).toEqual(cell);
    const single = await read(text.replace('[1, 2]', '[1]'));
    expect((await factsOf(single)).notes.find(({ text: note }) => note.startsWith('One seed'))?.about).toEqual([
      { method: 'memagent' },
      { method: 'tamtrl' },
    ]);
  });
});
