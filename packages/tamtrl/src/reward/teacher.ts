/** How methods ask for likelihoods: whose they are is the run's choice (`teacher`), not the method's. */
import type { ScoredRow, ScoreRow } from '../policy/types.js';
import type { MethodContext } from './method.js';

/**
 * Log-probabilities of the rows' completions under the teacher's weights, in the rows' order, and the number of tokens
 * that it read for them.
 * @throws whatever the policy throws.
 */
export async function scoredByTeacher(
  rows: readonly ScoreRow[],
  { policy, teacher, temperature, signal }: Pick<MethodContext, 'policy' | 'teacher' | 'temperature' | 'signal'>,
): Promise<{ scored: ScoredRow[]; tokens: number }> {
  const { policy: asked, weights } = teacher ?? { policy };
  const scored = await asked.score(rows, { temperature, weights, signal });
  return { scored, tokens: rows.reduce((sum, row) => sum + row.promptIds.length + row.completionIds.length, 0) };
}
