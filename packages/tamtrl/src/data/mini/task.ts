/**
 * The default task, which a tiny model learns in minutes: facts such as "anna oslo" are scattered over chunks, and the
 * question asks for the values of a few keys. In a chained query, the key points to another key ("anna nora"), whose
 * fact ("nora oslo") is elsewhere in the text, before or after. The ideal memory after each chunk is known, so that a
 * model can be warmed up on it and memories can be judged.
 */

import { SeededRandom } from '../../base/random.js';
import { DataError } from '../errors.js';
import type { QuestionRecord } from '../records.js';
import { MINI_BRIDGES, MINI_CITIES, MINI_KEPT, MINI_LINK, MINI_NAMES, MINI_OPEN } from './vocabulary.js';

export interface MiniTaskOptions {
  /** Default 4. */
  chunks?: number;
  /** Default 6. */
  factsPerChunk?: number;
  /** Number of keys in the question; default 3. */
  queries?: number;
  /** Probability that a query needs two facts; default 0. */
  chained?: number;
}

export interface MiniFact {
  key: string;
  /** A city, or the name of another key. */
  value: string;
  /** The answer needs it. */
  relevant: boolean;
}

export interface MiniExample {
  seed: number;
  index: number;
  /** The queried keys. */
  keys: string[];
  /** The city of each queried key. */
  values: string[];
  /** The key that a queried key points to, if the query is chained. */
  bridges: (string | undefined)[];
  /** [chunks][factsPerChunk] */
  chunks: MiniFact[][];
}

/** Tokens of a fact: a key and a value. All facts have this length, so token chunking cuts between them. */
export const MINI_FACT_TOKENS = 2;

/** Chunk size in tokens with which the ordinary chunker gives `factsPerChunk` facts a chunk (with `plainRenderer`). */
export function miniChunkTokens(options: MiniTaskOptions = {}): number {
  return checked(options).factsPerChunk * MINI_FACT_TOKENS;
}

/** Examples `from` … `from + count - 1` of a seed; example i is the same whatever the range. */
export function miniExamples(options: MiniTaskOptions & { count: number; from?: number }, seed: number): MiniExample[] {
  const { count, from = 0 } = options;
  return Array.from({ length: count }, (_, at) => miniExample(options, seed, from + at));
}

/** @throws DataError `invalid-argument` if the options leave no room for the facts that are needed. */
export function miniExample(options: MiniTaskOptions, seed: number, index: number): MiniExample {
  const { chunks, factsPerChunk, queries, chained } = checked(options);
  const random = new SeededRandom('mini', seed, index);
  const names = random.shuffled(MINI_NAMES);
  const bridgeNames = random.shuffled(MINI_BRIDGES);
  const keys = names.slice(0, queries);
  const others = names.slice(queries);
  const values = keys.map(() => random.pick(MINI_CITIES));
  const bridges = keys.map((_, at) => (random.next() < chained ? bridgeNames[at] : undefined));

  const facts: MiniFact[] = [];
  for (let at = 0; at < queries; at++) {
    const bridge = bridges[at];
    if (bridge !== undefined) facts.push({ key: bridge, value: values[at], relevant: true });
    facts.push({ key: keys[at], value: bridge ?? values[at], relevant: true });
  }
  // Other keys repeat only if there are more facts than names. The question does not ask for them, so contradictions do
  // no harm.
  for (let at = 0; facts.length < chunks * factsPerChunk; at++) {
    facts.push({ key: others[at % others.length], value: random.pick(MINI_CITIES), relevant: false });
  }
  const scattered = random.shuffled(facts);
  return {
    seed,
    index,
    keys,
    values,
    bridges,
    chunks: Array.from({ length: chunks }, (_, chunk) =>
      scattered.slice(chunk * factsPerChunk, (chunk + 1) * factsPerChunk),
    ),
  };
}

export function miniQuestion(example: MiniExample): string {
  return example.keys.join(' ');
}

export function miniAnswer(example: MiniExample): string {
  return example.values.join(' ');
}

/**
 * The ideal memory before the first chunk and after each: [chunks + 1]. One slot for each queried key in order: `anna
 * ?` (nothing known), `anna > nora ?` (the link is known), `anna oslo` (done). Facts about bridges whose link has not
 * come yet follow after `;` in the order of the queries: `anna ? ben rome ; nora oslo`.
 */
