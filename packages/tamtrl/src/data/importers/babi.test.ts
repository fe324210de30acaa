/** bAbI's text files and BABILong's rows as records. */
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { metricOf, taskOf } from '../metrics.js';
import { importAll } from './import-all.test-support.js';
import { findImporter } from './importers.js';

const fixture = (name: string) => fileURLToPath(new URL(`../../../fixtures/babi/${name}`, import.meta.url));
const folder = await mkdtemp(join(tmpdir(), 'tamtrl-babi-'));

it('a bAbI file gives a record for each question, with a document for each fact before it', async () => {
  const { records, problems } = await importAll(fixture('qa1-sample.txt'));
  expect(problems).toEqual([]);
  expect(records).toHaveLength(5);
  expect(records[0]).toEqual({
    id: 'qa1-0-0',
    source: 'babi/qa1',
    question: 'Where is Mary?',
    answers: ['kitchen'],
    metric: 'babilong',
    task: 'qa1',
    documents: [
      { text: 'John travelled to the office.', relevant: false },
      { text: 'Mary journeyed to the kitchen.', relevant: true },
    ],
  });
  expect(records.map(({ documents }) => documents.length)).toEqual([2, 4, 6, 8, 10]);
});

it('its task may come from the source; without any, answers are compared exactly', async () => {
  const path = join(folder, 'stories.txt');
  await writeFile(path, await readFile(fixture('qa1-sample.txt')));
  const [unknown] = (await importAll(path)).records;
  expect(unknown).toMatchObject({ id: 'babi-0-0', source: 'babi' });
  expect(metricOf(unknown)).toBe('exact_match');
  const [known] = (await importAll(path, { source: 'mine/qa1' })).records;
  expect(known).toMatchObject({ source: 'mine/qa1', task: 'qa1', metric: 'babilong' });
});

it('lines in another layout are named, and the next story is read', async () => {
  const path = join(folder, 'qa1_damaged.txt');
  const story = '1 Mary moved to the bathroom.\n2 Where is Mary? \tbathroom\t1\n';
  await writeFile(path, `${story}4 John went.\n5 John went.\n${story}Mary went.\n${story}`);
  const { records, problems } = await importAll(path);
  expect(records.map(({ id }) => id)).toEqual(['qa1-0-0', 'qa1-1-0', 'qa1-2-0']);
  expect(problems).toEqual([
    { place: 'line 3', message: 'is numbered 4; expected 3, or 1 for a new story' },
    { place: 'line 7', message: expect.stringMatching(/^expected "1 Mary .*, found "Mary went\."$/) },
  ]);
  // Without its tabs, a question would become a fact that tells the answer.
  await writeFile(path, '1 Mary moved to the bathroom.\n2 Where is Mary? bathroom 1\n');
  expect(await importAll(path)).toEqual({
    records: [],
    problems: [
      { place: 'line 2', message: expect.stringMatching(/^expected tabs .*, found "2 Where is Mary\? bathr/) },
    ],
  });
  const plain = join(folder, 'plain.txt');
  await writeFile(plain, 'Mary moved to the bathroom.\n');
  const named = await importAll(plain, { importer: findImporter('babi') });
  expect(named).toMatchObject({ records: [], problems: [{ place: 'line 1' }] });
  await writeFile(plain, '');
  await expect(importAll(plain, { importer: findImporter('babi') })).rejects.toThrow(
    'plain.txt is empty: expected "1 Mary',
  );
});

it("BABILong's rows take their task from the folder on the hub, the file, or the source", async () => {
  const row = { input: 'It was late. Mary moved to the office.', question: 'Where is Mary? ', target: 'office' };
  await mkdir(join(folder, 'qa1'));
  const path = join(folder, 'qa1', '4k.json');
  await writeFile(path, JSON.stringify([row, { ...row, target: '' }]));
  const { records, problems } = await importAll(path);
  expect(records).toEqual([
    {
      id: 'qa1-4k-1',
      source: 'babilong/qa1',
      question: 'Where is Mary?',
      answers: ['office'],
      metric: 'babilong',
      task: 'qa1',
      documents: [{ text: row.input }],
    },
  ]);
  expect(problems).toEqual([{ place: 'element 2', message: 'has no target' }]);
  const elsewhere = join(folder, 'rows.jsonl');
  await writeFile(elsewhere, `${JSON.stringify(row)}\n`);
  expect((await importAll(elsewhere)).problems).toEqual([
    { place: 'line 1', message: expect.stringContaining('does not say its task, which scoring needs') },
  ]);
  const [known] = (await importAll(elsewhere, { source: 'babilong/qa8/16k' })).records;
  expect(known).toMatchObject({ id: 'qa8-rows-1', source: 'babilong/qa8/16k' });
  expect(taskOf(known)).toBe('qa8');
});
