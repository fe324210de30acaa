/** Importers on rows in the layouts of the published files. */

import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { downloadHubFiles, parseHubSource } from '../files/hub.js';
import { hotpot, importAll } from './import-all.test-support.js';
import { findImporter, readEvidence } from './importers.js';

const fixture = (name: string) => fileURLToPath(new URL(`../../../fixtures/data/${name}`, import.meta.url));

async function fileOf(content: unknown, name = 'data.json'): Promise<string> {
  const path = join(await mkdtemp(join(tmpdir(), 'import-')), name);
  await writeFile(path, Buffer.isBuffer(content) || typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

const documents = [
  { title: 'River 0', text: 'River 0 flows to delta 0. It is long.', relevant: true },
  { title: 'Hills', text: 'Hills are high.', relevant: false },
  { title: 'Delta 0', text: 'A delta is wide. Delta 0 lies at Lake 0.', relevant: true },
];

describe('HotpotQA and 2WikiMultihopQA', () => {
  it('reads the original array, its parquet copy and packed lines alike', async () => {
    const array = await importAll(await fileOf([hotpot]));
    expect(array).toEqual({
      records: [
        {
          id: 'h0',
          source: 'hotpotqa',
          question: hotpot.question,
          answers: ['Lake 0'],
          metric: 'hotpotqa_f1',
          documents,
        },
      ],
      problems: [],
    });
    for (const name of ['hotpotqa.parquet', 'hotpotqa.jsonl.zst']) {
      const { records, problems } = await importAll(fixture(name));
      expect(problems).toEqual([]);
      expect(records.map(({ id }) => id)).toEqual(['h0', 'h1', 'h2', 'h3', 'h4']);
      expect(records[0]).toEqual(array.records[0]);
    }
    const packed = await fileOf(gzipSync(JSON.stringify([hotpot])), 'train.json.gz');
    expect(await importAll(packed)).toEqual(array);
  });

  it('recognises 2Wiki by its evidences, whose parquet copy has JSON text in columns', async () => {
    const row = { ...hotpot, evidences: [['River 0', 'ends', 'Lake 0']] };
    const texts = {
      ...row,
      context: JSON.stringify(row.context),
      supporting_facts: JSON.stringify(row.supporting_facts),
    };
    for (const each of [row, texts]) {
      const { records } = await importAll(await fileOf([each]), { source: '2wiki/dev' });
      expect(records).toMatchObject([{ source: '2wiki/dev', documents }]);
    }
  });

  it('knows nothing of relevance where the supporting paragraphs are not among those retrieved', async () => {
    const elsewhere = [['Somewhere', 0]];
    const { records } = await importAll(await fileOf([{ ...hotpot, supporting_facts: elsewhere }]));
    expect(records[0].documents).toEqual(documents.map(({ title, text }) => ({ title, text })));
    const one = [['River 0', 0], ...elsewhere];
    const partly = await importAll(await fileOf([{ ...hotpot, supporting_facts: one }]));
    expect(partly.records[0].documents.map(({ relevant }) => relevant)).toEqual([true, false, false]);
  });

  it('takes numbers and booleans for answers', async () => {
    const answers = [1912, 0, 2.5, true, false, null];
    const { records, problems } = await importAll(
      await fileOf(answers.map((answer, at) => ({ ...hotpot, _id: `n${at}`, answer }))),
    );
    expect(records.map((record) => record.answers)).toEqual([
      ['1912'],
      ['0'],
      ['2.5'],
      ['yes', 'true'],
      ['no', 'false'],
    ]);
    expect(problems).toEqual([{ place: 'element 6', message: 'has no answer (a hidden test set?)' }]);
  });

  it('names rows that yield nothing, and continues', async () => {
    const hidden = { ...hotpot, _id: 'h1', answer: undefined };
    const { records, problems } = await importAll(await fileOf([hotpot, hidden, 5, hotpot]));
    expect(records).toHaveLength(1);
    expect(problems).toEqual([
      { place: 'element 2', message: 'has no answer (a hidden test set?)' },
      { place: 'element 3', message: 'expected an object, found 5' },
      { place: 'element 4', message: 'id "h0" came in element 1 already' },
    ]);
    const strict = importAll(await fileOf([hotpot, hidden]), { strict: true });
    await expect(strict).rejects.toThrow(/data\.json, element 2: has no answer/);
  });
});

it('MuSiQue: aliases are answers, unanswerable questions are left out', async () => {
  const paragraph = { idx: 0, title: 'T', paragraph_text: 'It is so.', is_supporting: true };
  const row = {
    id: '2hop__1',
    question: 'Q?',
    answer: 'A',
    answer_aliases: ['B', 'A'],
    answerable: true,
    paragraphs: [paragraph],
  };
  const lines = [row, { ...row, id: '2', answerable: false }].map((each) => JSON.stringify(each)).join('\n');
  const { records, problems } = await importAll(await fileOf(lines, 'm.jsonl'));
  expect(records).toEqual([
    {
      id: '2hop__1',
      source: 'musique',
      question: 'Q?',
      answers: ['A', 'B'],
      metric: 'f1',
      documents: [{ title: 'T', text: 'It is so.', relevant: true }],
    },
  ]);
  expect(problems).toEqual([{ place: 'line 2', message: 'is marked unanswerable' }]);
  const unmarked = { ...row, answer: 7, paragraphs: [{ ...paragraph, is_supporting: false }] };
  const unknown = await importAll(await fileOf(JSON.stringify(unmarked), 'm.jsonl'));
  expect(unknown.records[0]).toMatchObject({
    answers: ['7', 'B', 'A'],
    documents: [{ title: 'T', text: 'It is so.' }],
  });
  expect(unknown.records[0].documents[0].relevant).toBeUndefined();
});

it('SQuAD: the paragraphs of an article, and the sentence of the answer as evidence', async () => {
  const qas = [
    { id: 'q1', question: 'Who?', answers: [{ text: 'Ada', answer_start: 14 }], is_impossible: false },
    { id: 'q2', question: 'Why?', answers: [], is_impossible: true },
  ];
  const paragraphs = [
    { context: 'It was noted. Ada did it.', qas },
    { context: 'Nothing else.', qas: [] },
  ];
  const { records, problems } = await importAll(
    await fileOf({ version: 'v2.0', data: [{ title: 'Ada', paragraphs }] }),
  );
  expect(records).toHaveLength(1);
  const [{ documents: texts, evidence }] = records;
  expect(texts.map(({ relevant }) => relevant)).toEqual([true, false]);
  expect(evidence!.map(({ document, start, end }) => texts[document].text.slice(start, end))).toEqual(['Ada did it.']);
  expect(problems[0].message).toBe('question q2 is marked unanswerable');
  const flat = {
    id: 'q1',
    title: 'Ada',
    context: 'Ada did it.',
    question: 'Who?',
    answers: { text: ['Ada'], answer_start: [0] },
  };
  expect((await importAll(await fileOf(`${JSON.stringify(flat)}\n`, 's.jsonl'))).records[0].answers).toEqual(['Ada']);
});

it('NarrativeQA and LongBench', async () => {
  const story = {
    document: { id: 'd', text: 'Long ago.', summary: { title: 'Tale' } },
    question: { text: 'When?' },
    answers: [{ text: 'Long ago' }, { text: 'Once' }],
  };
  expect((await importAll(await fileOf([story]))).records).toMatchObject([
    { id: 'd/When?', answers: ['Long ago', 'Once'], documents: [{ title: 'Tale', text: 'Long ago.' }] },
  ]);
  const context = 'Passage 1:\nRome\nA city.\n\nPassage 2:\nOslo\nAnother.';
  const row = {
    _id: 'x',
    input: 'Q?',
    context,
    answers: ['A'],
    dataset: 'hotpotqa',
    language: 'en',
    length: 9,
    all_classes: null,
  };
  expect((await importAll(await fileOf(JSON.stringify(row), 'l.jsonl'))).records).toEqual([
    {
      id: 'x',
      source: 'longbench/hotpotqa',
      question: 'Q?',
      answers: ['A'],
      metric: 'longbench_qa_f1',
      documents: [
        { title: 'Rome', text: 'A city.' },
        { title: 'Oslo', text: 'Another.' },
      ],
    },
  ]);
});

it('LongBench: the data set names the metric, and its classes are the labels', async () => {
  const row = { _id: 'x', input: 'Q?', context: 'Text.', answers: ['City'], language: 'en', length: 9 };
  const lines = [
    { ...row, dataset: 'trec', all_classes: ['City', 'Food'] },
    { ...row, _id: 'y', dataset: 'multifieldqa_zh', answers: ['上海'], all_classes: null },
    { ...row, _id: 'z', dataset: 'lsht', answers: ['体育'], all_classes: ['体育', '教育'] },
    { ...row, _id: 'n', dataset: 'passage_count', answers: [17], all_classes: null },
  ];
  const { records } = await importAll(await fileOf(lines.map((line) => JSON.stringify(line)).join('\n'), 'l.jsonl'));
  expect(records.map(({ metric, labels }) => [metric, labels])).toEqual([
    ['longbench_classification', ['City', 'Food']],
    ['char_f1', undefined],
    ['longbench_classification', ['体育', '教育']],
    ['longbench_count', undefined],
  ]);
});

it('answers in a script without spaces are scored by characters', async () => {
  const records = await importAll(await fileOf([{ ...hotpot, answer: '東京都' }]));
  expect(records.records[0].metric).toBe('char_f1');
});

describe('MemAgent', () => {
  it('has no relevance marks, and gets them from raw HotpotQA by the question', async () => {
    const bare = await importAll(fixture('memagent.parquet'));
    expect(bare.records.map(({ id }) => id)).toEqual(['0', '1', '2']);
    expect(bare.records[1].documents).toEqual([
      { title: 'Hills', text: 'Hills are high.' },
      { title: 'River 1', text: 'River 1 flows to delta 1. It is long.' },
      { title: 'Delta 1', text: 'A delta is wide. Delta 1 lies at Lake 1.' },
    ]);
    const evidence = await readEvidence(fixture('hotpotqa.parquet'));
    const joined = await importAll(fixture('memagent.parquet'), { evidence });
    for (const record of joined.records) {
      expect(record.documents.map(({ relevant }) => relevant)).toEqual([false, true, true]);
    }
  });

  it('reads the evaluation JSON', async () => {
    const row = {
      index: 7,
      input: 'Q?',
      context: 'Document 1:\nA\nOne.\n\nDocument 2:\nB\nTwo.',
      answers: ['One'],
      num_docs: 2,
    };
    expect((await importAll(await fileOf([row]))).records).toMatchObject([
      { id: '7', question: 'Q?', metric: 'sub_exact_match', documents: [{ title: 'A', text: 'One.' }, {}] },
    ]);
    const several = await fileOf([{ ...row, answers: undefined, outputs: ['1', '2', '3', '4'] }]);
    const wanted = async (source: string) => (await importAll(several, { source })).records[0];
    expect(await wanted('ruler/niah_multivalue')).toMatchObject({ answersWanted: 'all', metric: 'string_match_all' });
    expect(await wanted('ruler/qa_1')).toMatchObject({ metric: 'string_match_part' });
    expect((await wanted('ruler/qa_1')).answersWanted).toBeUndefined();
  });

  it('has no relevance from raw HotpotQA whose supporting paragraphs are missing', async () => {
    const raw = await fileOf([
      { ...hotpot, question: 'Where does river 1 end?', supporting_facts: [['Somewhere', 0]] },
    ]);
    const { records } = await importAll(fixture('memagent.parquet'), { evidence: await readEvidence(raw) });
    expect(records[1].documents.map(({ relevant }) => relevant)).toEqual([undefined, undefined, undefined]);
  });
});

it('files that are damaged or not data sets are refused with what was found', async () => {
  await expect(importAll(await fileOf([{ a: 1 }]))).rejects.toThrow(
    /its first row has the keys a, which match none of the known/,
  );
  await expect(importAll(await fileOf('', 'e.json'))).rejects.toThrow(/is empty/);
  await expect(importAll(await fileOf(JSON.stringify([hotpot, hotpot]).slice(0, -9)))).rejects.toThrow(
    /ends within element 2: the file was cut short/,
  );
  await expect(importAll(await fileOf('"text"'))).rejects.toThrow(/is neither a JSON array/);
  await expect(importAll('nowhere.json')).rejects.toThrow(/Cannot read nowhere\.json/);
  const broken = await readFile(fixture('hotpotqa.parquet'));
  await expect(importAll(await fileOf(broken.subarray(0, 900), 'b.parquet'))).rejects.toThrow(
    /Cannot read .* as parquet/,
  );
});

describe('the hub', () => {
  let server: Server | undefined;
  const before = { endpoint: process.env.HF_ENDPOINT, home: process.env.HF_HOME };

  afterEach(() => {
    server?.close();
    for (const [name, value] of [
      ['HF_ENDPOINT', before.endpoint],
      ['HF_HOME', before.home],
    ] as const) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });

  it('knows its addresses', () => {
    expect(parseHubSource('hf:a/b@v1:data/train')).toEqual({ repository: 'a/b', revision: 'v1', path: 'data/train' });
    expect(parseHubSource('hf:a/b')).toEqual({ repository: 'a/b', revision: undefined, path: undefined });
    expect(parseHubSource('data.json')).toBeUndefined();
    expect(() => parseHubSource('hf:nobody')).toThrow(/expected hf:owner\/name/);
  });

  it("lists a data set's files if none is named, and reports refused access", async () => {
    const entry = (path: string) => ({ type: 'file', oid: '0'.repeat(40), size: 3, path });
    server = createServer((request, response) => {
      const denied = request.url?.includes('secret');
      response.writeHead(denied ? 401 : 200, { 'content-type': 'application/json' });
      response.end(
        denied ? '{"error":"no"}' : JSON.stringify([entry('README.md'), entry('train.parquet'), entry('dev.parquet')]),
      );
    });
    await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
    process.env.HF_ENDPOINT = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await expect(downloadHubFiles({ repository: 'a/b' })).rejects.toThrow(
      /has 2 data files: train\.parquet, dev\.parquet\. Name one/,
    );
    await expect(downloadHubFiles({ repository: 'a/b', path: 'x' })).rejects.toThrow(/none at "x"/);
    await expect(downloadHubFiles({ repository: 'a/secret' })).rejects.toThrow(
      /the key in HF_TOKEN is missing or not allowed/,
    );
  });
});

it('importers are found by name', () => {
  expect(findImporter('musique')?.name).toBe('musique');
  expect(findImporter('nothing')).toBeUndefined();
});

describe("SQuAD's offsets", () => {
  const context = `${'🚢'.repeat(30)} sail. Ada left Bristol in spring. She came back.`;
  const at = (start: number) => [
    {
      title: 'Ada',
      paragraphs: [
        { context, qas: [{ id: 'q', question: 'When?', answers: [{ text: 'spring', answer_start: start }] }] },
      ],
    },
  ];
  const evidence = async (start: number) => {
    const { records } = await importAll(await fileOf(at(start)));
    return records[0].evidence?.map((range) => context.slice(range.start, range.end));
  };
  const units = context.indexOf('spring');

  it('count code points; offsets in code units are recognised by the answer; others give no evidence', async () => {
    expect(await evidence(units - 30)).toEqual(['Ada left Bristol in spring.']);
    expect(await evidence(units)).toEqual(['Ada left Bristol in spring.']);
    for (const start of [3, -1, 1e9, 2.5]) expect(await evidence(start)).toBeUndefined();
  });
});
