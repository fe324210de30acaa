/** Which records a run trains on and which it holds out, and which it can use at all. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { miniTokenizer } from '../data/mini/tokenizer.js';
import type { QuestionRecord } from '../data/records.js';
import { tinyModelFolder } from '../policy/engine-pool.test-support.js';
import { type RunConfigInput, runConfigSchema } from '../train/config.js';
import { RunFolder } from './folder.js';
import { openRun, type RunEvent } from './open.js';
import type { ResumeSettings, RunSettings } from './plan.js';
import { type EarlierSplit, recordSets } from './record-sets.js';
import { evidenceKept, lostEvidenceText } from './usable-records.js';

const CITIES = ['oslo', 'rome', 'quito', 'bern', 'linz', 'riga'];
const tokenizer = miniTokenizer();

/** Every record has other documents; the answer stands in the chunk that `relevant` names. */
function record(at: number, more: Partial<QuestionRecord> = {}): QuestionRecord {
  const texts = ['anna', 'ben', 'emma', 'jack'].map((name, place) => `${name} ${CITIES[(at + place * (at + 1)) % 6]}`);
  return {
    id: `q${at}`,
    source: '',
    question: 'anna',
    answers: [CITIES[at % 6]],
    documents: texts.map((text, place) => ({
      text: `${text} ${CITIES[Math.floor(at / 6) % 6]}`,
      relevant: place === 1,
    })),
    ...more,
  };
}

const records = Array.from({ length: 12 }, (_, at) => record(at));
let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tamtrl-sets-'));
  base.model = await tinyModelFolder();
});

afterAll(() => rm(root, { recursive: true, force: true }));

