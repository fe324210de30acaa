import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { countRecords, recordsOfFiles } from './record-files.js';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'record-files-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

async function fileOf(name: string, ...ids: string[]): Promise<string> {
  const path = join(folder, name);
  const record = { question: 'Who?', answers: ['Me'], documents: [{ text: 'It was me.' }] };
  await writeFile(path, ids.map((id) => (id === '' ? 'x\n' : `${JSON.stringify({ id, ...record })}\n`)).join(''));
  return path;
}

it('several files are one set, up to the limit, and say where lines are bad', async () => {
  const files = [await fileOf('a', 'q1', '', 'q2'), await fileOf('b', 'q3', 'q4')];
  const bad: string[] = [];
  const onProblem = (file: string, { line }: { line: number }) => bad.push(`${file}:${line}`);
  const ids: string[] = [];
  for await (const { id } of recordsOfFiles({ files, limit: 3 }, { onProblem })) ids.push(id);
  expect(ids).toEqual(['q1', 'q2', 'q3']);
  expect(bad).toEqual([`${files[0]}:2`]);
  expect(await countRecords({ files }, undefined, {})).toBe(4);
  await expect(countRecords({ files, strict: true }, undefined, {})).rejects.toThrow(`${files[0]}, line 2`);
});

it('an id of two records, and a metric that lacks something, are refused while counting', async () => {
  const files = [await fileOf('c', 'q1'), await fileOf('d', 'q1')];
  await expect(countRecords({ files }, undefined, {})).rejects.toThrow(
    `The id "q1" appears more than once in ${files.join(', ')}`,
  );
  await expect(countRecords({ files: files.slice(1) }, ['babilong'], {})).rejects.toThrow(
    'cannot be scored by babilong',
  );
});
