/** Evaluations with the embedded model: results, resumption, failures. */
import { appendFile, mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { miniExample, toRecord } from '../data/mini/task.js';
import type { QuestionRecord } from '../data/records.js';
import { PromptFrames } from '../memory/frames.js';
import { type AnswerSlots, chatPrompts, miniPrompts } from '../memory/prompts.js';
import { type LocalPolicy, openLocalPolicy } from '../policy/local.js';
import { SCORER_VERSION } from '../reward/outcome.js';
import { plainRenderer } from '../text/documents.js';
import { wilsonInterval } from './crossed.js';
import { type EvaluationSetup, evaluateRecords } from './evaluation.js';
import { READERS, recordReader } from './readers.js';
import { resultSchema, scoreOf } from './results.js';

const model = fileURLToPath(new URL('../../models/mini', import.meta.url));
const budgets = { questionTokens: 5, chunkTokens: 12, memoryTokens: 10, answerTokens: 6 };
const records = Array.from({ length: 20 }, (_, index) => toRecord(miniExample({}, 99, index)));
let policy: LocalPolicy;
let frames: PromptFrames;

beforeAll(async () => {
  policy = await openLocalPolicy(model);
  frames = new PromptFrames(policy, miniPrompts);
});

afterAll(() => policy.close());

const folder = async () => join(await mkdtemp(join(tmpdir(), 'evaluation-')), 'run');

function setup(path: string, more: Partial<EvaluationSetup> = {}): EvaluationSetup {
  return {
    model: policy,
    reader: 'agent',
    records,
    settings: { seed: 0 },
    folder: path,
    concurrency: 8,
    read: { frames, budgets, renderer: plainRenderer, temperature: 0, topP: 1, seed: 0 },
    ...more,
  };
}

const timeless = (text: string) => text.replaceAll(/"seconds":[\d.e-]+/g, '');

it('writes a line for each record and a summary with intervals, by length', async () => {
  const path = await folder();
  const { summary, results } = await evaluateRecords(setup(path));
  expect(results.map(({ id }) => id)).toEqual(records.map(({ id }) => id));
  const right = results.filter(({ exact_match }) => exact_match === 1).length;
  // The warm start is right about once in four times.
  expect(right).toBeGreaterThan(0);
  expect(right).toBeLessThan(15);
  expect(summary.metrics.exact_match?.mean).toBeCloseTo(right / 20, 12);
  expect(summary.metrics.exact_match).toEqual(wilsonInterval(right, 20));
  expect(summary.by_length).toMatchObject([{ from: 0, to: 1024, records: 20, length: 48, turns: 5 }]);
  expect(results[0]).toMatchObject({ length: 48, turns: 5, memory_tokens: 6, overflow_rate: 0 });
  const { question, answers } = records[0];
  expect(results[0]).toMatchObject({ question, answers, metric: 'exact_match', string_match_all: expect.any(Number) });
  expect(JSON.parse(await readFile(join(path, 'summary.json'), 'utf8'))).toMatchObject({
    records: 20,
    settings: { seed: 0 },
    metric: ['exact_match'],
    scorer: SCORER_VERSION,
    prompts_sha256: summary.prompts_sha256,
  });
});

it('uses the requested metric or those of the records, and gives shares an interval if all are wrong', async () => {
  const wrong = records.slice(0, 5).map((record) => ({ ...record, answers: ['nowhere'] }));
  const asked = await evaluateRecords(setup(await folder(), { records: wrong, metrics: ['sub_exact_match', 'f1'] }));
  expect(asked.summary.metric).toEqual(['sub_exact_match', 'f1']);
  expect(asked.summary.metrics.sub_exact_match).toEqual(wilsonInterval(0, 5));
  expect(asked.summary.metrics.sub_exact_match?.high).toBeGreaterThan(0.4);
  const progress: unknown[] = [];
  const own = wrong.map((record, at) => (at === 0 ? record : { ...record, source: 'babilong/qa1' }));
  const { summary, results } = await evaluateRecords(
    setup(await folder(), { records: own, onProgress: ({ metric, score }) => progress.push([metric, score]) }),
  );
  expect(summary.metric).toEqual(['exact_match', 'babilong']);
  expect(results.map((result) => result.babilong)).toEqual([undefined, 0, 0, 0, 0]);
  expect(summary.metrics.babilong).toEqual(wilsonInterval(0, 4));
  expect(progress).toEqual([['exact_match', 0]]);
});

it('refuses a metric that a record cannot be scored by, before anything is read', async () => {
  await expect(evaluateRecords(setup(await folder(), { metrics: ['babilong'] }))).rejects.toThrow(
    /^Record "mini-99-0" cannot be scored by babilong, which needs the task .* or choose another metric\.$/,
  );
});

it('names the prompts by a hash that changes with their wording, and is not resumed under others', async () => {
  const path = await folder();
  const { summary } = await evaluateRecords(setup(path, { records: records.slice(0, 2) }));
  expect(summary.prompts_sha256).toMatch(/^[0-9a-f]{64}$/);
  const again = await evaluateRecords(setup(await folder(), { records: records.slice(3, 4) }));
  expect(again.summary.prompts_sha256).toBe(summary.prompts_sha256);
  const reworded = { ...miniPrompts, answer: (slots: AnswerSlots) => `${miniPrompts.answer(slots)} ?` };
  const read = { ...setup(path).read, frames: new PromptFrames(policy, reworded) };
  await expect(evaluateRecords(setup(path, { read, resume: true }))).rejects.toThrow(/prompts_sha256 was "/);
});

it('reads lines of versions that wrote neither question nor the newer metrics', async () => {
  const path = await folder();
  const { results } = await evaluateRecords(setup(path, { records: records.slice(0, 2) }));
  const { question: _, answers: __, metric: ___, babilong: ____, rouge_l: _____, ...older } = results[0];
  expect(resultSchema.parse({ ...older, ruler_all: 1 })).toEqual(older);
  expect(() => scoreOf(resultSchema.parse(older), 'rouge_l')).toThrow('record "mini-99-0" has no rouge_l');
  expect(scoreOf(results[0], 'exact_match')).toBe(results[0].exact_match);
});

it('continues after an interruption and a half line, with the same result', async () => {
  const [whole, parts] = [await folder(), await folder()];
  await evaluateRecords(setup(whole));
  const controller = new AbortController();
  const onProgress = () => controller.abort(new Error('interrupted'));
  await expect(evaluateRecords(setup(parts, { signal: controller.signal, onProgress }))).rejects.toThrow('interrupted');
  await expect(readFile(join(parts, 'summary.json'))).rejects.toThrow('ENOENT');
  await appendFile(join(parts, 'results.jsonl'), '{"id":"mini-99-8","outp');
  let resumed = 0;
  const { summary } = await evaluateRecords(
    setup(parts, {
      resume: true,
      onProgress: (progress) => {
        resumed = progress.resumed;
      },
    }),
  );
  expect(resumed).toBe(8);
  expect(summary.records).toBe(20);
  const file = (path: string) => readFile(join(path, 'results.jsonl'), 'utf8').then(timeless);
  expect(await file(parts)).toBe(await file(whole));
});

it('names the first line of its results that is damaged', async () => {
  const path = await folder();
  await evaluateRecords(setup(path, { records: records.slice(0, 2) }));
  await appendFile(join(path, 'results.jsonl'), '{"id":"x","output":"","answer":"","exact_match":2}\n');
  await expect(evaluateRecords(setup(path, { resume: true }))).rejects.toThrow(
    /results\.jsonl, line 3 is not a result \(exact_match: .*\)/,
  );
});

it('keeps what failed in the denominator, with its reason', async () => {
  const long: QuestionRecord = { ...records[0], id: 'long', question: 'anna ben emma jack dan mara' };
  const { summary, results } = await evaluateRecords(
    setup(await folder(), { records: [records[0], long, records[1]] }),
  );
  expect(summary).toMatchObject({ records: 3, failures: 1 });
  expect(results[1]).toMatchObject({
    id: 'long',
    exact_match: 0,
    error: expect.stringContaining('has 6 tokens; questionTokens allows 5'),
  });
  expect(results[2].error).toBeUndefined();
  expect(summary.metrics.f1?.mean).toBeCloseTo((results[0].f1 + results[2].f1) / 3, 12);
});

it('refuses to mix results of different settings, and an empty set', async () => {
  const path = await folder();
  await evaluateRecords(setup(path, { records: records.slice(0, 2) }));
  await expect(evaluateRecords(setup(path))).rejects.toThrow('already holds an evaluation. Continue it with --resume');
  await expect(evaluateRecords(setup(path, { resume: true, settings: { seed: 1 } }))).rejects.toThrow(
    'seed was 0 and is now 1',
  );
  await expect(evaluateRecords(setup(await folder(), { records: [] }))).rejects.toThrow('no usable record');
});

describe('readers', () => {
  it('are true: only a reader that sees all chunks or searches can know the answer', async () => {
    const options = { frames, budgets, renderer: plainRenderer, temperature: 0, topP: 1, seed: 0 };
    for (const reader of READERS) {
      const results = (await recordReader(reader, policy, options)(records.slice(0, 4))).flat();
      expect(results.map(({ length }) => length)).toEqual([48, 48, 48, 48]);
      const turns = results.map(({ trajectory }) => trajectory.turns.length);
      expect(turns).toEqual(Array(4).fill(reader === 'agent' ? 5 : 2));
    }
  });

  it('ask a chat model once, and refuse a text longer than the window has room for', async () => {
    const prompts: string[] = [];
    const chat = {
      tokenizer: policy.tokenizer,
      contextLength: 400,
      chat: { stopIds: [0], render: ([{ content }]: readonly { content: string }[]) => content },
      sample: async (requests: readonly { promptIds: readonly number[] }[]) =>
        requests.map(({ promptIds }) => {
          prompts.push(policy.tokenizer.decode(promptIds));
          return [{ tokens: policy.tokenizer.encode('oslo'), logProbabilities: [0], stopReason: 'stop' as const }];
        }),
    };
    const options = {
      frames: new PromptFrames(chat, chatPrompts),
      budgets,
      renderer: plainRenderer,
      temperature: 0,
      topP: 1,
      seed: 0,
    };
    const read = recordReader('truncate-head', chat, { ...options, contextTokens: 4 });
    const [[{ trajectory, length }]] = await read(records.slice(0, 1));
    expect(trajectory).toMatchObject({ output: 'oslo', turns: [{ kind: 'answer', memoryTokens: 0 }] });
    expect(length).toBe(48);
    expect(prompts[0]).toContain(records[0].documents[1].text);
    expect(prompts[0]).not.toContain(records[0].documents[2].text);
    const greedy = recordReader('bm25', chat, { ...options, contextTokens: 4000 });
    await expect(greedy(records.slice(0, 1))).rejects.toThrow(
      /window of 400 tokens has room for \d+ tokens of text .* 4000 were requested/,
    );
    // As with a memory, a question beyond its budget is refused alone and does not end the evaluation.
    const long: QuestionRecord = { ...records[0], question: 'anna ben emma jack dan mara' };
    await expect(read([long])).rejects.toThrow('has 6 tokens; questionTokens allows 5');
  });
});
