/**
 * Memories of known make, good and bad, to teach a process reward model with: put together from what a question's
 * documents say, without a language model. A policy's own memories would be nearer to what is judged, but cost a
 * rollout of the training questions at every start, and those of an untrained policy are nearly all bad.
 */
import { SeededRandom } from '../base/random.js';
import type { Example } from '../data/examples.js';
import { splitSentences } from '../text/sentences.js';
import type { Tokenizer } from '../text/tokenizer.js';

/** How a memory is made. `complete`, `padded`, `partial`, `older`, `cut` and `changed` start from what is needed. */
export const MEMORY_KINDS = [
  'complete',
  'padded',
  'partial',
  'older',
  'cut',
  'changed',
  'unrelated',
  'irrelevant',
  'empty',
] as const;
export type MemoryKind = (typeof MEMORY_KINDS)[number];

export interface ComposedMemory {
  kind: MemoryKind;
  /** Memory turn, from 0. */
  turn: number;
  memory: string;
}

/** Of a long document some turns do, so that the number of memories grows with the questions alone. */
const MOST_TURNS = 8;

/**
 * Memories of one question after turns by which something needed has been read (up to eight such turns, drawn by the
 * seed), one of each kind that can be made: complete (every fact so far, or the ideal memory where the task knows it),
 * padded (with irrelevant sentences between), partial (facts left out), older (an earlier complete one), cut (its
 * beginning), changed (words replaced or exchanged), unrelated (the complete one of `other`), irrelevant (sentences of
 * the latest two chunks that are not facts), empty.
 */
export function composedMemories(
  example: Example,
  other: Example,
  tokenizer: Tokenizer,
  seed: number,
): ComposedMemory[] {
  const { chunks, quality, id } = example;
  const turns = chunks.map((_, turn) => turn).filter((turn) => quality?.(turn, '') !== undefined);
  const chosen = new SeededRandom('composed turns', seed, id).shuffled(turns).slice(0, MOST_TURNS);
  return chosen.sort((a, b) => a - b).flatMap((turn) => memoriesAfter(example, other, turn, tokenizer, seed));
}

function memoriesAfter(
  example: Example,
  other: Example,
  turn: number,
  tokenizer: Tokenizer,
  seed: number,
): ComposedMemory[] {
  const random = new SeededRandom('composed memories', seed, example.id, turn);
  const facts = factsAfter(example, turn);
  const complete = completeMemory(example, turn);
  const words = complete.split(' ');
  const noise = random.shuffled(irrelevantSentences(example, turn, tokenizer)).slice(0, 1 + random.integer(3));
  const strange = completeMemory(other, random.integer(other.chunks.length));
  const someFacts = () => random.shuffled(facts).slice(0, 1 + random.integer(facts.length - 1));
  const made: Record<MemoryKind, string | undefined> = {
    complete,
    padded: noise.length === 0 ? undefined : random.shuffled([...facts, ...noise]).join(' '),
    partial: facts.length < 2 ? undefined : someFacts().join(' '),
    older: turn === 0 ? undefined : completeMemory(example, random.integer(turn)),
    cut: words.slice(0, 1 + random.integer(words.length)).join(' '),
    changed: changed(words, [strange, ...noise].join(' ').split(' '), random),
    unrelated: strange,
    irrelevant: noise.length === 0 ? undefined : noise.join(' '),
    empty: '',
  };
  return MEMORY_KINDS.flatMap((kind) => {
    const memory = made[kind];
    return memory === undefined ? [] : [{ kind, turn, memory }];
  });
}

function factsAfter({ facts = [] }: Example, turn: number): string[] {
  return facts
    .filter((fact) => fact.turn <= turn)
    .map(({ title, text }) => (title === '' || text.includes(title) ? text : `${title}: ${text}`));
}

function completeMemory(example: Example, turn: number): string {
  return example.idealMemories?.[turn + 1] ?? factsAfter(example, turn).join(' ');
}

/** Of the latest chunks, which is where a policy's attention is. */
function irrelevantSentences(example: Example, turn: number, tokenizer: Tokenizer): string[] {
  return example.chunks.slice(Math.max(0, turn - 1), turn + 1).flatMap(({ ids }) => {
    const text = tokenizer.decode(ids, { skipSpecialTokens: true });
    return splitSentences(text)
      .map(({ start, end }) => text.slice(start, end))
      .filter(
        (sentence) => !example.facts?.some((fact) => fact.text.includes(sentence) || sentence.includes(fact.text)),
      );
  });
}

/** With about a third of the words replaced by others, or two of them exchanged. */
function changed(words: readonly string[], others: readonly string[], random: SeededRandom): string {
  const result = [...words];
  if (random.next() < 0.5) {
    const count = 1 + random.integer(Math.ceil(words.length / 3));
    for (let times = 0; times < count; times++) result[random.integer(words.length)] = random.pick(others);
  } else {
    const [first, second] = random.shuffled(words.map((_, at) => at));
    if (second !== undefined) [result[first], result[second]] = [result[second], result[first]];
  }
  return result.join(' ');
}
