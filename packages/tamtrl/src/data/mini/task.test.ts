/** The mini task: reproducible, answerable, read by the ordinary pipeline with the chunks it was made with. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chunkDocuments } from '../../text/chunks.js';
import { plainRenderer } from '../../text/documents.js';
import { filterChunk } from '../../text/filter.js';
import { recordSchema } from '../records.js';
import { annotated } from '../relevance.js';
import {
  idealMemories,
  type MiniExample,
  miniAnswer,
  miniChunkTokens,
  miniExample,
  miniExamples,
  miniQuestion,
  slotAccuracy,
  toRecord,
} from './task.js';
import { miniTokenizer } from './tokenizer.js';
import { MINI_BRIDGES, MINI_UNKNOWN } from './vocabulary.js';

const tokenizer = miniTokenizer();
const options = fc.record({
  chunks: fc.integer({ min: 1, max: 12 }),
  factsPerChunk: fc.integer({ min: 8, max: 12 }),
  queries: fc.integer({ min: 1, max: 4 }),
  chained: fc.constantFrom(0, 0.5, 1),
});
const seed = fc.integer({ min: 0, max: 1_000_000 });

describe('miniExample', () => {
  it('is the same for a seed and an index, whatever range is requested', () => {
    fc.assert(
      fc.property(options, seed, fc.integer({ min: 0, max: 50 }), (some, from, index) => {
        const example = miniExample(some, from, index);
        expect(miniExamples({ ...some, count: index + 1 }, from)[index]).toEqual(example);
        expect(miniExamples({ ...some, count: 1, from: index }, from)).toEqual([example]);
      }),
      { numRuns: 30 },
    );
  });

  it('does not change: seeds name examples in reports', () => {
    const example = miniExample({ chunks: 2, factsPerChunk: 3, queries: 2, chained: 0.5 }, 7, 0);
    expect({
      question: miniQuestion(example),
      answer: miniAnswer(example),
      text: example.chunks.map((chunk) => chunk.map(({ key, value }) => `${key} ${value}`).join(', ')),
    }).toMatchInlineSnapshot(`
      {
        "answer": "seoul derby",
        "question": "finn eric",
        "text": [
          "bob bari, emma minsk, alan manila",
          "finn seoul, eric olga, olga derby",
        ],
      }
    `);
  });

  it('differs between indices and seeds', () => {
    const texts = [0, 1, 2].flatMap((some) =>
      miniExamples({ count: 200 }, some).map((example) => JSON.stringify(toRecord(example).documents)),
    );
    expect(new Set(texts).size).toBe(600);
  });

  it('holds each needed fact once, in all positions alike, and no other fact about its key', () => {
    const places = new Array(24).fill(0);
    for (const example of miniExamples({ count: 800, chained: 0.5 }, 3)) {
      const facts = example.chunks.flat();
      const chains = example.bridges.filter((bridge) => bridge !== undefined).length;
      expect(facts.filter((fact) => fact.relevant)).toHaveLength(example.keys.length + chains);
      example.keys.forEach((key, at) => {
        const own = facts.filter((fact) => fact.key === key);
        expect(own).toEqual([{ key, value: example.bridges[at] ?? example.values[at], relevant: true }]);
      });
      for (const fact of facts.filter(({ key }) => MINI_BRIDGES.includes(key))) expect(fact.relevant).toBe(true);
      facts.forEach((fact, place) => {
        if (fact.relevant) places[place]++;
      });
    }
    const mean = places.reduce((sum, count) => sum + count, 0) / places.length;
    for (const count of places) expect(Math.abs(count - mean)).toBeLessThan(5 * Math.sqrt(mean));
  });

  it('chains a share of the queries, in either order', () => {
    const examples = miniExamples({ count: 500, chained: 0.3 }, 11);
    const chained = examples.flatMap((example) =>
      example.bridges.map((bridge, at) => ({ example, bridge, key: example.keys[at] })),
    );
    const links = chained.filter(({ bridge }) => bridge !== undefined);
    expect(links.length / chained.length).toBeGreaterThan(0.25);
    expect(links.length / chained.length).toBeLessThan(0.35);
    const linkFirst = links.filter(({ example, bridge, key }) => {
      const keys = example.chunks.flat().map((fact) => fact.key);
      return keys.indexOf(key) < keys.indexOf(bridge!);
    });
    expect(linkFirst.length / links.length).toBeGreaterThan(0.4);
    expect(linkFirst.length / links.length).toBeLessThan(0.6);
  });

  it('refuses options that leave no room', () => {
    expect(() => miniExample({ chunks: 1, factsPerChunk: 2 }, 0, 0)).toThrow(/3 queries need up to 3 facts.*hold 2/);
    expect(() => miniExample({ chunks: 1, factsPerChunk: 5, chained: 0.1 }, 0, 0)).toThrow(/need up to 6 facts/);
    expect(() => miniExample({ queries: 0 }, 0, 0)).toThrow(/queries is 0/);
    expect(() => miniExample({ queries: 17, chained: 1 }, 0, 0)).toThrow(/at most 16 with chains/);
    expect(() => miniExample({ chained: 2 }, 0, 0)).toThrow(/chained is 2/);
  });
});

/** Reads the relevant facts of one chunk after another into the memory, by the memory's own text alone. */
function readWithMemory(example: MiniExample): string {
  let known: Record<string, string> = {};
  for (const chunk of example.chunks) {
    known = { ...known };
    for (const fact of chunk)
      if (example.keys.includes(fact.key) || MINI_BRIDGES.includes(fact.key)) known[fact.key] = fact.value;
  }
  return example.keys.map((key) => known[known[key]] ?? known[key]).join(' ');
}

