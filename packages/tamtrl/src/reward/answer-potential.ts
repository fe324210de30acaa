/**
 * How likely a memory makes the gold answer, for the methods that reward memories by it:
 *
 *     Phi(M) = max over gold answers a of (1 / |a|) sum_j log pi(a_j | q, M, a_<j)
 *
 * read from the prompt that asks for the answer, in the words of the prompt format and with the stop token. Ours: the
 * best of several gold answers, chosen for each memory; where all of them are wanted, they are one answer, in the order
 * of the record with commas between.
 */
import { memoryTurns } from '../memory/trajectory.js';
import type { ScoreRow } from '../policy/types.js';
import { RewardError } from './errors.js';
import type { RolloutGroup } from './group.js';
import type { MethodContext } from './method.js';
import { scoredByTeacher } from './teacher.js';

export interface AnswerPotentials {
  /** Phi of the first memory, and of that after each memory turn: [groups][G][T_i + 1]. */
  phi: number[][][];
  /** Tokens that were read for it. */
  tokens: number;
}

type Context = Pick<MethodContext, 'policy' | 'teacher' | 'frames' | 'budgets' | 'temperature' | 'signal'>;

/**
 * The likelihoods count under the teacher's weights. Of the memories of a rollout, `lastOnly` reads the first and the
 * last; the others get NaN.
 * @param method named in the error
 * @throws RewardError `requirement` if a question has no gold answer.
 */
export async function answerPotentials(
  groups: readonly RolloutGroup[],
  context: Context,
  method: string,
  { lastOnly = false } = {},
): Promise<AnswerPotentials> {
  const questions = groups.map((group) => questionOf(group, context, method, lastOnly));
  const rows = questions.flatMap((question) => question.rows);
  const { scored, tokens } = await scoredByTeacher(rows, context);
  const means = scored.map(({ logProbabilities }) => meanOf(logProbabilities));
  let from = 0;
  const phi = questions.map(({ rows, states, answers }) => {
    const own = means.slice(from, from + rows.length);
    from += rows.length;
    const best = (at: number) => Math.max(...own.slice(at * answers, (at + 1) * answers));
    return states.map((numbers) => numbers.map((at) => (at === undefined ? Number.NaN : best(at))));
  });
  return { phi, tokens };
}

/** What is scored for a group. Rollouts share memories, the first one above all; each is scored once. */
interface Question {
  /** Of each different memory, one row for every gold answer: [memories x answers]. */
  rows: ScoreRow[];
  answers: number;
  /** Number among the different memories of the first memory and of that after each memory turn: [G][T_i + 1]. */
  states: (number | undefined)[][];
}

function questionOf(
  group: RolloutGroup,
  { frames, policy, budgets }: Context,
  method: string,
  lastOnly: boolean,
): Question {
  if (group.answers.length === 0) {
    throw new RewardError(
      'requirement',
      `${JSON.stringify(group.id)} has no gold answer, which the method ${method} needs.`,
    );
  }
  // The policy could not write more than its budget, and the window has no room for more.
  const targets = answersOf(group).map((answer) =>
    [...frames.tokenizer.encodeText(frames.format.answerTarget(answer)), ...policy.chat.stopIds.slice(0, 1)].slice(
      0,
      budgets.answerTokens,
    ),
  );
  const numbers = new Map<string, number>();
  const rows: ScoreRow[] = [];
  const states = group.trajectories.map((trajectory) => {
    const memories = [trajectory.initialMemoryIds, ...memoryTurns(trajectory).map(({ memoryIds }) => memoryIds)];
    return memories.map((memory, at) => {
      if (lastOnly && at > 0 && at < memories.length - 1) return undefined;
      const key = memory.join();
      const known = numbers.get(key);
      if (known !== undefined) return known;
      const promptIds = frames.answer(trajectory.questionIds, memory);
      rows.push(...targets.map((completionIds) => ({ promptIds, completionIds })));
      numbers.set(key, numbers.size);
      return numbers.size - 1;
    });
  });
  return { rows, answers: targets.length, states };
}

/** A memory that gives one of several answers that belong together must not count as one that gives them all. */
function answersOf({ answers, answersWanted }: RolloutGroup): readonly string[] {
  return answersWanted === 'all' ? [answers.join(', ')] : answers;
}

/** 0 of nothing. */
export function meanOf(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((a, b) => a + b, 0) / values.length;
}

/** Means over rollouts for a step's metrics: Phi of the last memory, and its gain over the first. */
export function potentialMetrics(phi: AnswerPotentials['phi']): Record<string, number> {
  const ends = phi.flat().map((values) => ({ first: values[0], last: values[values.length - 1] }));
  return {
    answerLogLikelihood: meanOf(ends.map(({ last }) => last)),
    informationGain: meanOf(ends.map(({ first, last }) => last - first)),
  };
}
