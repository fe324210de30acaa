/** What a memory has to hold, by hand-made records, and how much of it memories hold. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadTokenizer } from '../text/hugging-face-tokenizer.js';
import { exampleOfMini, recordExample } from './examples.js';
import { idealMemories, miniExample } from './mini/task.js';
import { miniTokenizer } from './mini/tokenizer.js';
import { type QuestionRecord, recordSchema } from './records.js';
import { annotated } from './relevance.js';

const tokenizer = await loadTokenizer(fileURLToPath(new URL('../../fixtures/tokenizers/bpe', import.meta.url)));
const samples = ['hotpotqa', '2wikimultihopqa'].flatMap((name) =>
  readFileSync(new URL(`../../fixtures/records/${name}-sample.jsonl`, import.meta.url), 'utf8')
    .trim()
    .split('\n')
    .map((line) => recordSchema.parse(JSON.parse(line))),
);

const filler = 'Nothing of this has to do with it. '.repeat(4).trim();
const record: QuestionRecord = {
  id: 'r',
  source: '',
  question: 'In which city was the author of Grey Harbour born?',
  answers: ['Port Sunlight', 'Sunlight'],
  documents: [
    { title: 'Filler', text: filler, relevant: false },
    {
      title: 'Grey Harbour',
      text: 'It rains. Grey Harbour is a novel of 1961 by Mary Lind. The cover is blue.',
      relevant: true,
    },
    { title: 'More filler', text: filler, relevant: false },
    {
      title: 'Mary Lind',
      text: 'She wrote much. Mary Lind was born in Port Sunlight in 1920. She sang.',
      relevant: true,
    },
  ],
};

const exampleOf = (of: QuestionRecord, chunkTokens = 80) =>
  recordExample(of, tokenizer, { chunkTokens, align: 'sentence' }, annotated(of));

describe('supporting facts', () => {
  it('are the informative sentences of relevant documents, with the turn that reads them', () => {
    const { facts, chunks } = exampleOf(record);
    expect(facts?.map(({ title, text }) => `${title}: ${text}`)).toEqual([
      'Grey Harbour: Grey Harbour is a novel of 1961 by Mary Lind.',
      'Mary Lind: Mary Lind was born in Port Sunlight in 1920.',
    ]);
    const [first, second] = facts ?? [];
    expect(first.turn).toBeGreaterThan(0);
    expect(second.turn).toBeGreaterThan(first.turn);
    // In short chunks: the fact has been read after its turn, and not before.
    const short = exampleOf(record, 12);
    for (const { text, turn } of short.facts ?? []) {
      const read = (turns: number) =>
        tokenizer.decode(short.chunks.slice(0, turns).flatMap(({ ids }) => [...ids])).includes(text);
      expect([read(turn), read(turn + 1)]).toEqual([false, true]);
    }
    expect(short.chunks.length).toBeGreaterThan(chunks.length);
  });

  it('are all marked sentences where sentences are marked', () => {
    const { text } = record.documents[1];
    const start = text.indexOf('Grey');
    const evidence = [{ document: 1, start, end: text.length }];
    expect(exampleOf({ ...record, evidence }).facts?.map((fact) => fact.text)).toEqual([
      'Grey Harbour is a novel of 1961 by Mary Lind.',
      'The cover is blue.',
    ]);
  });

  it('leave out what no chunk holds', () => {
    const options = { chunkTokens: 40, maxChunks: 2 } as const;
    const { facts, chunks } = recordExample(record, tokenizer, options, annotated(record));
    expect(chunks).toHaveLength(2);
    expect(facts?.map(({ title }) => title)).toEqual(['Mary Lind']);
  });
});

describe('the share of needed facts in a memory', () => {
  const { facts = [], quality } = exampleOf(record);
  const [{ turn: first }, { turn: second }] = facts;

  it('is unknown before anything needed was read', () => {
    expect(quality?.(first - 1, 'junk')).toBeUndefined();
    expect(quality?.(first - 1, '')).toBeUndefined();
  });

  it('is the share of names and numbers while the answer has not been read', () => {
    // Needed: 1961, Mary, Lind. The rest is in the question or no name.
    expect(quality?.(first, 'Mary Lind wrote it in 1961.')).toBe(1);
    expect(quality?.(first, 'mary lind')).toBeCloseTo(2 / 3, 12);
    expect(quality?.(first, 'Grey Harbour is a novel.')).toBe(0);
    expect(quality?.(first, '')).toBe(0);
  });

  it('is the share of the answer once that has been read, the best alternative', () => {
    expect(quality?.(second, 'Port Sunlight')).toBe(1);
    expect(quality?.(second, 'sunlight')).toBe(1);
    expect(quality?.(second, 'the port')).toBe(0.5);
    expect(quality?.(second, 'Grey Harbour is a novel of 1961 by Mary Lind.')).toBe(0);
  });

  it('does not ask for an article of the answer, unless the answer has nothing else', () => {
    const documents = [{ title: 'Mary Lind', text: 'She was with the Who in 1970, and sang It.', relevant: true }];
    const heldOf = (answer: string, memory: string) =>
      exampleOf({ ...record, question: 'Which band?', answers: [answer], documents }).quality?.(0, memory);
    expect(heldOf('in 1970', '1970')).toBe(1);
    expect(heldOf('The Who', 'a band')).toBe(0);
    expect(heldOf('The Who', 'the Who')).toBe(1);
  });

  it('uses the facts if the answer is yes, no or a word of the question', () => {
    for (const answers of [['yes'], ['No'], ['Grey Harbour']]) {
      const closed = exampleOf({ ...record, answers });
      const last = Math.max(...(closed.facts ?? []).map(({ turn }) => turn));
      // Needed: 1961, Mary, Lind, and Mary, Lind, Port, Sunlight, 1920.
      expect(closed.quality?.(last, 'Mary Lind, 1961')).toBeCloseTo((1 + 2 / 5) / 2, 12);
      expect(closed.quality?.(last, 'yes, Grey Harbour')).toBe(0);
    }
  });

  it('is whole for the gold facts of real records, and less for those of one document, other records or none', () => {
    for (const sample of samples) {
      const { facts = [], quality, chunks } = exampleOf(sample, 200);
      const last = chunks.length - 1;
      const all = facts.map(({ title, text }) => `${title} ${text}`).join(' ');
      expect(quality?.(last, all), sample.question).toBe(1);
      expect(quality?.(last, ''), sample.question).toBe(0);
      const other = samples[(samples.indexOf(sample) + 1) % samples.length].documents[0].text;
      expect(quality?.(last, other), sample.question).toBeLessThan(0.7);
    }
  });

  it('is that of the slots on the mini task', () => {
    const mini = miniExample({ chunks: 8, factsPerChunk: 3 }, 7, 0);
    const { quality, facts = [] } = exampleOfMini(mini, miniTokenizer());
    const from = facts[0].turn;
    for (const [turn, memory] of idealMemories(mini).slice(1).entries()) {
      expect(quality?.(turn, memory)).toBe(turn < from ? undefined : 1);
    }
    expect(quality?.(7, idealMemories(mini)[0])).toBe(0);
  });
});
