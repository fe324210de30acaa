/**
 * Training questions of BABILong: the text is the one that the ordinary pipeline would cut, and the memories are right.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { SeededRandom } from '../../base/random.js';
import { babiPrompts } from '../../memory/prompts.js';
import { EMBEDDED_BABI } from '../../models/embedded.js';
import { chunkDocuments } from '../../text/chunks.js';
import { plainRenderer } from '../../text/documents.js';
import { loadTokenizer } from '../../text/hugging-face-tokenizer.js';
import type { Example } from '../examples.js';
import { Books, EMBEDDED_BOOKS } from './books.js';
import { withDecoys } from './decoys.js';
import { BABI_TASKS, eventOf, WORLD_WORDS } from './events.js';
import { fragmentOf } from './fragments.js';
import { idealReader } from './ideal.js';
import { BABI_MARKS, BABI_VOCABULARY_SIZE } from './marks.js';
import { memoryOf, NO_NOTES } from './notes.js';
import { type BabilongTaskOptions, babilongSource } from './task.js';

const tokenizer = await loadTokenizer(EMBEDDED_BABI);
const books = await Books.open([EMBEDDED_BOOKS]);
const source = (options: Partial<BabilongTaskOptions> = {}, seed = 1) =>
  babilongSource({ tasks: BABI_TASKS, chunks: [4, 8], chunkTokens: 128, books, ...options }, seed, tokenizer);

/** What may be facts; an ideal reader passes over the rest. */
const factsIn = (text: string) => [...text.matchAll(/(?:[A-Z]\w+|The \w+) [a-z ]+(?:\w+)\./g)].map(([fact]) => fact);

const textOf = ({ chunks }: Example) => chunks.map(({ ids }) => tokenizer.decode(ids)).join('');

it('the tokenizer restores every text, and has one token for each word of the stories', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => tokenizer.decode(tokenizer.encodeText(text)) === text),
  );
  expect(tokenizer.vocabularySize).toBe(BABI_VOCABULARY_SIZE);
  for (const word of 'Mary John Sandra Daniel bathroom hallway football milk travelled discarded has before'.split(' '))
    expect(tokenizer.encodeText(` ${word}`), word).toHaveLength(1);
  expect(tokenizer.encode('<same>')).toEqual([tokenizer.idOf(BABI_MARKS.unchanged)]);
  expect(tokenizer.encodeText('<same>').length).toBeGreaterThan(1);
});

it('the prompts begin with the memory of nothing, and the token that keeps a memory is theirs', () => {
  expect(babiPrompts.initialMemory('')).toBe(NO_NOTES);
  expect(babiPrompts.unchanged).toBe(BABI_MARKS.unchanged);
});

it('chunks are tokenized as the text that they make up, and hold whole sentences', async () => {
  for (let index = 0; index < 4; index++) {
    const example = await source().get(index);
    const text = textOf(example);
    expect(tokenizer.encodeText(text)).toEqual(example.chunks.flatMap(({ ids }) => ids));
    for (const { ids } of example.chunks) expect(ids.length).toBeLessThanOrEqual(128);
    // The ordinary pipeline may cut a sentence sooner, but hides no fact.
    const { chunks } = chunkDocuments([{ text }], tokenizer, {
      chunkTokens: 128,
      align: 'sentence',
      renderer: plainRenderer,
    });
    for (const fact of example.facts!) expect(chunks.some((chunk) => chunk.text.includes(fact.text))).toBe(true);
  }
});

