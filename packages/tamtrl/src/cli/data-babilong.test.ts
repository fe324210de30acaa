/** `tamtrl data generate babilong`, within this process. */
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { runProgram } from './program.js';

const fixture = (name: string) => fileURLToPath(new URL(`../../fixtures/${name}`, import.meta.url));
const folder = await mkdtemp(join(tmpdir(), 'tamtrl-babilong-'));
const out = join(folder, 'out.jsonl');

async function generate(...args: string[]) {
  const said = { out: '', err: '' };
  const io = {
    out: (text: string) => {
      said.out += text;
    },
    err: (text: string) => {
      said.err += text;
    },
    interactive: false,
    columns: () => 80,
  };
  const all = ['data', 'generate', 'babilong', ...args, '--out', out, '--overwrite'];
  return { code: await runProgram(all, io), ...said };
}

const records = async () =>
  (await readFile(out, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

const sized = ['--tokens', '1200', '--tokenizer', fixture('tokenizers/bpe')];
const book = join(folder, 'book.txt');
await writeFile(book, 'Whoever rises early finds that the day is longer than the night.\n'.repeat(100));

it('writes --count records of each task, the same bytes for the same seed', async () => {
  const args = ['--task', 'qa1,qa4', ...sized, '--books', book, '--count', '2'];
  expect(await generate(...args)).toMatchObject({ code: 0, err: '' });
  const first = await readFile(out);
  expect((await records()).map(({ id }) => id)).toEqual([
    'qa1-1200-0-0',
    'qa1-1200-0-1',
    'qa4-1200-0-0',
    'qa4-1200-0-1',
  ]);
  await generate(...args);
  expect((await readFile(out)).equals(first)).toBe(true);
  await generate(...args, '--seed', '1');
  expect((await readFile(out)).equals(first)).toBe(false);
});

it('takes lengths as the benchmark writes them', async () => {
  const sizes = ['--tokenizer', fixture('tokenizers/bpe'), '--books', book, '--count', '1'];
  expect(await generate('--task', 'qa1', '--tokens', '1k', ...sizes)).toMatchObject({ code: 0, err: '' });
  expect((await records()).map(({ id }) => id)).toEqual(['qa1-1k-0-0']);
  expect((await generate('--task', 'qa1', '--tokens', 'k', ...sizes)).err).toContain('Expected a whole number');
});

it('hides published stories, as many of each task as requested, if they fit', async () => {
  const stories = ['--stories', fixture('babi/qa1-sample.txt'), '--stories', fixture('babi/qa3-sample.txt')];
  expect(await generate(...stories, '--tokens', '0', '--count', '3')).toMatchObject({ code: 0, err: '' });
  expect((await records()).map(({ source }) => source)).toEqual([
    ...Array.from({ length: 3 }, () => 'babilong/qa1/0k'),
    ...Array.from({ length: 3 }, () => 'babilong/qa3/0k'),
  ]);
  const short = await generate(
    ...stories,
    '--tokens',
    '350',
    '--tokenizer',
    fixture('tokenizers/bpe'),
    '--books',
    book,
  );
  expect(short.err).toMatch(/^\d stories of more than 6 facts left out: too long for this length\n/);
});

it.each([
  [['--task', 'qa1'], 'babilong needs --tokens: the length of each text'],
  [['--tokens', '0'], 'babilong needs --task: qa1 to qa10'],
  [['--task', 'qa12', '--tokens', '0'], '--task: "qa12" is not a task; expected qa1 to qa10'],
  [['--task', 'qa1', '--tokens', '4000'], 'babilong needs --tokenizer'],
  [['--task', 'qa1', ...sized, '--books', join(folder, 'none')], 'There is no book at'],
  [['--task', 'qa1', ...sized, '--tokens', '90000', '--books', book], 'The books are too short'],
  [['--stories', book, '--tokens', '0'], `${book}, line 1: expected "1 Mary moved to the bathroom." for a fact`],
  [['--stories', fixture('babi/qa1-sample.txt'), '--task', 'qa2', '--tokens', '0'], 'has no story of qa2.'],
])('%j is refused in a sentence', async (args, message) => {
  const { code, err } = await generate(...args);
  expect(code).toBe(2);
  expect(err).toContain(message);
});
