/** Every generated task: its length, its places, its answers, the same bytes for the same seed. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadTokenizer } from '../../text/hugging-face-tokenizer.js';
import { gathered } from '../files/writer.js';
import { type QuestionRecord, recordSchema } from '../records.js';
import { findSyntheticTask, syntheticRecords, syntheticTasks } from './generators.js';
import { NIAH_TASKS } from './niah.js';
import { DocumentPool, rulerHqa } from './ruler-hqa.js';

const fixtures = new URL('../../../fixtures/', import.meta.url);
const tokenizer = await loadTokenizer(fileURLToPath(new URL('tokenizers/bpe', fixtures)));
const recordsOf = (name: string) =>
  readFileSync(new URL(`records/${name}-sample.jsonl`, fixtures), 'utf8')
    .trim()
    .split('\n')
    .map((line) => recordSchema.parse(JSON.parse(line)));
const hotpot = recordsOf('hotpotqa');

const make = (name: string, tokens: number, seed = 1, index = 0) =>
  gathered(findSyntheticTask(name)!.make({ tokenizer, tokens, seed, index }));
const marked = ({ documents, evidence }: QuestionRecord) =>
  evidence!.map(({ document, start, end }) => documents[document].text.slice(start, end));

describe.each(syntheticTasks.map(({ name }) => name))('%s', (name) => {
  it('is a valid record within 1 % of the requested length, and the same for the same seed', () => {
    fc.assert(
      fc.property(fc.integer({ min: 4000, max: 6000 }), fc.nat(1000), fc.nat(50), (tokens, seed, index) => {
        const record = make(name, tokens, seed, index);
        expect(recordSchema.parse(record)).toEqual(record);
        const length = tokenizer.encode(record.documents[0].text).length;
        expect(Math.abs(length - tokens) / tokens).toBeLessThanOrEqual(0.01);
        expect(JSON.stringify(make(name, tokens, seed, index))).toBe(JSON.stringify(record));
        expect(make(name, tokens, seed + 1, index).answers).not.toEqual(record.answers);
        expect(marked(record).length).toBeGreaterThan(0);
        expect(record).toMatchObject({ answersWanted: 'all', metric: 'string_match_all' });
      }),
      { numRuns: 2 },
    );
  });
});

describe.each(Object.keys(NIAH_TASKS))('%s', (name) => {
  const task = NIAH_TASKS[name as keyof typeof NIAH_TASKS];

  it('has each wanted value once, in a marked needle, and nowhere else', () => {
    fc.assert(
      fc.property(fc.nat(10_000), (seed) => {
        const record = make(name, 2500, seed);
        const [{ text }] = record.documents;
        const needles = marked(record);
        expect(record.answers).toHaveLength(task.values * task.queries);
        expect(needles).toHaveLength(record.answers.length);
        for (const answer of record.answers) {
          expect(text.split(answer)).toHaveLength(2);
          expect(needles.filter((needle) => needle.includes(`is ${answer}.`))).toHaveLength(1);
        }
        const keys = needles.map((needle) => / of (\S+) is /.exec(needle)![1]);
        for (const key of keys) expect(record.question).toContain(key);
      }),
      { numRuns: 4 },
    );
  });
});

it('needles are spread evenly over all depths', () => {
  const bins = Array.from({ length: 5 }, () => 0);
  const count = 200;
  for (let index = 0; index < count; index++) {
    const record = make('niah_single_1', 600, 7, index);
    const [{ start }] = record.evidence!;
    bins[Math.min(4, Math.floor((5 * start) / record.documents[0].text.length))]++;
  }
  // Chi square with 4 degrees of freedom: 18.5 is exceeded once in a thousand.
  const expected = count / 5;
  expect(bins.reduce((sum, seen) => sum + (seen - expected) ** 2 / expected, 0)).toBeLessThan(18.5);
});

it('a chain of variables can be followed from the value to the last', () => {
  const record = make('vt', 2000, 3);
  const [value] = /\d{5}/.exec(record.question)!;
  let holders = [value];
  const links = marked(record).map((link) => /^VAR (\w{5}) = (?:VAR )?(\w+)\.$/.exec(link)!.slice(1));
  for (const [name, from] of links) if (holders.includes(from)) holders = [...holders, name];
  expect(holders.slice(1)).toEqual(record.answers);
});

it('common words are the most common ones, frequent words too', () => {
  const common = make('cwe', 6000, 2);
  const counts = new Map<string, number>();
  for (const [, word] of common.documents[0].text.matchAll(/\d+\. (\S+)/g))
    counts.set(word, (counts.get(word) ?? 0) + 1);
  for (const answer of common.answers) expect(counts.get(answer)).toBe(30);
  expect([...counts.values()].filter((count) => count === 30)).toHaveLength(10);
  expect([...counts.values()].filter((count) => count === 3).length).toBe(counts.size - 10);
  const frequent = make('fwe', 6000, 2);
  const tally = new Map<string, number>();
  for (const word of frequent.documents[0].text.split(' ')) tally.set(word, (tally.get(word) ?? 0) + 1);
  const ranked = [...tally].sort((a, b) => b[1] - a[1]).map(([word]) => word);
  expect(ranked[0]).toBe('...');
  expect(ranked.slice(1, 4).sort()).toEqual([...frequent.answers].sort());
});

it('needles longer than the text asked for are refused with both numbers', () => {
  expect(() => make('niah_multiquery', 20)).toThrow(/20 tokens were requested, but the needles alone have \d+/);
});

describe('ruler-hqa', () => {
  const pool = new DocumentPool();
  for (const name of ['hotpotqa', '2wikimultihopqa', 'musique', 'squad'])
    for (const record of recordsOf(name)) pool.add(record);
  const words = (text: string) => ` ${(text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []).join(' ')} `;

  it("hides all the question's paragraphs among others, none of which holds the answer", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...hotpot),
        fc.integer({ min: 10, max: 80 }),
        fc.nat(1000),
        (record, documents, seed) => {
          const made = rulerHqa(record, pool, { documents, seed });
          expect(made.documents).toHaveLength(documents);
          const relevant = made.documents.filter((document) => document.relevant);
          expect(new Set(relevant)).toEqual(new Set(record.documents.filter((document) => document.relevant)));
          const own = new Set(record.documents.map(({ text }) => text));
          const borrowed = made.documents.filter(({ text }) => !own.has(text));
          for (const answer of record.answers.filter((each) => !['yes', 'no'].includes(each))) {
            for (const { title, text } of borrowed) expect(words(`${title} ${text}`)).not.toContain(words(answer));
          }
          expect(rulerHqa(record, pool, { documents, seed })).toEqual(made);
          expect(made.metric).toBe('sub_exact_match');
        },
      ),
      { numRuns: 15 },
    );
  });

  it('keeps how a record is scored', () => {
    const scored = { answersWanted: 'all', metric: 'f1', labels: ['x', 'y'] } as const;
    const made = rulerHqa({ ...hotpot[0], ...scored, labels: [...scored.labels] }, pool, { documents: 12, seed: 1 });
    expect(made).toMatchObject(scored);
  });

  it('keeps the places when there is more to borrow from', () => {
    const placesOf = (from: DocumentPool) => {
      const { documents } = rulerHqa(hotpot[0], from, { documents: 40, seed: 5 });
      return documents.flatMap(({ relevant }, at) => (relevant ? [at] : []));
    };
    const smaller = new DocumentPool();
    for (const record of recordsOf('hotpotqa')) smaller.add(record);
    expect(placesOf(smaller)).toEqual(placesOf(pool));
  });

  it('spreads relevant documents over all depths', () => {
    const bins = [0, 0, 0, 0];
    for (let seed = 0; seed < 150; seed++) {
      const { documents } = rulerHqa(hotpot[1], pool, { documents: 40, seed });
      documents.forEach(({ relevant }, at) => {
        if (relevant) bins[Math.floor(at / 10)]++;
      });
    }
    const expected = bins.reduce((a, b) => a + b, 0) / 4;
    // Three degrees of freedom: 16.3 is exceeded once in a thousand.
    expect(bins.reduce((sum, seen) => sum + (seen - expected) ** 2 / expected, 0)).toBeLessThan(16.3);
  });

  it('refuses more than there is to borrow, and fewer than are needed', () => {
    expect(() => rulerHqa(hotpot[0], pool, { documents: 5000, seed: 1 })).toThrow(/only \d+ of \d+ can be used/);
    expect(() => rulerHqa(hotpot[0], pool, { documents: 1, seed: 1 })).toThrow(
      /2 documents that the answer may need, but 1 were/,
    );
  });
});

it('records are made one by one, as many as requested, of tasks that exist', () => {
  const options = { tokenizer, tokens: 500, seed: 3 };
  const [first, second, ...rest] = [...syntheticRecords('vt', options, 2)];
  expect(rest).toEqual([]);
  expect(gathered(first)).toEqual(make('vt', 500, 3, 0));
  expect(gathered(second)).toEqual(make('vt', 500, 3, 1));
  expect(() => syntheticRecords('vtt', options, 2)).toThrow('There is no task "vtt" of RULER');
});