it('ideal memories lead to the answer, and change only where a fact is', async () => {
  for (let index = 0; index < 60; index++) {
    const example = await source().get(index);
    const { question, answers, chunks, idealMemories = [], filteredChunks = [], facts = [] } = example;
    expect(idealMemories).toHaveLength(chunks.length + 1);
    expect(idealMemories[0]).toBe('nothing');
    const reader = idealReader(question);
    for (const sentence of factsIn(textOf(example))) reader.read(sentence);
    expect(idealMemories.at(-1)).toBe(memoryOf(reader.notes()));
    expect(reader.answer()).toBe(answers[0]);
    expect(filteredChunks.join(' ').replaceAll(/ +/g, ' ').trim()).toBe(facts.map(({ text }) => text).join(' '));
    for (const { text, turn } of facts) expect(tokenizer.decode(chunks[turn].ids)).toContain(text);
    const last = chunks.length - 1;
    expect(example.quality!(last, idealMemories[last + 1]) ?? 1).toBe(1);
    expect(example.quality!(last, 'nothing') ?? 0).toBe(0);
  }
});

it('a filtered chunk leads from the ideal memory to the one that its facts alone give', async () => {
  let without = 0;
  for (let index = 0; index < 40; index++) {
    const example = await source({ tasks: ['qa2'] }).get(index);
    const { question, chunks, filteredChunks = [], filteredMemories, idealMemories = [] } = example;
    for (const turn of chunks.keys()) {
      const reader = idealReader(question);
      for (const { ids } of chunks.slice(0, turn)) for (const told of factsIn(tokenizer.decode(ids))) reader.read(told);
      for (const told of factsIn(filteredChunks[turn])) reader.read(told);
      expect(filteredMemories!(turn)).toBe(memoryOf(reader.notes()));
      if (filteredMemories!(turn) !== idealMemories[turn + 1]) without++;
    }
  }
  // Of some chunks, the filtered one leaves out where other persons are.
  expect(without).toBeGreaterThan(0);
});

it('parts of a text are known where notes on them tell those on the whole', async () => {
  const merging = ['qa1', 'qa4', 'qa5', 'qa6', 'qa9', 'qa10'] as const;
  for (const task of BABI_TASKS) {
    for (let index = 0; index < 3; index++) {
      const { idealMemoryOf, idealMemories = [], chunks } = await source({ tasks: [task] }).get(index);
      expect(idealMemoryOf !== undefined, task).toBe(merging.some((name) => name === task));
      if (!idealMemoryOf) continue;
      expect(idealMemoryOf(0, 0)).toBe(NO_NOTES);
      for (const turn of chunks.keys()) {
        expect(idealMemoryOf(0, turn + 1)).toBe(idealMemories[turn + 1]);
        // One of the two parts holds what both together do: the later, unless it tells nothing.
        const later = idealMemoryOf(turn, chunks.length);
        expect(idealMemories.at(-1)).toBe(later === NO_NOTES ? idealMemoryOf(0, turn) : later);
      }
    }
  }
});

it('needed facts are those that change the ideal memory, supporting ones among them or not', async () => {
  let more = 0;
  for (let index = 0; index < 60; index++) {
    const { question, chunks, filteredChunks = [], facts = [] } = await source({ relevant: 'needed' }).get(index);
    const reader = idealReader(question);
    for (const [turn, { ids }] of chunks.entries()) {
      const changing = factsIn(tokenizer.decode(ids)).filter((told) => {
        const before = memoryOf(reader.notes());
        reader.read(told);
        return memoryOf(reader.notes()) !== before;
      });
      expect(filteredChunks[turn]).toBe(changing.join(' '));
    }
    more += facts.length - (await source().get(index)).facts!.length;
  }
  expect(more).toBeGreaterThan(60);
});

it('other marks may be of any sentence, those of books too', async () => {
  const marks: BabilongTaskOptions['marks'] = ({ documents }) =>
    [0, documents.length - 1].map((document) => ({ document, start: 0, end: documents[document].text.length }));
  const [marked, plain] = [await source({ marks }).get(5), await source().get(5)];
  const [first, ...rest] = marked.filteredChunks!;
  expect(textOf(marked).trimStart().startsWith(first)).toBe(true);
  expect(first).not.toBe('');
  expect(textOf(marked).endsWith(rest.at(-1)!)).toBe(true);
  expect(rest.slice(0, -1).join('')).toBe('');
  expect(marked.chunks).toEqual(plain.chunks);
  expect(marked.idealMemories).toEqual(plain.idealMemories);
  expect(marked.facts!.length).toBeLessThanOrEqual(2);
});