async function file(name: string, lines: readonly object[]): Promise<string> {
  const path = join(root, name);
  await writeFile(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  return path;
}

const base: RunConfigInput = {
  method: 'memagent',
  memory: { questionTokens: 4, chunkTokens: 8, memoryTokens: 5, answerTokens: 3, prompts: 'mini' },
  steps: 1,
  groupSize: 2,
  questionsPerStep: 2,
  evaluation: { every: 0, questions: 4 },
};

type DataInput = Extract<RunConfigInput['data'], { kind: 'records' }>;

function setsOf(data: Omit<DataInput, 'kind'>, more: RunConfigInput = {}, earlier?: EarlierSplit) {
  const config = runConfigSchema.parse({ ...base, ...more, data: { kind: 'records', ...data } });
  if (config.data.kind !== 'records') throw new Error('expected records');
  return recordSets({ ...config, data: config.data }, tokenizer, earlier);
}

const ids = (list: readonly QuestionRecord[]) => list.map(({ id }) => id);

describe('the records that are held out', () => {
  it('are drawn by the seed of the data', async () => {
    const train = await file('one.jsonl', records);
    const first = await setsOf({ train });
    expect(first.heldOut).toHaveLength(4);
    expect(ids([...first.train, ...first.heldOut]).sort()).toEqual(ids(records).sort());
    // Not the last ones, in other order with another seed, and the same whatever the run's seed is.
    expect(ids(first.heldOut)).not.toEqual(ids(records.slice(-4)));
    expect(ids((await setsOf({ train }, { seed: 9 })).heldOut)).toEqual(ids(first.heldOut));
    expect(ids((await setsOf({ train, seed: 2 })).heldOut)).not.toEqual(ids(first.heldOut));
  });

  it('are not in the training file too', async () => {
    const train = await file('train.jsonl', records.slice(0, 8));
    const same = await file('same-id.jsonl', [record(9, { id: 'q3' }), record(10)]);
    await expect(setsOf({ train, heldOut: same })).rejects.toThrow(
      `1 of the 2 held-out records of ${same} are also in ${train}, by id or by question and documents: "q3". A model must not be judged`,
    );
    const [{ documents }] = records;
    const copy = await file('copy.jsonl', [record(10), record(0, { id: 'z', documents: [...documents].reverse() })]);
    await expect(setsOf({ train, heldOut: copy })).rejects.toThrow('documents: "z" (there "q0").');
    await expect(setsOf({ train, heldOut: train })).rejects.toThrow('data.train and data.heldOut are the same file');
    const apart = await file('apart.jsonl', records.slice(8));
    expect(ids((await setsOf({ train, heldOut: apart })).heldOut)).toEqual(['q8', 'q9', 'q10', 'q11']);
  });

  it('are not trained on under another id', async () => {
    const doubled = await file('doubled.jsonl', [
      ...records,
      ...records.map((each) => ({ ...each, id: `${each.id}b` })),
    ]);
    const { train, heldOut, warnings } = await setsOf({ train: doubled });
    const held = new Set(ids(heldOut).map((id) => id.replace('b', '')));
    expect(ids(train).filter((id) => held.has(id.replace('b', '')))).toEqual([]);
    expect(warnings[0]).toMatch(/records of .* repeat a held-out question with the same documents/);
  });
});

describe('records that cannot be read', () => {
  const long = record(20, { question: 'anna ben carl dan emma fred' });

  it('are refused before the run starts, or left out', async () => {
    const train = await file('long.jsonl', [...records, long]);
    await expect(setsOf({ train })).rejects.toThrow(
      /1 of 13 records cannot be read within the limits of memory: "q20": the question has \d+ tokens, memory.questionTokens allows 4\. Raise the limits, or leave such records out with data\.leaveOut\.unreadable: true\./,
    );
    const sets = await setsOf({ train, leaveOut: { unreadable: true } });
    expect(ids([...sets.train, ...sets.heldOut])).not.toContain('q20');
    expect(sets.warnings[0]).toMatch(/1 of 13 records cannot be read .* They are left out\./);
    const folder = join(root, 'refused');
    await expect(run({ config: base, data: train, folder })).rejects.toThrow('cannot be read');
  });

  it('may be held out, or have a character too long for a chunk', async () => {
    const train = await file('short.jsonl', records);
    const heldOut = await file('long-held-out.jsonl', [record(21), long]);
    await expect(setsOf({ train, heldOut })).rejects.toThrow('1 of 14 records');
    const sets = await setsOf({ train, heldOut, leaveOut: { unreadable: true } });
    expect(ids(sets.heldOut)).toEqual(['q21']);
  });
});

describe('evidence that maxChunks takes away', () => {
  // Chunks of one document; of the four, the first and the last are read.
  const relevantIn = (at: number, places: readonly number[]) =>
    record(at, {
      documents: record(at).documents.map(({ text }, place) => ({ text, relevant: places.includes(place) })),
    });
  const lines = [0, 1, 2, 3].map((at) => relevantIn(at, [0])).concat([relevantIn(4, [0, 1]), relevantIn(5, [2])]);
  const memory = { ...base.memory, questionTokens: 8, chunkTokens: 8, maxChunks: 2 };

  it('is counted, and such records are left out if asked for', async () => {
    const train = await file('evidence.jsonl', lines);
    const heldOut = await file('held.jsonl', [record(9)]);
    const sets = async (lostEvidence?: 'none' | 'all' | 'any') =>
      setsOf({ train, heldOut, leaveOut: { lostEvidence } }, { memory });
    const kept = await sets();
    expect(kept.train).toHaveLength(6);
    expect(kept.warnings).toEqual([
      'memory.maxChunks is 2: 2 of 6 training records lose relevant text, 1 of them all of it. Raise it, or leave such records out: data.leaveOut.lostEvidence: any (or all).',
    ]);
    expect(ids((await sets('all')).train)).toEqual(['q0', 'q1', 'q2', 'q3', 'q4']);
    const strict = await sets('any');
    expect(ids(strict.train)).toEqual(['q0', 'q1', 'q2', 'q3']);
    expect(strict.warnings[0]).toContain('2 are left out (data.leaveOut.lostEvidence: any).');
    const judged = setsOf({ train, heldOut, leaveOut: { lostEvidence: 'any' } }, { memory, relevance: 'judge' });
    await expect(judged).rejects.toThrow('what is relevant is unknown until the run starts');
  });
});

it('evidence is counted in the first records of a large data set', async () => {
  const cutting = { chunkTokens: 8, maxChunks: 2 };
  const options = { leaveOut: 'none', mostCharacters: 100 } as const;
  const { records: kept, lost } = await evidenceKept(records, tokenizer, cutting, () => undefined, options);
  expect(kept).toEqual(records);
  expect(lost.looked).toBe(2);
  expect(lostEvidenceText({ records: 6, looked: 4, any: 2, all: 1 }, 4, 'none')).toContain('2 of the first 4 of 6');
});

async function run(settings: RunSettings | ResumeSettings, stopAfter?: RunEvent['type']): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  for await (const event of openRun(settings)) {
    events.push(event);
    if (event.type === stopAfter) break;
  }
  return events;
}

