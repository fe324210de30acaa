/** Stories hidden in books: whole sentences, facts in their order, the length asked for, and every refusal. */
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadTokenizer } from '../../text/hugging-face-tokenizer.js';
import { Books, EMBEDDED_BOOKS } from '../babi/books.js';
import { BABI_TASKS } from '../babi/events.js';
import { idealReader } from '../babi/ideal.js';
import { readStories } from '../babi/read.js';
import { gathered } from '../files/writer.js';
import { metricOf } from '../metrics.js';
import { recordSchema } from '../records.js';
import { type BabilongOptions, babilongRecord, babilongTasks, mostFacts, simulatedQuestion } from './babilong.js';

const fixture = (name: string) => fileURLToPath(new URL(`../../../fixtures/${name}`, import.meta.url));
const tokenizer = await loadTokenizer(fixture('tokenizers/bpe'));
const folder = await mkdtemp(join(tmpdir(), 'tamtrl-babilong-'));

const proverbs = Array.from(
  { length: 300 },
  (_, at) => `Proverb number ${at} says that whoever rises early finds the day longer than the night.`,
);
const books = new Books([proverbs.slice(0, 150).join(' '), `Short one. ${proverbs.slice(150).join('\n')}`]);

const make = (task: (typeof BABI_TASKS)[number], options: Partial<BabilongOptions> = {}) => {
  const all = { tokens: 3000, tokenizer, books, seed: 1, index: 0, ...options };
  return babilongRecord(simulatedQuestion(task, all.seed, all.index, all.tokens), all);
};

describe.each(BABI_TASKS)('%s', (task) => {
  it('is a story in its order between whole sentences of the books, with its supporting facts marked', () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.nat(50), fc.integer({ min: 2500, max: 4000 }), (seed, index, tokens) => {
        const made = make(task, { seed, index, tokens });
        const record = gathered(made);
        expect(recordSchema.parse(record)).toEqual(record);
        expect(metricOf(record)).toBe('babilong');
        const [{ text }] = record.documents;
        const { story } = made;
        const facts = made.facts().map(({ start, end }) => text.slice(start, end));
        expect(facts).toEqual(story.sentences);
        expect(record.evidence!.map(({ start, end }) => text.slice(start, end))).toEqual(
          story.supporting.map((at) => story.sentences[at]),
        );
        // Between the facts stand the books' sentences, one after the other, and nothing else.
        let background = text;
        for (const { start, end } of made.facts().toReversed())
          background = `${background.slice(0, start)}${background.slice(end + 1)}`;
        const numbers = [...background.matchAll(/Proverb number (\d+) says[^.]*\./g)].map(([, number]) =>
          Number(number),
        );
        expect(background.trim()).toBe(numbers.map((at) => proverbs[at]).join(' '));
        numbers.forEach((number, at) => {
          if (at > 0) expect(number).toBe((numbers[at - 1] + 1) % proverbs.length);
        });
        const length = tokenizer.encodeText(` ${text}`).length;
        expect(length).toBeLessThanOrEqual(tokens - 300);
        expect(length).toBeGreaterThan(tokens - 300 - 60);
        expect(gathered(make(task, { seed, index, tokens }))).toEqual(record);
      }),
      { numRuns: 2 },
    );
  });
});

it('a length of 0 is the facts alone', () => {
  const made = make('qa2', { tokens: 0, books: undefined, tokenizer: undefined });
  const record = gathered(made);
  expect(record).toMatchObject({ id: 'qa2-0k-1-0', source: 'babilong/qa2/0k' });
  expect(record.documents[0].text).toBe(made.story.sentences.join(' '));
});

it('a record has the same story at every length that has room for it, and stories that are too long are left out', () => {
  for (let index = 0; index < 20; index++) {
    const story = simulatedQuestion('qa3', 4, index, 100_000);
    expect(simulatedQuestion('qa3', 4, index, 10_000_000)).toEqual(story);
    expect(simulatedQuestion('qa3', 4, index, 400).sentences.length).toBeLessThanOrEqual(mostFacts(400));
  }
  expect(mostFacts(400)).toBe(12);
});

