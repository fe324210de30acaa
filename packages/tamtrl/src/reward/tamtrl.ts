/**
 * TAMTRL (arXiv 2603.21663): a memory update is scored by how likely a teacher finds it that reads only the relevant
 * part of the chunk. The teacher is the policy itself, an average or an early copy of it, or another policy; nothing is
 * sampled.
 */
import { z } from 'zod';
import { memoryBefore } from '../memory/trajectory.js';
import type { ScoreRow } from '../policy/types.js';
import { RewardError } from './errors.js';
import { byTurn, type RolloutGroup } from './group.js';
import type { MethodContext, MethodResult, OptionValues, RewardMethod } from './method.js';
import { normalizationOptions, normalizeScores } from './score-normalization.js';

const options = {
  /** Divide the log-probability of a memory by its number of tokens. */
  lengthNormalize: z.boolean().default(true),
  ...normalizationOptions,
  scale: z.enum(['logprob', 'prob']).default('logprob'),
};

export const tamtrl = {
  name: 'tamtrl',
  summary: 'teacher alignment: likelihood of each memory for a teacher that reads only what is relevant',
  documentation:
    'TAMTRL (arXiv 2603.21663): p_t = (1 / |M_t+1|) sum_j log pi(m_j | q, M_t, C_t, m_<j), the log-likelihood of the memory \
that the student wrote under a teacher that reads the filtered chunk C_t.',
  options,
  requires: { score: true, relevance: true },
  turnScores: scoreWithTeacher,
} satisfies RewardMethod<typeof options>;

async function scoreWithTeacher(
  groups: readonly RolloutGroup[],
  context: MethodContext<typeof options>,
): Promise<MethodResult> {
  const { temperature, signal } = context;
  const { policy, weights } = context.teacher ?? { policy: context.policy };
  const rows = groups.flatMap((group) => teacherRows(group, context));
  const scored = await policy.score(rows, { temperature, weights, signal });
  const likelihoods = scored.map(({ logProbabilities }) => teacherScore(logProbabilities, context.options));
  const mean = likelihoods.length === 0 ? 0 : likelihoods.reduce((a, b) => a + b, 0) / likelihoods.length;
  return {
    scores: normalizeScores(byTurn(groups, likelihoods), context.options),
    tokens: rows.reduce((sum, row) => sum + row.promptIds.length + row.completionIds.length, 0),
    metrics: { teacher_score: mean },
  };
}

/**
 * The student's memories as completions of the teacher's prompts (q, M_t, C_t), one row a memory turn.
 * @throws RewardError `requirement` without relevance marks; `shape` if a rollout has more turns than filtered chunks.
 */
export function teacherRows(
  group: RolloutGroup,
  { frames, budgets }: Pick<MethodContext, 'frames' | 'budgets'>,
): ScoreRow[] {
  const { filteredChunks } = group;
  if (!filteredChunks) {
    throw new RewardError(
      'requirement',
      `${JSON.stringify(group.id)} has no relevance marks, which teacher alignment needs.`,
    );
  }
  // What stands between the marked parts can cost a token more than what it replaces, and the window has no room beyond
  // the budget.
  const filtered = filteredChunks.map((text) => frames.filteredChunk(text).slice(0, budgets.chunkTokens));
  return group.trajectories.flatMap((trajectory) =>
    trajectory.turns.flatMap((turn, index) => {
      if (turn.kind === 'answer') return [];
      if (filtered[index] === undefined) {
        throw new RewardError(
          'shape',
          `Rollout ${trajectory.sample} of ${JSON.stringify(group.id)} read more chunks than the ${filtered.length} that were filtered.`,
        );
      }
      const promptIds = frames.update(trajectory.questionIds, memoryBefore(trajectory, index), filtered[index]);
      return [{ promptIds, completionIds: turn.outputIds }];
    }),
  );
}

/**
 * p_t = sum_j log pi(m_j | q, M_t, C_t, m_<j), divided by the number of tokens with `lengthNormalize`; exp of it with
 * the scale `prob`. Nothing written has probability 1.
 */
export function teacherScore(
  logProbabilities: readonly number[],
  { lengthNormalize, scale }: Pick<OptionValues<typeof options>, 'lengthNormalize' | 'scale'>,
): number {
  const sum = logProbabilities.reduce((a, b) => a + b, 0);
  const score = lengthNormalize && logProbabilities.length > 0 ? sum / logProbabilities.length : sum;
  return scale === 'prob' ? Math.exp(score) : score;
}