describe('ideal memories', () => {
  it('go from open slots to the answer', () => {
    fc.assert(
      fc.property(options, seed, (some, from) => {
        const example = miniExample(some, from, 0);
        const memories = idealMemories(example);
        expect(memories).toHaveLength(some.chunks + 1);
        expect(memories[0]).toBe(example.keys.map((key) => `${key} ?`).join(' '));
        expect(memories.at(-1)).toBe(example.keys.map((key, at) => `${key} ${example.values[at]}`).join(' '));
        memories.forEach((memory, read) => {
          expect(slotAccuracy(example, read, memory)).toBe(1);
        });
        expect(readWithMemory(example)).toBe(miniAnswer(example));
      }),
    );
  });

  it('keep a link, and a bridge that comes before its link', () => {
    const fact = (key: string, value: string) => ({ key, value, relevant: true });
    const example: MiniExample = {
      seed: 0,
      index: 0,
      keys: ['anna', 'ben'],
      values: ['oslo', 'rome'],
      bridges: ['nora', 'paul'],
      chunks: [[fact('anna', 'nora')], [fact('paul', 'rome')], [fact('nora', 'oslo')], [fact('ben', 'paul')]],
    };
    expect(idealMemories(example)).toEqual([
      'anna ? ben ?',
      'anna > nora ? ben ?',
      'anna > nora ? ben ? ; paul rome',
      'anna oslo ben ? ; paul rome',
      'anna oslo ben rome',
    ]);
    expect(slotAccuracy(example, 3, 'anna oslo ben ?')).toBe(1);
    expect(slotAccuracy(example, 3, 'ben ? anna oslo')).toBe(1);
    expect(slotAccuracy(example, 3, 'anna rome ben ?')).toBe(0.5);
    expect(slotAccuracy(example, 3, 'anna oslo')).toBe(0.5);
    expect(slotAccuracy(example, 1, 'anna nora ? ben ?')).toBe(0.5);
    expect(slotAccuracy(example, 3, 'anna rome anna oslo ben ?')).toBe(0.5);
    expect(slotAccuracy(example, 3, '')).toBe(0);
  });
});

describe('as a record', () => {
  it('is chunked back into its facts by the ordinary chunker and filtered to what is relevant', () => {
    fc.assert(
      fc.property(options, seed, (some, from) => {
        const example = miniExample(some, from, 0);
        const record = recordSchema.parse(JSON.parse(JSON.stringify(toRecord(example))));
        const { chunks } = chunkDocuments(record.documents, tokenizer, {
          chunkTokens: miniChunkTokens(some),
          renderer: plainRenderer,
        });
        const line = ({ key, value }: { key: string; value: string }) => `${key} ${value}`;
        expect(chunks.map((chunk) => chunk.text.trimEnd().split('\n'))).toEqual(
          example.chunks.map((facts) => facts.map(line)),
        );
        const marks = annotated(record);
        chunks.forEach((chunk, at) => {
          const relevant = example.chunks[at].filter((fact) => fact.relevant);
          expect(filterChunk(chunk, marks)).toBe(relevant.map(line).join('\n'));
        });
      }),
      { numRuns: 40 },
    );
  });

  it('uses known words only', () => {
    for (const example of miniExamples({ count: 50, chained: 0.5 }, 1)) {
      const text = [
        miniQuestion(example),
        miniAnswer(example),
        ...idealMemories(example),
        ...toRecord(example).documents.map((document) => document.text),
      ].join(' ');
      expect(tokenizer.encode(text)).not.toContain(tokenizer.idOf(MINI_UNKNOWN));
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
    }
  });
});