it('facts are spread evenly over all depths', () => {
  const bins = [0, 0, 0, 0, 0];
  for (let index = 0; index < 150; index++) {
    const made = make('qa4', { index, tokens: 1500 });
    const [text] = gathered(made).documents.map((document) => document.text);
    for (const { start } of made.facts()) bins[Math.floor((5 * start) / text.length)]++;
  }
  const expected = 300 / 5;
  // Chi square with 4 degrees of freedom: 18.5 is exceeded once in a thousand.
  expect(bins.reduce((sum, seen) => sum + (seen - expected) ** 2 / expected, 0)).toBeLessThan(18.5);
});

it('books that are too short are refused with both numbers, or read again', () => {
  const few = new Books([proverbs.slice(0, 5).join(' ')]);
  expect(() => make('qa1', { books: few })).toThrow(
    /^The books are too short: their sentences of at least 10 tokens have \d+ tokens in all, but 2,\d+ are needed/,
  );
  const { text } = gathered(make('qa1', { books: few, repeatBooks: true })).documents[0];
  expect(text.split('Proverb number 3 says').length).toBeGreaterThan(5);
  expect(() => make('qa1', { books: new Books(['Too short. Yes.']), repeatBooks: true })).toThrow(
    'have 0 tokens in all',
  );
});

it('lengths without room for a story are refused', () => {
  expect(() => make('qa3', { tokens: 310 })).toThrow('310 tokens leave room for 1 fact (300 tokens are left');
  expect(() => make('qa1', { tokens: 100 })).toThrow('100 tokens leave room for 0 facts');
  expect(() => make('qa1', { books: undefined })).toThrow('3,000 tokens need books, and a tokenizer');
  const story = simulatedQuestion('qa4', 1, 0, 0);
  expect(() => babilongRecord(story, { tokens: 320, tokenizer, books, seed: 1, index: 0 })).toThrow(
    /320 tokens were asked for, of which 300 are left for the prompt, but the story of 2 facts alone has \d+/,
  );
});

it('tasks are named one by one, as a range, or all', () => {
  expect(babilongTasks('qa2')).toEqual(['qa2']);
  expect(babilongTasks('qa1..qa3, qa2,qa10')).toEqual(['qa1', 'qa2', 'qa3', 'qa10']);
  expect(babilongTasks('all')).toEqual(BABI_TASKS);
  for (const wrong of ['qa11', 'qa0', 'q1', '', 'qa3..qa1', 'qa8..qa12']) {
    expect(() => babilongTasks(wrong), wrong).toThrow('is not a task; expected qa1 to qa10');
  }
});

describe('books', () => {
  const file = async (name: string, content: string | Buffer) => {
    await writeFile(join(folder, name), content);
    return join(folder, name);
  };

  it('are files, folders, or the documents of records; paragraphs are joined, licences left out', async () => {
    const shelf = join(folder, 'shelf');
    await mkdir(shelf);
    await writeFile(
      join(shelf, 'b.txt'),
      'Licence.\n*** START OF THE PROJECT GUTENBERG EBOOK X ***\n\nOne long\nsentence. Another\none.\n\nLast.\n*** END OF THE PROJECT GUTENBERG EBOOK X ***\nMore.\n',
    );
    await writeFile(join(shelf, 'a.txt.gz'), gzipSync('First line.\nSecond line.\n'));
    await writeFile(
      join(shelf, 'c.jsonl'),
      `${JSON.stringify({ id: 'c', question: '', answers: [], documents: [{ text: 'Of a record.' }] })}\n`,
    );
    await writeFile(join(shelf, 'notes.md'), 'No book.');
    const opened = await Books.open([shelf]);
    expect(Array.from({ length: opened.size }, (_, at) => opened.sentence(at))).toEqual([
      'First line.',
      'Second line.',
      'One long sentence.',
      'Another one.',
      'Last.',
      'Of a record.',
    ]);
  });

  it('that come with the package have thousands of sentences, and are not taken for facts', async () => {
    const opened = await Books.open([EMBEDDED_BOOKS]);
    expect(opened.size).toBeGreaterThan(5000);
  });

  it.each([
    [
      'latin.txt',
      Buffer.from('Good.\n\nCaf\xe9.\n', 'latin1'),
      /latin\.txt, line 3: not UTF-8 text\. Convert the book/,
    ],
    ['wide.txt', Buffer.from('\ufeffGood.', 'utf16le'), /wide\.txt is UTF-16 text; expected UTF-8/],
    ['empty.txt', '\n', /empty\.txt has no text; expected a book/],
    [
      'facts.txt',
      `Nothing here.\n\n${'Then Mary walked\ninto the garden.\n\n'.repeat(4)}`,
      /4 of the books' 5 sentences \(80\.0%\) name a person .* the first is .*facts\.txt, line 3: "Then Mary walked into/,
    ],
    ['bad.jsonl', '{"id":\n', /bad\.jsonl, line 1: not JSON/],
  ])('%s is refused', async (name, content, message) => {
    await expect(Books.open([await file(name, content)])).rejects.toThrow(message);
  });

  it('that can be taken for facts are accepted on demand; a missing one and an empty folder are refused', async () => {
    expect((await Books.open([join(folder, 'facts.txt')], { anyWords: true })).size).toBe(5);
    await expect(Books.open([join(folder, 'none.txt')])).rejects.toThrow(/There is no book at .*none\.txt/);
    await mkdir(join(folder, 'bare'));
    await expect(Books.open([join(folder, 'bare')])).rejects.toThrow(/The folder .*bare has no books/);
  });
});

