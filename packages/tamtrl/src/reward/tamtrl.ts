/**
 * TAMTRL (arXiv 2603.21663): a memory update is scored by how likely a teacher finds it that reads only the relevant
 * part of the chunk. The teacher is the policy itself, an average or an early copy of it, or another policy; nothing is
 * sampled.
 */
import { z } from 'zod';
import { memoryBefore, memoryTurns } from '../memory/trajectory.js';
import { carriedSpan } from '../memory/turn.js';
import type { ScoreRow } from '../policy/types.js';
import { meanOf } from './answer-potential.js';
import { byTurn, filteredChunksOf, type RolloutGroup } from './group.js';
import type { MethodContext, MethodResult, OptionValues, RewardMethod } from './method.js';
import { normalizationOptions, normalizeScores } from './score-normalization.js';
import { scoredByTeacher } from './teacher.js';

const options = {
  /** Divide the sum over the tokens of a memory by their number. */
  lengthNormalize: z.boolean().default(true),
  ...normalizationOptions,
  /**
   * What is summed over the tokens: their probabilities (`mean-prob`, Eq. 4) or their log-probabilities (`logprob`;
   * `prob` is exp of the result, with length normalisation the geometric mean).
   */
  scale: z.enum(['mean-prob', 'logprob', 'prob']).default('mean-prob'),
  /** Which tokens count: those of the memory, or all that was written, thoughts and stop token included. */
  scoreSpan: z.enum(['memory', 'all']).default('memory'),
  /**
   * Ours: the student's own score of the memory, from the whole chunk, is subtracted. What it writes in any case, such
   * as a kept memory, then scores 0, and what the teacher finds likelier than the student more than that.
   */
  contrast: z.boolean().optional(),
  /** What the teacher reads of the document: what is relevant in the turn's chunk, or in all chunks together. */
  teacherReads: z.enum(['chunk', 'document']).default('chunk'),
};

export const tamtrl = {
  name: 'tamtrl',
  summary: 'teacher alignment: likelihood of each memory for a teacher that reads only what is relevant',
  documentation:
    'TAMTRL (arXiv 2603.21663, Eq. 4): p_t = (1 / |M_t+1|) sum_j pi(m_j | q, M_t, C_t, m_<j), the mean probability of the \
tokens of the memory that the student wrote, for a teacher that reads the filtered chunk C_t.',
  options,
  requires: { score: true, relevance: true },
  turnScores: scoreWithTeacher,
} satisfies RewardMethod<typeof options>;

async function scoreWithTeacher(
  groups: readonly RolloutGroup[],
  context: MethodContext<typeof options>,
): Promise<MethodResult> {
  const rows = groups.flatMap((group) => teacherRows(group, context, context.options.teacherReads));
  const { scored, tokens } = await scoredByTeacher(rows, context);
  const spans = groups.flatMap((group) => memorySpans(group, context));
  const ofSpan = (logProbabilities: readonly number[], row: number) =>
    teacherScore(logProbabilities.slice(spans[row].start, spans[row].end), context.options);
  const likelihoods = scored.map(({ logProbabilities }, row) => ofSpan(logProbabilities, row));
  const turns = context.options.contrast ? groups.flatMap((group) => group.trajectories.flatMap(memoryTurns)) : [];
  const contrasts = turns.map(({ logProbabilities }, row) =>
    contrastOf(likelihoods[row], ofSpan(logProbabilities, row)),
  );
  return {
    scores: normalizeScores(byTurn(groups, context.options.contrast ? contrasts : likelihoods), context.options),
    teacherLogProbabilities: byTurn(
      groups,
      scored.map(({ logProbabilities }) => logProbabilities),
    ),
    tokens,
    metrics: {
      teacher_score: meanOf(likelihoods),
      ...(context.options.contrast && { teacher_contrast: meanOf(contrasts) }),
    },
  };
}

/** 0 where a server does not tell how likely the student found what it wrote. */
const contrastOf = (teacher: number, student: number) => (Number.isFinite(student) ? teacher - student : 0);

/**
 * The student's memories as completions of the teacher's prompts (q, M_t, C_t), one row a memory turn.
 * @throws RewardError `requirement` without relevance marks; `shape` if a rollout has more turns than filtered chunks.
 */
export function teacherRows(
  group: RolloutGroup,
  { frames, budgets }: Pick<MethodContext, 'frames' | 'budgets'>,
  teacherReads: OptionValues<typeof options>['teacherReads'] = 'chunk',
): ScoreRow[] {
  const filteredChunks = filteredChunksOf(group, 'teacher alignment');
  const everything = filteredChunks.filter((text) => text !== '').join('\n');
  const texts = teacherReads === 'document' ? filteredChunks.map(() => everything) : filteredChunks;
  // The text between the marked parts can take a token more than what it replaces, and the window has no room beyond
  // the budget.
  const filtered = texts.map((text) => frames.filteredChunk(text).slice(0, budgets.chunkTokens));
  return group.trajectories.flatMap((trajectory) =>
    trajectory.turns.flatMap((turn, index) => {
      if (turn.kind === 'answer') return [];
      const promptIds = frames.update(trajectory.questionIds, memoryBefore(trajectory, index), filtered[index]);
      return [{ promptIds, completionIds: turn.outputIds }];
    }),
  );
}

/** Which tokens of each memory turn's output count, row by row as in `teacherRows`. */
function memorySpans(
  group: RolloutGroup,
  { policy, options: { scoreSpan } }: Pick<MethodContext<typeof options>, 'policy' | 'options'>,
): { start: number; end: number }[] {
  return group.trajectories.flatMap((trajectory) =>
    memoryTurns(trajectory).map((turn) => {
      const all = { start: 0, end: turn.outputIds.length };
      if (scoreSpan === 'all') return all;
      const span = carriedSpan(turn, policy);
      // Where nothing is carried on, what was written is all there is to judge.
      return span.end > span.start ? span : all;
    }),
  );
}

/**
 * p_t of the tokens that count. `mean-prob`: sum_j pi(m_j | q, M_t, C_t, m_<j); `logprob`: the same sum of log pi;
 * either divided by the number of tokens with `lengthNormalize`. `prob`: exp of `logprob`. Nothing written has
 * probability 1.
 */
export function teacherScore(
  logProbabilities: readonly number[],
  { lengthNormalize, scale }: Pick<OptionValues<typeof options>, 'lengthNormalize' | 'scale'>,
): number {
  const count = logProbabilities.length;
  if (count === 0) return scale === 'logprob' ? 0 : 1;
  const values = scale === 'mean-prob' ? logProbabilities.map(Math.exp) : logProbabilities;
  const sum = values.reduce((a, b) => a + b, 0);
  const score = lengthNormalize ? sum / count : sum;
  return scale === 'prob' ? Math.exp(score) : score;
}