describe('a run that is resumed', () => {
  const questionsAfter = (events: readonly RunEvent[]) =>
    events.flatMap((event) => (event.type === 'evaluation' ? [event.metrics.questions] : [])).at(-1);

  async function begun(name: string) {
    const data = await file(`${name}.jsonl`, records);
    const folder = new RunFolder(join(root, name));
    await run({ config: base, data, folder: folder.path }, 'step');
    return { data, folder };
  }

  /** As somebody edits config.json. */
  async function withQuestions(folder: RunFolder, questions: number): Promise<void> {
    const config = JSON.parse(await readFile(folder.file('config'), 'utf8'));
    await folder.writeConfig({ ...config, evaluation: { ...config.evaluation, questions } });
  }

  it('keeps its split, whatever evaluation.questions becomes', async () => {
    const { folder } = await begun('kept');
    const split = await folder.readSplit();
    expect(split?.heldOut).toHaveLength(4);
    await withQuestions(folder, 8);
    expect(questionsAfter(await run({ resume: folder.path, steps: 2 }))).toBe(4);
    expect(await folder.readSplit()).toEqual(split);
  });

  it('takes its records from a file that has grown, and refuses one that has changed', async () => {
    const { data, folder } = await begun('grown');
    await writeFile(data, [record(13), ...records].map((line) => `${JSON.stringify(line)}\n`).join(''));
    await run({ resume: folder.path, steps: 2 });
    const [changed, ...rest] = records;
    const other = { ...changed, question: 'ben' };
    await writeFile(data, [other, ...rest].map((line) => `${JSON.stringify(line)}\n`).join(''));
    await expect(run({ resume: folder.path, steps: 3 })).rejects.toThrow(
      /is not what the run was started with: 1 of its \d+ records are missing or have changed \(the first: "q0"\)/,
    );
  });

  it('of an earlier version holds out what it held out, the last records', async () => {
    const { folder } = await begun('former');
    await rm(folder.file('split'));
    // Its configuration has neither the seed of the data nor what is left out.
    const strip = async (path: string) => {
      const saved = JSON.parse(await readFile(path, 'utf8'));
      const { data } = saved.config ?? saved;
      delete data.seed;
      delete data.leaveOut;
      await writeFile(path, JSON.stringify(saved));
    };
    await strip(folder.file('config'));
    await strip(join(folder.checkpoint('last'), 'run.json'));
    await withQuestions(folder, 8);
    await run({ resume: folder.path, steps: 2 });
    const split = await folder.readSplit();
    expect(split?.heldOut.map(({ id }) => id)).toEqual(['q8', 'q9', 'q10', 'q11']);
    expect(split?.train.map(({ id }) => id)).toEqual(ids(records.slice(0, 8)));
  });

  it('says if its split is damaged', async () => {
    const { folder } = await begun('damaged');
    await writeFile(folder.file('split'), '{');
    await expect(run({ resume: folder.path, steps: 2 })).rejects.toThrow('split.json does not say which records');
  });
});