describe('stories of files', () => {
  let sample: string;
  beforeAll(async () => {
    sample = await readFile(fixture('babi/qa1-sample.txt'), 'utf8');
  });
  const all = async (path: string) => {
    const stories = [];
    for await (const story of readStories(path)) stories.push(story);
    return stories;
  };

  it.each(['qa1', 'qa3'])('%s: five questions with their facts, and answers that follow from them', async (task) => {
    const stories = await all(fixture(`babi/${task}-sample.txt`));
    expect(stories).toHaveLength(5);
    for (const { sentences, question, answer, supporting, ...story } of stories) {
      expect(story.task).toBe(task);
      const reader = idealReader(question);
      for (const sentence of sentences) reader.read(sentence);
      expect(reader.answer()).toBe(answer);
      expect(Math.max(...supporting)).toBeLessThan(sentences.length);
    }
    const made = babilongRecord(stories[0], { tokens: 3000, tokenizer, books, seed: 1, index: 0 });
    expect(gathered(made).evidence).toHaveLength(task === 'qa1' ? 1 : 3);
  });

  it('are the same from records with a document for each fact', async () => {
    const path = join(folder, 'stories.jsonl');
    const [first] = await all(fixture('babi/qa1-sample.txt'));
    const documents = first.sentences.map((text, at) => ({ text, relevant: first.supporting.includes(at) }));
    const record = { id: 'a', source: 'babi/qa1', question: first.question, answers: [first.answer], documents };
    await writeFile(path, `${JSON.stringify(record)}\n`);
    expect(await all(path)).toEqual([first]);
    await writeFile(path, `${JSON.stringify({ ...record, documents: [{ text: 'x' }] })}\n`);
    await expect(all(path)).rejects.toThrow('record "a" marks no document as relevant');
  });

  it.each([
    ['Mary moved to the bathroom.\n', 1, 'expected "1 Mary moved to the bathroom." for a fact'],
    ['1 Mary went.\n3 John went.\n', 2, 'is numbered 3; expected 2, or 1 for a new story'],
    ['2 Mary went.\n', 1, 'is numbered 2; expected 1'],
    ['1 Mary went.\n2 Where is Mary?\tbathroom\n', 2, 'expected a question, its answer and the numbers'],
    ['1 Mary went.\n2 Where is Mary?\tbathroom\t7\n', 2, 'needs fact 7, but no line of the story before it'],
    ['1 Mary went.\n2 Where is Mary?\tbathroom\t2\n', 2, 'needs fact 2, but no line'],
  ])('%j is refused with its line', async (content, line, message) => {
    const path = join(folder, 'qa1_wrong.txt');
    await writeFile(path, content);
    await expect(all(path)).rejects.toThrow(`qa1_wrong.txt, line ${line}: ${message}`);
    expect(sample).not.toBe(content);
  });
});
