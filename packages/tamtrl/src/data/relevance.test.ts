/** Relevance marks from each source, and how far they agree. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type QuestionRecord, recordSchema } from './records.js';
import { agreement, annotated, judged, lexical } from './relevance.js';

const record: QuestionRecord = {
  id: 'r',
  source: '',
  question: 'Which river flows through the capital of Austria?',
  answers: ['Danube', 'the Danube'],
  documents: [
    {
      title: 'Vienna',
      text: 'Vienna is the capital of Austria. It has many cafés. The Danube flows there.',
      relevant: true,
    },
    { title: 'Prague', text: 'Prague lies on the Vltava. It is old.', relevant: false },
    { title: 'Danubes', text: 'Danubes are a band. Nothing else.', relevant: false },
  ],
};
const shown = (marks: { document: number; start: number; end: number }[], of = record) =>
  marks.map(({ document, start, end }) => of.documents[document].text.slice(start, end));
const samples = ['hotpotqa', '2wikimultihopqa'].map((name) =>
  readFileSync(new URL(`../../fixtures/records/${name}-sample.jsonl`, import.meta.url), 'utf8')
    .trim()
    .split('\n')
    .map((line) => recordSchema.parse(JSON.parse(line))),
);

describe('annotated', () => {
  it('marks relevant documents whole', () => {
    expect(shown(annotated(record))).toEqual([record.documents[0].text]);
  });

  it('prefers evidence, merged and in order', () => {
    const evidence = [
      { document: 1, start: 0, end: 6 },
      { document: 0, start: 7, end: 9 },
      { document: 0, start: 0, end: 8 },
    ];
    expect(annotated({ ...record, evidence })).toEqual([
      { document: 0, start: 0, end: 9 },
      { document: 1, start: 0, end: 6 },
    ]);
  });

  it('refuses records without annotation, but not those with nothing relevant', () => {
    const strip = (relevant?: boolean) => ({
      ...record,
      documents: record.documents.map(({ text }) => ({ text, relevant })),
    });
    expect(() => annotated(strip())).toThrow(/Record "r" has no relevance annotation.*lexical or judged/);
    expect(annotated(strip(false))).toEqual([]);
  });
});

describe('lexical', () => {
  it('marks the best sentences and those that hold a gold answer as whole words', () => {
    expect(shown(lexical(record, { topK: 1 }))).toEqual([
      'Vienna is the capital of Austria.',
      'The Danube flows there.',
    ]);
    expect(shown(lexical(record, { topK: 0 }))).toEqual(['The Danube flows there.']);
  });

  it('does not look for yes and no', () => {
    const closed = {
      ...record,
      answers: ['No'],
      documents: [{ text: 'No wonder. Vienna is the capital of Austria.' }],
    };
    expect(shown(lexical(closed, { topK: 1 }), closed)).toEqual(['Vienna is the capital of Austria.']);
  });

  it('scores by BM25', () => {
    // One word of the query; n = 3 texts of 1, 2 and 3 words, mean 2. The word is rarer and the text shorter: higher.
    const plain = (texts: string[]): QuestionRecord => ({
      ...record,
      question: 'red',
      answers: ['x'],
      documents: texts.map((text) => ({ text })),
    });
    const some = plain(['red.', 'red blue.', 'red red green.']);
    // idf cancels. Term weights 2.2 tf / (tf + 1.2 (0.25 + 0.75 length / 2)):
    // 2.2 / 1.75 = 1.257, 2.2 / 2.2 = 1.0, 4.4 / 3.65 = 1.205.
    expect(shown(lexical(some, { topK: 1 }), some)).toEqual(['red.']);
    expect(shown(lexical(some, { topK: 2 }), some)).toEqual(['red.', 'red red green.']);
    // Without length normalisation the repeated word wins: 2.2 / 2.2 = 1, 4.4 / 3.2 = 1.375.
    expect(shown(lexical(some, { topK: 1, b: 0 }), some)).toEqual(['red red green.']);
    // k1 near 0: repeats count nothing, the first wins.
    expect(shown(lexical(some, { topK: 1, b: 0, k1: 0 }), some)).toEqual(['red.']);
  });

  it('lets a title speak for its sentences', () => {
    const some: QuestionRecord = {
      ...record,
      question: 'When was Ada Lovelace born?',
      answers: ['1815'],
      documents: [
        { title: 'Bob Stone', text: 'He was born in June.' },
        { title: 'Ada Lovelace', text: 'She was born in May.' },
      ],
    };
    expect(lexical(some, { topK: 1 })[0].document).toBe(1);
    expect(lexical(some, { topK: 1, titles: false })[0].document).toBe(0);
  });

  it('finds much of what annotators marked', () => {
    for (const records of samples) {
      const scores = records.map((some) => agreement(lexical(some), annotated(some)));
      const mean = (of: (score: (typeof scores)[number]) => number) =>
        scores.reduce((sum, score) => sum + of(score), 0) / scores.length;
      expect(mean((score) => score.precision)).toBeGreaterThan(0.5);
      expect(mean((score) => score.recall)).toBeGreaterThan(0.25);
    }
  });
});

describe('judged', () => {
  it('marks what the judge says, asking in batches with titles', async () => {
    const asked: string[][] = [];
    const marks = await judged(
      record,
      async (question, answers, sentences) => {
        expect(question).toBe(record.question);
        expect(answers).toEqual(record.answers);
        asked.push([...sentences]);
        return sentences.map((sentence) => sentence.includes('old') || sentence.includes('capital'));
      },
      { batch: 4 },
    );
    expect(asked.map((batch) => batch.length)).toEqual([4, 3]);
    expect(asked[0][0]).toBe('Vienna: Vienna is the capital of Austria.');
    expect(shown(marks)).toEqual(['Vienna is the capital of Austria.', 'It is old.']);
  });

  it('refuses a reply of the wrong length', async () => {
    await expect(judged(record, async () => [true])).rejects.toThrow(/1 verdicts for 7 sentences of record "r"/);
  });
});

describe('agreement', () => {
  it('counts characters', () => {
    const score = agreement(
      [{ document: 0, start: 0, end: 10 }],
      [
        { document: 0, start: 5, end: 25 },
        { document: 1, start: 0, end: 4 },
      ],
    );
    expect(score).toMatchObject({ marked: 10, reference: 24, common: 5, precision: 0.5 });
    expect(score.recall).toBeCloseTo(5 / 24, 12);
    expect(score.f1).toBeCloseTo(10 / 34, 12);
  });

  it('treats empty sides', () => {
    expect(agreement([], [])).toMatchObject({ precision: 1, recall: 1, f1: 1 });
    expect(agreement([{ document: 0, start: 0, end: 1 }], [])).toMatchObject({ precision: 0, recall: 0, f1: 0 });
  });

  it('is what counting sets of characters gives', () => {
    const range = fc
      .tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 8 }))
      .map(([document, start, length]) => ({ document, start, end: start + length }));
    const ranges = fc.array(range, { maxLength: 6 });
    const characters = (some: { document: number; start: number; end: number }[]) =>
      new Set(
        some.flatMap(({ document, start, end }) =>
          Array.from({ length: end - start }, (_, at) => document * 100 + start + at),
        ),
      );
    fc.assert(
      fc.property(ranges, ranges, (a, b) => {
        const left = characters(a);
        const right = characters(b);
        const common = [...left].filter((character) => right.has(character)).length;
        expect(agreement(a, b)).toMatchObject({ marked: left.size, reference: right.size, common });
      }),
    );
  });
});
