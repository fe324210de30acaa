/** Files that are no JSON Lines are told by what they are, and bad lines of JSON Lines stay bad lines. */
import { copyFile, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { summarizeFile } from '../file-summary.js';
import { readRecords } from '../records.js';
import { readRows } from './rows.js';

const folder = await mkdtemp(join(tmpdir(), 'format-'));
const fixture = (name: string) => fileURLToPath(new URL(`../../../fixtures/${name}`, import.meta.url));
const record = { id: 'a', question: 'Who?', answers: ['Me'], documents: [{ text: 'Me.' }] };
const line = JSON.stringify(record);

async function all(rows: AsyncIterable<unknown>): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const row of rows) found.push(row);
  return found;
}

async function file(name: string, content: Uint8Array | string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

const table = 'question,answer,context\nWho left?,Anna,"Anna left. Ben stayed."\n';

it.each([
  ['q.csv', table, /is a table \(CSV\); .* id, question, answers and documents/],
  ['q.tsv', 'question\tanswer\nWho?\tMe\n', /is a table \(TSV\);/],
  ['semicolons.csv', 'Frage;Antwort\nWer?;Ich\n', /is a table \(CSV, semicolons\);/],
  ['named-otherwise.jsonl', table, /is a table \(CSV\);/],
  ['packed.csv.gz', gzipSync(table), /is a table \(CSV\);/],
  ['q.yaml', '- question: Who?\n  answers: [Me]\n', /is YAML;/],
  ['q.xlsx', new Uint8Array([0x50, 0x4b, 3, 4, 20, 0]), /office document such as \.xlsx; .* save the table as CSV/],
  ['q.db', 'SQLite format 3\0', /is an SQLite database;/],
  ['q.arrow', 'ARROW1\0\0', /is an Arrow \(Feather\) file; .* Save it as parquet/],
  ['q.pdf', '%PDF-1.4\n', /is a PDF; .*`tamtrl ask /],
  ['q.html', '<!doctype html>\n<p>Who?', /is HTML or XML;/],
  ['q.md', '# Questions\n\nWho?', /is plain text;/],
  ['q.bin', 'abc\0\0def\n', /is binary;/],
  ['q.py.jsonl', `{'id': 'a', 'question': 'Who?'}\n`, /Python prints dictionaries, .* Write it with json\.dumps/],
])('%s is refused by its format', async (name, content, sentence) => {
  const path = await file(name, content);
  await expect(all(readRecords(path))).rejects.toThrow(sentence);
  await expect(all(readRows(path))).rejects.toThrow(sentence);
  await expect(all(readRecords(path))).rejects.toMatchObject({
    kind: 'file',
    message: expect.stringMatching(/; expected JSON Lines: a JSON object on each line\. .*[^.]\.$/),
  });
});

it('what is imported is sent there', async () => {
  const parquet = join(folder, 'hotpot.jsonl');
  await copyFile(fixture('data/hotpotqa.parquet'), parquet);
  const refused = (path: string) => expect(all(readRecords(path))).rejects.toThrow;
  await refused(parquet)(
    `is a parquet file; expected JSON Lines: a JSON object on each line. Turn it into records with \`tamtrl data import ${parquet} --out records.jsonl\`.`,
  );
  await refused(await file('array.json', JSON.stringify([record], null, 2)))(/is a JSON array; .*jq -c '\.\[\]'/);
  await refused(await file('rows.json', `[\n${line},\n${line}\n]\n`))(/is a JSON array/);
  await refused(await file('one-line.json', `[${line},${line}]`))(/is a JSON array/);
  await refused(await file('pretty.json', JSON.stringify(record, null, 2)))(
    /is JSON that is spread over several lines/,
  );
  await refused(await file('qa1.txt', '1 Mary moved.\n2 Where is Mary?\tHall\t1\n'))(/such as bAbI's; .*data import/);
  expect(await all(readRows(join(folder, 'array.json')))).toEqual([{ place: 'element 1', row: record }]);
});

it.each([
  ['a table before a record', `${table}${line}\n`, { json: 2 }],
  ['an array before a record', `[1, 2]\n${line}\n`, { shape: 1 }],
  ['a cut line before a record', `{"id": "b",\n${line}\n`, { json: 1 }],
])('%s is a bad line of JSON Lines', async (_, content, problems) => {
  expect(await summarizeFile(await file('mixed.jsonl', content))).toMatchObject({ records: 1, problems });
});

it('a file of bad lines alone is still told line by line', async () => {
  const found = await summarizeFile(await file('bad.jsonl', '{"id": "b",\n{"id": "c",\nnothing\n'));
  expect(found).toMatchObject({ records: 0, problems: { json: 3 } });
});