it('is the same again, other for another seed, and as long as asked for', async () => {
  const { filteredMemories: _, quality: __, ...first } = await source().get(3);
  expect(await source().get(3)).toMatchObject(first);
  expect((await source({}, 2).get(3)).chunks).not.toEqual(first.chunks);
  const long = await source({ tasks: ['qa1'], chunks: [40, 40] }).get(0);
  expect(long.chunks.length).toBeGreaterThanOrEqual(40);
  expect(long.chunks.length).toBeLessThan(48);
  const short = await source({ tasks: ['qa1'], chunks: [4, 4], leastChunkTokens: 24 }).get(1);
  expect(Math.max(...short.chunks.map(({ ids }) => ids.length))).toBeLessThan(128);
});

it('books without a sentence that fits a chunk are refused', () => {
  expect(() => source({ books: new Books(['Too short. Yes.']) })).toThrow(
    'The books have no sentence of 10 to 128 tokens. Name other books, or raise chunkTokens.',
  );
});

it('decoys put names of the stories into books, but never a fact', async () => {
  const plain = source({ tasks: ['qa1'], chunks: [8, 8] });
  const decoyed = source({ tasks: ['qa1'], chunks: [8, 8], decoys: 1 });
  const names = (text: string) => text.match(/\b(?:Mary|Fred|Bill|Jeff|Julie|Sandra|Daniel|John)\b/g)?.length ?? 0;
  let [before, after] = [0, 0];
  for (let index = 0; index < 5; index++) {
    const [a, b] = [await plain.get(index), await decoyed.get(index)];
    expect(b.question).toBe(a.question);
    expect(b.idealMemories?.at(-1)).toBe(a.idealMemories?.at(-1));
    before += names(textOf(a));
    after += names(textOf(b));
    for (const { ids } of b.chunks) expect(ids.length).toBeLessThanOrEqual(128);
  }
  expect(after).toBeGreaterThan(2 * before);
  const random = new SeededRandom('test');
  const changed = Array.from({ length: 200 }, () => withDecoys('He went to the garden.', random));
  const told = changed.flatMap((text) => text.split(/(?<=\.) /)).map((sentence) => eventOf(sentence));
  const persons: string[] = told.flatMap((event) => (event && 'person' in event ? event.person : []));
  expect(persons).toContain('He');
  expect(persons.filter((person) => /^(?:Mary|Fred|Bill|Jeff|Julie|Sandra|Daniel|John)$/.test(person))).toEqual([]);
  expect(changed.filter((text) => text.length > 'He went to the garden.'.length).length).toBeGreaterThan(40);
  expect(withDecoys('"I saw Syme there," said the doctor, and he left.', random)).not.toContain('Syme');
});

it('a text begins without a blank, and in some texts sentences stand in lines of their own', async () => {
  const texts = await Promise.all(
    Array.from({ length: 60 }, async (_, index) => textOf(await source({ chunkTokens: 64, decoys: 0.3 }).get(index))),
  );
  expect(texts.filter((text) => /^\s/.test(text))).toEqual([]);
  const broken = texts.filter((text) => text.includes('\n'));
  expect(broken.length).toBeGreaterThan(4);
  expect(broken.length).toBeLessThan(24);
  for (const text of broken) expect(text).not.toMatch(/\n\s|\s\n/);
  // Of some texts all sentences, of others some.
  expect(new Set(broken.map((text) => / (?:Mary|John|Sandra|Daniel|The) /.test(text))).size).toBe(2);
});

