/**
 * TAMTRL (arXiv 2603.21663): a memory update is scored by how likely a teacher finds it that reads only the relevant part of the
 * chunk. The teacher is the policy itself, an average or an early copy of it, or another policy; nothing is sampled.
 */
import type { ScoreRow } from '@tamtrl/engine';
import { memoryBefore } from '../memory/trajectory.js';
import { RewardError } from './errors.js';
import { byTurn, type MethodContext, type MethodResult, type RewardMethod, type RolloutGroup } from './method.js';
import { minMaxScores } from './score-normalization.js';

export const teacherAlignment: RewardMethod = {
  name: 'tamtrl',
  summary: 'teacher alignment: likelihood of each memory for a teacher that reads only what is relevant',
  requires: { score: true, relevance: true },
  turnScores: scoreWithTeacher,
};

async function scoreWithTeacher(groups: readonly RolloutGroup[], context: MethodContext): Promise<MethodResult> {
  const { options, temperature, signal } = context;
  const { policy, weights } = context.teacher ?? { policy: context.policy };
  const rows = groups.flatMap((group) => teacherRows(group, context));
  const scored = await policy.score(rows, { temperature, weights, signal });
  const likelihoods = scored.map(({ logProbabilities }) => teacherScore(logProbabilities, options));
  const raw = byTurn(groups, likelihoods);
  const mean = likelihoods.length === 0 ? 0 : likelihoods.reduce((a, b) => a + b, 0) / likelihoods.length;
  return {
    scores: options.minmax ? minMaxScores(raw, options.scope) : raw,
    rows: rows.length,
    tokens: rows.reduce((sum, row) => sum + row.promptIds.length + row.completionIds.length, 0),
    metrics: { teacher_score: mean },
  };
}

/** The student's memories as completions of the teacher's prompts (q, M_t, C_t), one row a memory turn. */
export function teacherRows(group: RolloutGroup, { frames, chunkTokens }: MethodContext): ScoreRow[] {
  const { filteredChunks } = group;
  if (!filteredChunks) {
    throw new RewardError(
      'requirement',
      `${JSON.stringify(group.id)} has no relevance marks, which teacher alignment needs.`,
    );
  }
  // Text put between marked parts can cost a token more than what it replaces; the window has no room for more than the budget.
  const filtered = filteredChunks.map((text) => frames.filteredChunk(text).slice(0, chunkTokens));
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
 * p_t = sum_j log pi(m_j | q, M_t, C_t, m_<j), divided by the number of tokens if `lengthNormalize`; as a probability if `scale`
 * says so. Nothing written has probability 1.
 */
export function teacherScore(
  logProbabilities: readonly number[],
  options: { lengthNormalize: boolean; scale: 'logprob' | 'prob' },
): number {
  const sum = logProbabilities.reduce((a, b) => a + b, 0);
  const score = options.lengthNormalize && logProbabilities.length > 0 ? sum / logProbabilities.length : sum;
  return options.scale === 'prob' ? Math.exp(score) : score;
}
