/** `tamtrl data`, within this process. */
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { runQuietly } from './program.test-support.js';

const fixture = (name: string) => fileURLToPath(new URL(`../../fixtures/${name}`, import.meta.url));
const folder = await mkdtemp(join(tmpdir(), 'tamtrl-data-'));

const run = (...args: string[]) => runQuietly(args);

it('check counts records and names bad lines; --strict ends at the first', async () => {
  const good = await readFile(fixture('records/hotpotqa-sample.jsonl'), 'utf8');
  const path = join(folder, 'mixed.jsonl');
  await writeFile(path, `${good.trim()}\n{"id":\n`);
  const { code, out, err } = await run('data', 'check', path, '--json');
  expect(code).toBe(1);
  expect(JSON.parse(out)).toMatchObject({
    ok: false,
    files: [{ records: 8, annotated: 8, problems: { json: 1, shape: 0 } }],
  });
  expect(err).toMatch(/mixed\.jsonl, line 9: not JSON/);
  expect(await run('data', 'check', path, '--strict')).toMatchObject({
    code: 2,
    err: expect.stringContaining('line 9: not JSON'),
  });
  expect((await run('data', 'check', fixture('records/squad-sample.jsonl'))).code).toBe(0);
});

it('check names questions that two files share, by id or by content', async () => {
  const sample = await readFile(fixture('records/hotpotqa-sample.jsonl'), 'utf8');
  const [first, second, ...rest] = sample.trim().split('\n');
  const train = join(folder, 'train.jsonl');
  const dev = join(folder, 'dev.jsonl');
  const renamed = { ...JSON.parse(second), id: 'renamed' };
  renamed.documents.reverse();
  const answer = { ...JSON.parse(first), question: 'Another question?' };
  await writeFile(train, `${[first, second].join('\n')}\n`);
  await writeFile(dev, `${[JSON.stringify(answer), JSON.stringify(renamed), ...rest].join('\n')}\n`);
  const { code, out, err } = await run('data', 'check', train, dev, '--json');
  const [a, b] = [JSON.parse(first).id, JSON.parse(second).id];
  expect(code).toBe(1);
  expect(err).toContain(`2 records of ${dev} are also in ${train}`);
  expect(err).toContain(`${JSON.stringify(a)}, "renamed" (there ${JSON.stringify(b)})`);
  expect(JSON.parse(out)).toMatchObject({
    ok: false,
    shared: [{ between: [train, dev], records: 2, ids: [a, 'renamed'] }],
  });
  await writeFile(dev, `${rest.join('\n')}\n`);
  expect(await run('data', 'check', train, dev)).toMatchObject({ code: 0, err: '' });
});

it('import, hide among others, and check what came out', async () => {
  const imported = join(folder, 'imported.jsonl');
  const made = await run('data', 'import', fixture('data/hotpotqa.parquet'), '--out', imported, '--json');
  expect(made).toMatchObject({ code: 0, err: '' });
  expect(JSON.parse(made.out)).toEqual({ out: imported, records: 5, left_out: 0, annotated: 5 });
  const rejoined = join(folder, 'memagent.jsonl');
  const joined = ['data', 'import', fixture('data/memagent.parquet'), '--rejoin', fixture('data/hotpotqa.parquet')];
  expect((await run(...joined, '--out', rejoined)).out).toContain('3 records, 3 with relevance; 0 rows left out');
  const hidden = join(folder, 'hidden.jsonl');
  const pool = ['--pool', fixture('records/hotpotqa-sample.jsonl')];
  const args = [
    'data',
    'generate',
    'ruler-hqa',
    '--from',
    imported,
    ...pool,
    '--documents',
    '12',
    '--count',
    '2',
    '--out',
    hidden,
  ];
  expect((await run(...args)).code).toBe(0);
  const lines = (await readFile(hidden, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines.map(({ documents }) => documents.length)).toEqual([12, 12]);
});

it('a haystack is read whatever its encoding and kind, and one that cannot be read is named', async () => {
  const hay = join(folder, 'hay.txt');
  const out = join(folder, 'hay.jsonl');
  await writeFile(hay, Buffer.from(`\ufeff${'Das Schiff kostete 5 €. Es kam zurück. '.repeat(40)}`, 'utf16le'));
  const args = ['data', 'generate', 'niah_single_2', '--tokens', '400', '--count', '1', '--out', out, '--overwrite'];
  const make = (path: string) => run(...args, '--tokenizer', fixture('tokenizers/bpe'), '--haystack', path);
  expect(await make(hay)).toMatchObject({ code: 0 });
  expect(await readFile(out, 'utf8')).toContain('Das Schiff kostete 5 €. Es kam zurück.');
  expect(await make(fixture('documents/pandoc.docx'))).toMatchObject({ code: 0 });
  expect(await readFile(out, 'utf8')).toContain('It came back in the autumn.');
  const missing = await make(join(folder, 'none.txt'));
  expect(missing).toMatchObject({ code: 2, err: expect.stringMatching(/--haystack: There is no file .*none\.txt/) });
});

it('generated texts have the tokens asked for, the same bytes for the same seed, and read back', async () => {
  const path = join(folder, 'niah.jsonl.gz');
  const args = [
    'data',
    'generate',
    'niah_multikey_2',
    '--tokens',
    '2000',
    '--tokenizer',
    fixture('tokenizers/bpe'),
    '--count',
    '3',
  ];
  expect((await run(...args, '--out', path)).code).toBe(0);
  const first = await readFile(path);
  await run(...args, '--out', path);
  expect((await readFile(path)).equals(first)).toBe(true);
  expect(JSON.parse((await run('data', 'check', path, '--json')).out)).toMatchObject({
    ok: true,
    files: [{ records: 3, annotated: 3 }],
  });
  const mini = join(folder, 'mini.jsonl');
  expect(
    (await run('data', 'generate', 'mini', '--chunks', '50', '--facts', '3', '--count', '1', '--out', mini)).code,
  ).toBe(0);
  expect(JSON.parse(await readFile(mini, 'utf8')).documents).toHaveLength(150);
});

it.each([
  [['generate', 'vt', '--out', 'x'], 'vt needs --tokens'],
  [['generate', 'vt', '--out', 'x', '--tokens', '500'], 'vt needs --tokenizer'],
  [['generate', 'ruler-hqa', '--out', 'x'], 'ruler-hqa needs --from FILE'],
  [['generate', 'niah', '--out', 'x'], "value 'niah' is invalid"],
  [['generate', 'mini', '--queries', '500', '--out', 'x'], 'queries is 500, expected at most'],
  [['import', 'nowhere.json', '--out', 'x'], 'There is nothing at nowhere.json; expected a file, or hf:owner/name.'],
  [['import', 'hf:nobody', '--out', 'x'], 'does not name data on the hub'],
])('%s is refused: %s', async (args, sentence) => {
  expect(await run('data', ...args)).toMatchObject({ code: 2, out: '', err: expect.stringContaining(sentence) });
});

it('the schema names every field', async () => {
  const { out } = await run('data', 'schema');
  expect(Object.keys(JSON.parse(out).properties)).toEqual([
    'id',
    'source',
    'question',
    'answers',
    'answersWanted',
    'metric',
    'task',
    'labels',
    'documents',
    'evidence',
  ]);
});