it('fragments are parts of sentences and headings, and never a fact', async () => {
  const random = new SeededRandom('test');
  const sentence = 'The old man closed the door, and he went to the garden.';
  const parts = Array.from({ length: 200 }, () => fragmentOf(sentence, random));
  const headings = parts.filter((part) => !sentence.includes(part));
  expect(headings.length).toBeGreaterThan(20);
  for (const heading of headings) {
    expect(heading).toMatch(/^(?:(?:CHAPTER|Chapter|BOOK|PART|LETTER|ACT|SCENE|CANTO) [IVXL]+(?: |\. |—|: ))?[\w ,]+$/);
  }
  const open = parts.filter((part) => sentence.includes(part) && !part.endsWith('.'));
  expect(open.length).toBeGreaterThan(60);
  expect(Math.max(...parts.map((part) => part.length))).toBeLessThan(sentence.length + 16);
  const told = Array.from({ length: 100 }, () => fragmentOf('Well, Mary went to the garden.', random));
  expect(told.filter((part) => eventOf(part))).toEqual([]);
  expect(fragmentOf('...', random)).not.toBe('');
  const headingsIn = async (fragments: number) =>
    textOf(await source({ chunks: [40, 40], fragments }).get(1)).match(/\b(?:PART|LETTER|ACT|SCENE|CANTO) [IVXL]+/g);
  expect(await headingsIn(0)).toBeNull();
  expect(await headingsIn(0.5)).not.toBeNull();
});

it("near facts are what the stories' persons do elsewhere", () => {
  const random = new SeededRandom('test');
  const sentence = 'It was raining, so nobody had come.';
  for (let nth = 0; nth < 100; nth++) {
    const decoy = withDecoys(sentence, random, 1);
    expect(decoy).toMatch(/\b(?:Mary|Fred|Bill|Jeff|Julie|Sandra|Daniel|John) (?:\w+ )?\w+/);
    expect(decoy.split(/(?<=\.) /).filter((part) => isFact(part))).toEqual([]);
  }
  expect(withDecoys(sentence, new SeededRandom('plain'))).toBe(withDecoys(sentence, new SeededRandom('plain'), 0));
});

/** With persons, objects and places of the stories: "Mary left the room." has the form of one, and is none. */
function isFact(sentence: string): boolean {
  const event = eventOf(sentence) ?? {};
  const words = Object.entries(event).flatMap(([key, value]) => (key === 'kind' ? [] : String(value)));
  const known: readonly string[] = [...WORLD_WORDS.persons, ...WORLD_WORDS.places, ...WORLD_WORDS.objects];
  return words.length > 0 && words.every((word) => known.includes(word));
}

it('tells which kinds of notes each chunk makes or keeps', async () => {
  let written = 0;
  for (let index = 0; index < 12; index++) {
    const { changeKinds = [], idealMemories = [], chunks } = await source({ tasks: ['qa3'] }).get(index);
    expect(changeKinds).toHaveLength(idealMemories.length - 1);
    const before = (memory: string) => /\w+ \w+ before \w+/.exec(memory)?.[0];
    const came = (memory: string) => /\w+ \w+ after \w+/.exec(memory)?.[0];
    for (const [turn, kinds] of changeKinds.entries()) {
      const facts = factsIn(tokenizer.decode(chunks[turn].ids));
      if (kinds === undefined) expect(facts.filter((fact) => eventOf(fact))).toEqual([]);
      if (kinds === 'stays') expect(idealMemories[turn + 1]).toBe(idealMemories[turn]);
      if (kinds === undefined || kinds === 'stays') continue;
      const [earlier, later] = [before(idealMemories[turn]), before(idealMemories[turn + 1])];
      expect(kinds.split(', ').includes('was+')).toBe(later !== undefined && later !== earlier);
      expect(kinds.split(', ').includes('was')).toBe(later !== undefined && later === earlier);
      const [wasThere, isThere] = [came(idealMemories[turn]), came(idealMemories[turn + 1])];
      expect(/(at|lies) after\+/.test(kinds)).toBe(isThere !== undefined && isThere !== wasThere);
      if (later !== earlier || isThere !== wasThere) written++;
    }
  }
  expect(written).toBeGreaterThan(5);
});