export function idealMemories(example: MiniExample): string[] {
  const known = new Map<string, string>();
  const memories = [memoryOf(example, known)];
  for (const chunk of example.chunks) {
    for (const fact of chunk) if (fact.relevant) known.set(fact.key, fact.value);
    memories.push(memoryOf(example, known));
  }
  return memories;
}

function memoryOf(example: MiniExample, known: ReadonlyMap<string, string>): string {
  const slots: string[] = [];
  const kept: string[] = [];
  example.keys.forEach((key, at) => {
    const bridge = example.bridges[at];
    const own = known.get(key);
    const far = bridge === undefined ? own : known.get(bridge);
    if (own !== undefined && far !== undefined) slots.push(`${key} ${far}`);
    else if (own !== undefined) slots.push(`${key} ${MINI_LINK} ${own} ${MINI_OPEN}`);
    else {
      slots.push(`${key} ${MINI_OPEN}`);
      if (far !== undefined) kept.push(`${MINI_KEPT} ${bridge} ${far}`);
    }
  });
  return [...slots, ...kept].join(' ');
}

/** Share in [0, 1] of the queried keys whose slot in `memory` is the ideal one after `chunksRead` chunks. */
export function slotAccuracy(example: MiniExample, chunksRead: number, memory: string): number {
  const found = slotsOf(example, memory);
  const wanted = slotsOf(example, idealMemories(example)[chunksRead]);
  const right = example.keys.filter((key) => found.get(key) === wanted.get(key));
  return right.length / example.keys.length;
}

/** What follows each queried key, up to the next one or the kept facts. The first slot of a key counts. */
function slotsOf(example: MiniExample, memory: string): Map<string, string> {
  const slots = new Map<string, string>();
  let key: string | undefined;
  for (const word of memory.split(/\s+/)) {
    if (word === MINI_KEPT) break;
    if (example.keys.includes(word)) {
      key = slots.has(word) ? undefined : word;
      if (key !== undefined) slots.set(key, '');
    } else if (key !== undefined) {
      slots.set(key, `${slots.get(key)} ${word}`);
    }
  }
  return slots;
}

/** The example as an ordinary record with one document for each fact; render it with `plainRenderer`. */
export function toRecord(example: MiniExample): QuestionRecord {
  return {
    id: `mini-${example.seed}-${example.index}`,
    source: 'mini',
    question: miniQuestion(example),
    answers: [miniAnswer(example)],
    documents: example.chunks.flat().map(({ key, value, relevant }) => ({ text: `${key} ${value}`, relevant })),
  };
}

/**
 * The examples of a seed as records, made one by one.
 * @throws DataError as `miniExample`, at once.
 */
export function miniRecords(task: MiniTaskOptions, seed: number, count: number): Iterable<QuestionRecord> {
  checked(task);
  function* records(): Generator<QuestionRecord> {
    for (let index = 0; index < count; index++) yield toRecord(miniExample(task, seed, index));
  }
  return records();
}

function checked(options: MiniTaskOptions): Required<MiniTaskOptions> {
  const { chunks = 4, factsPerChunk = 6, queries = 3, chained = 0 } = options;
  for (const [name, value] of Object.entries({ chunks, factsPerChunk, queries })) {
    if (!Number.isInteger(value) || value < 1) {
      throw new DataError('invalid-argument', `Mini task: ${name} is ${value}, expected a whole number of at least 1.`);
    }
  }
  if (!(chained >= 0 && chained <= 1)) {
    throw new DataError('invalid-argument', `Mini task: chained is ${chained}, expected a share from 0 to 1.`);
  }
  const most = chained > 0 ? MINI_BRIDGES.length : MINI_NAMES.length - 1;
  if (queries > most) {
    throw new DataError(
      'invalid-argument',
      `Mini task: queries is ${queries}, expected at most ${most}${chained > 0 ? ' with chains' : ''}.`,
    );
  }
  const needed = chained > 0 ? 2 * queries : queries;
  if (needed > chunks * factsPerChunk) {
    throw new DataError(
      'invalid-argument',
      `Mini task: ${queries} queries need up to ${needed} facts, but ${chunks} chunks of ${factsPerChunk} hold ${chunks * factsPerChunk}. Ask for fewer keys or use more facts.`,
    );
  }
  return { chunks, factsPerChunk, queries, chained };
}
