/**
 * A process reward model: a classifier that decides, from the question, the evidence so far and a memory, whether the
 * memory holds what is needed. Its probability is the turn's score. prm.ts trains one for a run.
 */
import { meanOf } from '../memory/statistics.js';
import type { Tokenizer } from '../text/tokenizer.js';
import { RewardError } from './errors.js';
import { byTurn, filteredChunksOf, type RolloutGroup } from './group.js';
import { LogisticRegression } from './logistic-regression.js';
import { type MemoryCase, memoryFeatures } from './memory-features.js';
import type { MethodResult } from './method.js';

export interface LabelledMemory extends MemoryCase {
  /** Memory turn, from 0. */
  turn: number;
  good: boolean;
}

export interface Accuracy {
  memories: number;
  /** Share of the memories that get the right label: of all, of the good ones, of the bad ones; NaN of none. */
  all: number;
  good: number;
  bad: number;
  /** Share of the more frequent label: what always saying it would get right. */
  majority: number;
  /**
   * Probability that a good memory scores above a bad one (area under the ROC curve), ties half; NaN without either.
   */
  auc: number;
}

export interface Balance {
  good: number;
  bad: number;
  /** The same for each turn that occurs, rising. */
  turns: { turn: number; good: number; bad: number }[];
}

/** How many memories have each label. */
export function balanceOf(samples: readonly LabelledMemory[]): Balance {
  const count = (of: readonly LabelledMemory[]) => {
    const good = of.filter((sample) => sample.good).length;
    return { good, bad: of.length - good };
  };
  const numbers = [...new Set(samples.map(({ turn }) => turn))].sort((a, b) => a - b);
  const turns = numbers.map((turn) => ({ turn, ...count(samples.filter((sample) => sample.turn === turn)) }));
  return { ...count(samples), turns };
}

/**
 * Score of a memory before anything that matters has been read: nothing needed can be held or lost yet, so every
 * memory, empty or full of junk, gets the same, and it is what the model says where it cannot tell.
 */
export const NEUTRAL = 0.5;

export class ProcessRewardModel {
  readonly #classifier: LogisticRegression;

  /** @throws RewardError `labels` if all memories are good, or all bad. */
  constructor(samples: readonly LabelledMemory[]) {
    const { good, bad } = balanceOf(samples);
    if (good === 0 || bad === 0) {
      throw new RewardError(
        'labels',
        `A process reward model needs good and bad memories to learn from; found ${good} good and ${bad} bad.`,
      );
    }
    const labels = samples.map((sample) => sample.good);
    this.#classifier = new LogisticRegression(memoryFeatures(samples), labels);
  }

  /** Probability that each memory is good; `NEUTRAL` if there is no evidence. */
  probabilities(cases: readonly MemoryCase[]): number[] {
    const features = memoryFeatures(cases);
    return cases.map((memory, at) => (hasEvidence(memory) ? this.#classifier.probability(features[at]) : NEUTRAL));
  }

  accuracy(samples: readonly LabelledMemory[]): Accuracy {
    const probabilities = this.probabilities(samples);
    const scored = samples.map(({ good }, at) => ({ good, score: probabilities[at] }));
    const right = (of: typeof scored) => of.filter(({ good, score }) => good === score > 0.5).length / of.length;
    const good = scored.filter((sample) => sample.good);
    const bad = scored.filter((sample) => !sample.good);
    return {
      memories: scored.length,
      all: right(scored),
      good: right(good),
      bad: right(bad),
      majority: Math.max(good.length, bad.length) / scored.length,
      auc: areaUnderCurve(
        good.map(({ score }) => score),
        bad.map(({ score }) => score),
      ),
    };
  }

  /** The score of a memory turn is the probability that its memory is good. */
  scoreGroups(groups: readonly RolloutGroup[], tokenizer: Tokenizer): MethodResult {
    const scores = this.probabilities(groups.flatMap((group) => casesOf(group, tokenizer)));
    return { scores: byTurn(groups, scores), metrics: { process_reward: meanOf(scores, (score) => score) } };
  }
}

function casesOf(group: RolloutGroup, tokenizer: Tokenizer): MemoryCase[] {
  const { question, trajectories } = group;
  const filteredChunks = filteredChunksOf(group, 'the method prm');
  const evidence = filteredChunks.map((_, turn) => filteredChunks.slice(0, turn + 1));
  return trajectories.flatMap(({ turns }) =>
    turns.flatMap(({ kind, memoryIds }, turn) => {
      if (kind === 'answer') return [];
      const memory = tokenizer.decode(memoryIds, { skipSpecialTokens: true });
      return [{ question, evidence: evidence[turn], memory }];
    }),
  );
}

function hasEvidence({ evidence }: MemoryCase): boolean {
  return evidence.some((text) => text.trim() !== '');
}

/** Mann and Whitney's statistic over the number of pairs. */
function areaUnderCurve(good: readonly number[], bad: readonly number[]): number {
  const all = [...good.map((score) => ({ score, good: true })), ...bad.map((score) => ({ score, good: false }))];
  all.sort((a, b) => a.score - b.score);
  let wins = 0;
  let below = 0;
  for (let at = 0; at < all.length; ) {
    let end = at;
    let goodHere = 0;
    while (end < all.length && all[end].score === all[at].score) goodHere += Number(all[end++].good);
    const badHere = end - at - goodHere;
    wins += goodHere * (below + badHere / 2);
    below += badHere;
    at = end;
  }
  return wins / (good.length * bad.length);
}
