/**
 * What a process reward model looks at: how the words of a memory relate to those of the question and of the evidence
 * read so far. That needs no language model, and the gold answer is not in it.
 */

import { contentWords } from '../data/facts.js';
import { meanOf } from '../memory/statistics.js';
import { wordsOf } from '../text/bm25.js';
import { type Evidence, evidenceOf, pairsOf } from './evidence.js';

/** A memory to judge. */
export interface MemoryCase {
  question: string;
  /** What each chunk so far said that matters, in order; empty if it said nothing. */
  evidence: readonly string[];
  memory: string;
}

/** Words after a word of the question in which its value is looked for. */
const VALUE_WINDOW = 3;

/**
 * Features of each memory: [N][F], most of them shares in [0, 1]. Evidence that cases of one question share as one
 * object is split once.
 */
export function memoryFeatures(cases: readonly MemoryCase[]): number[][] {
  const known = new Map<readonly string[], Evidence>();
  return cases.map(({ question, evidence, memory }) => {
    const found = known.get(evidence) ?? evidenceOf(question, evidence);
    known.set(evidence, found);
    return featuresOf(memory, found);
  });
}

function featuresOf(memory: string, evidence: Evidence): number[] {
  const words = wordsOf(memory);
  const held = new Set(words);
  const share = (needed: Iterable<string>) => shareOf(needed, (word) => held.has(word));
  const added = [...new Set(contentWords(memory))].filter((word) => !evidence.asked.has(word));
  const recall = share(evidence.words);
  const names = share(evidence.names);
  const numbers = share(evidence.numbers);
  const nearest = evidence.nearest.slice(0, 3).map(share);
  // Of each chunk's sentences the one that the memory has most of.
  const passages = evidence.passages.map((sentences) => Math.max(...sentences.map(share)));
  const passage = meanOf(passages, (best) => best);
  const { bound, invented } = bindings(words, evidence);
  const loose = evidence.loose.length === 0 ? 1 : share(evidence.loose);
  return [
    recall,
    Math.sqrt(recall),
    names,
    numbers,
    share(evidence.bridges),
    nearest[0] ?? 0,
    meanOf(nearest, (value) => value),
    passage,
    Math.max(0, ...passages),
    passages.length === 0 ? 0 : Math.min(...passages),
    passages.at(-1) ?? 0,
    meanOf(passages, (best) => Number(best > 0.5)),
    shareOf(added, (word) => evidence.words.has(word)),
    Number(added.length === 0),
    shareOf(pairsOf(words), (pair) => evidence.pairs.has(pair)),
    bound,
    invented,
    loose,
    Number(bound === 1 && invented === 0 && loose === 1),
    evidence.asksNumber ? numbers : names,
    evidence.closed ? passage : 0,
    Math.log1p(words.length),
    Math.log1p(passages.length),
  ];
}

/**
 * Shares of the words of the question: of those that the evidence leads on from, how many stand in the memory before
 * the word that it leads to (`bound`); of all, how many have something after them that the evidence does not tell.
 */
function bindings(words: readonly string[], { ends, asked }: Evidence): { bound: number; invented: number } {
  const values = (key: string) => {
    const at = words.indexOf(key);
    const after = at < 0 ? [] : words.slice(at + 1, at + 1 + VALUE_WINDOW);
    const until = after.findIndex((word) => asked.has(word));
    return until < 0 ? after : after.slice(0, until);
  };
  return {
    bound: ends.size === 0 ? 1 : shareOf(ends, ([key, end]) => values(key).includes(end)),
    invented: shareOf(asked, (key) => !ends.has(key) && values(key).length > 0),
  };
}

/** 0 of none. */
function shareOf<T>(items: Iterable<T>, counts: (item: T) => boolean): number {
  return meanOf([...items], (item) => Number(counts(item)));
}
