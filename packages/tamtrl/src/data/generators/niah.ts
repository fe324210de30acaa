/** RULER's eight needle-in-a-haystack tasks (arXiv 2404.06654), with our own wording. */

import { SeededRandom } from '../../base/random.js';
import type { Tokenizer } from '../../text/tokenizer.js';
import type { StreamedRecord } from '../files/writer.js';
import { depths, scatter } from './scatter.js';
import { essaySentence, NOISE, number7, uuid, wordKey } from './vocabulary.js';

interface NiahTask {
  haystack: 'noise' | 'essay' | 'needles';
  key: 'word' | 'uuid';
  value: 'number' | 'uuid';
  /** Number of keys in the text, of values for each key, and of keys in the question. */
  keys: number;
  values: number;
  queries: number;
}

const one = { keys: 1, values: 1, queries: 1 };

export const NIAH_TASKS = {
  niah_single_1: { haystack: 'noise', key: 'word', value: 'number', ...one },
  niah_single_2: { haystack: 'essay', key: 'word', value: 'number', ...one },
  niah_single_3: { haystack: 'essay', key: 'word', value: 'uuid', ...one },
  niah_multikey_1: { haystack: 'essay', key: 'word', value: 'number', ...one, keys: 4 },
  niah_multikey_2: { haystack: 'needles', key: 'word', value: 'number', ...one },
  niah_multikey_3: { haystack: 'needles', key: 'uuid', value: 'uuid', ...one },
  niah_multivalue: { haystack: 'essay', key: 'word', value: 'number', ...one, values: 4 },
  niah_multiquery: { haystack: 'essay', key: 'word', value: 'number', keys: 4, values: 1, queries: 4 },
} as const satisfies Record<string, NiahTask>;

export type NiahName = keyof typeof NIAH_TASKS;

export interface SyntheticOptions {
  tokenizer: Tokenizer;
  /** Length of the text. */
  tokens: number;
  seed: number;
  /** Number of the record; each has its own needles and depths. */
  index: number;
  /** Sentences for haystacks of essays, repeated as needed; default: generated ones. */
  haystack?: readonly string[];
}

/** One record. All its answers are wanted. */
export function niah(name: NiahName, options: SyntheticOptions): StreamedRecord {
  const task: NiahTask = NIAH_TASKS[name];
  const { tokenizer, tokens, seed, index } = options;
  const random = new SeededRandom(name, seed, index);
  const what = task.value === 'number' ? 'number' : 'uuid';
  const used = new Set<string>();
  const fresh = (make: (random: SeededRandom) => string): string => {
    let value = make(random);
    while (used.has(value)) value = make(random);
    used.add(value);
    return value;
  };
  const newKey = () => fresh(task.key === 'word' ? wordKey : uuid);
  const newValue = () => fresh(task.value === 'number' ? number7 : uuid);
  const sentence = (key: string, value: string) => `The magic ${what} of ${key} is ${value}.`;

  const keys = Array.from({ length: task.keys }, newKey);
  const values = keys.map(() => Array.from({ length: task.values }, newValue));
  const asked = random.shuffled(keys.map((_, at) => at)).slice(0, task.queries);
  const pairs = keys.flatMap((key, at) => values[at].map((value) => ({ key, value, relevant: asked.includes(at) })));
  const places = depths(pairs.length, random);
  const needles = pairs.map(({ key, value, relevant }, at) => ({
    text: sentence(key, value),
    depth: places[at],
    relevant,
  }));

  const taken = new Set([...keys, ...values.flat()]);
  /** Distractor keys may occur twice, but keys and values that the answer needs may not. */
  const other = (make: (random: SeededRandom) => string, from: SeededRandom): string => {
    let value = make(from);
    while (taken.has(value)) value = make(from);
    return value;
  };
  // Each reading has its own random stream, so that the text is the same however often it is read.
  const fillerOf = (): (() => string) => {
    const own = new SeededRandom(name, seed, index, 'haystack');
    let at = 0;
    if (task.haystack === 'noise') return () => NOISE[at++ % NOISE.length];
    if (task.haystack === 'needles') {
      const [key, value] = [task.key === 'word' ? wordKey : uuid, task.value === 'number' ? number7 : uuid];
      return () => sentence(other(key, own), other(value, own));
    }
    const { haystack } = options;
    if (haystack && haystack.length > 0) {
      at = own.integer(haystack.length);
      return () => haystack[at++ % haystack.length];
    }
    return () => essaySentence(own);
  };
  let filler = fillerOf();
  const scattered = scatter({ tokenizer, tokens, needles, filler: () => filler() });
  const names = asked.map((at) => keys[at]);
  const list = names.length > 1 ? `${names.slice(0, -1).join(', ')} and ${names.at(-1)}` : names[0];
  const many = task.values * task.queries > 1;
  return {
    id: `${name}-${tokens}-${seed}-${index}`,
    source: `ruler/${name}`,
    question: many
      ? `What are all the magic ${what}s of ${list} in the text?`
      : `What is the magic ${what} of ${list} in the text?`,
    answers: asked.flatMap((at) => values[at]),
    answersWanted: 'all',
    metric: 'string_match_all',
    text: {
      *[Symbol.iterator]() {
        filler = fillerOf();
        yield* scattered.text;
      },
    },
    evidence: scattered.evidence,
  };
}
