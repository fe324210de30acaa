/**
 * A teacher token by token: each token of a memory has the advantage
 *
 *     c_j = log pi_teacher(m_j | q, M_t, C_t, m_<j) - log pi_student(m_j | q, M_t, D_t, m_<j),
 *
 * where the teacher reads only what is relevant in the chunk (C_t) and the student the whole chunk (D_t). Its policy
 * gradient is that of the reverse KL from student to teacher, estimated from the tokens that the student wrote. OPSDL
 * (arXiv 2604.17535) trains a long-context student in this way, with the same model on the relevant excerpts as its
 * teacher. SDPO (arXiv 2601.20802) mixes it with the outcome: lambda A_GRPO + (1 - lambda) c_j. Unlike TAMTRL's score,
 * the contrast is 0 for what the student writes in any case, such as copies of the old memory.
 *
 * `of: probabilities` (ours) compares probabilities instead, c_j = pi_teacher - pi_student. Its policy gradient is that
 * of half the squared distance of the two distributions. A log-ratio has no bound below: needless notes, which the
 * teacher all but excludes, then outweigh all else, and a model soon writes none (docs/babilong-training.md).
 *
 * Ours: OPSDL's loss takes the KL over the whole vocabulary, this is its estimate on one token, as in tinker-cookbook's
 * on-policy distillation; all that a turn writes counts, thoughts and stop token too; the answer turn has no teacher
 * and gets lambda A; a token whose log-probability a server does not tell gets 0. SDPO's teacher reads feedback and is
 * a moving average of the weights; this one reads the relevant text, with the weights that `teacher` names.
 */
import { z } from 'zod';
import { memoryTurns } from '../memory/trajectory.js';
import { meanOf } from './answer-potential.js';
import { byTurn, type RolloutGroup } from './group.js';
import type { MethodContext, MethodResult, RewardMethod } from './method.js';
import { teacherRows } from './tamtrl.js';
import { scoredByTeacher } from './teacher.js';

const options = {
  opsdl: z
    .strictObject({
      /** What is compared; default `log-probabilities`. */
      of: z.enum(['log-probabilities', 'probabilities']).optional(),
      /** lambda of SDPO: weight of the turn's advantage, beside 1 - lambda for the contrast; default 0. */
      outcomeWeight: z.number().min(0).max(1).optional(),
      /** Contrasts are cut off at this far from 0, in nats or probability; absent: they are not. */
      clip: z.number().positive().optional(),
      /** A token also gets the contrasts of the later tokens of its turn, each times this for every token between. */
      discount: z.number().min(0).max(1).optional(),
    })
    .optional(),
};

export const opsdl = {
  name: 'opsdl',
  summary: 'OPSDL: token by token, how much likelier a teacher finds it that reads only what is relevant',
  documentation:
    "OPSDL (arXiv 2604.17535) as a policy gradient: token j of a memory has the advantage c_j = log pi_teacher(m_j | q, M_t, C_t, m_<j) - \
log pi_student(m_j | q, M_t, D_t, m_<j). With `outcomeWeight` lambda it is SDPO's mixture (arXiv 2601.20802), lambda A + (1 - lambda) c_j.",
  options,
  requires: { score: true, relevance: true },
  perToken: true,
  turnScores: contrastWithTeacher,
} satisfies RewardMethod<typeof options>;

async function contrastWithTeacher(
  groups: readonly RolloutGroup[],
  context: MethodContext<typeof options>,
): Promise<MethodResult> {
  const { of, outcomeWeight = 0, clip = Number.POSITIVE_INFINITY, discount = 0 } = context.options.opsdl ?? {};
  const rows = groups.flatMap((group) => teacherRows(group, context));
  const { scored, tokens } = await scoredByTeacher(rows, context);
  const turns = groups.flatMap(({ trajectories }) => trajectories.flatMap(memoryTurns));
  const compared = (values: readonly number[]) => (of === 'probabilities' ? values.map(Math.exp) : values);
  const contrasts = scored.map(({ logProbabilities }, row) =>
    contrast(compared(logProbabilities), compared(turns[row].logProbabilities), clip),
  );
  const added = contrasts.map((values) => weighted(values, 1 - outcomeWeight, discount));
  const all = contrasts.flat();
  return {
    tokenAdvantages: { added: byTurn(groups, added), share: outcomeWeight, answerShare: outcomeWeight },
    teacherLogProbabilities: byTurn(
      groups,
      scored.map(({ logProbabilities }) => logProbabilities),
    ),
    tokens,
    // The first is minus the estimated KL from student to teacher.
    metrics: { teacher_contrast: meanOf(all), teacher_contrast_size: meanOf(all.map(Math.abs)) },
  };
}

/** c_j of the tokens of a turn; 0 where one of the two is not known. */
export function contrast(teacher: readonly number[], student: readonly number[], clip: number): number[] {
  return teacher.map((value, token) => {
    const difference = value - student[token];
    return Number.isFinite(difference) ? Math.min(clip, Math.max(-clip, difference)) : 0;
  });
}

/** weight x (sum over k >= j of discount^(k - j) c_k) */
function weighted(values: readonly number[], weight: number, discount: number): number[] {
  const sums = [...values];
  for (let token = sums.length - 2; token >= 0; token--) sums[token] += discount * sums[token + 1];
  return sums.map((sum) => weight * sum);
}
