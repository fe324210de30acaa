/** Advantages of single tokens, for methods that give them: share_j A_t + added_j (reward/method.ts). */
import type { Trajectory } from '../memory/trajectory.js';
import type { TokenAdvantages } from '../reward/method.js';

export interface Advantages {
  /** Of turns; with advantages of tokens, their means. [G][turns] */
  advantages: number[][];
  /** Absent: every token has its turn's. [G][turns][tokens] */
  tokenAdvantages?: number[][][];
}

/** @param group its number among the groups that the method scored */
export function withTokens(
  trajectories: readonly Trajectory[],
  ofTurns: number[][],
  found: TokenAdvantages | undefined,
  group: number,
): Advantages {
  if (!found) return { advantages: ofTurns };
  const { added, share = 1, answerShare = 1 } = found;
  const tokenAdvantages = trajectories.map(({ turns }, rollout) => {
    let memory = 0;
    return turns.map(({ kind, outputIds }, turn) => {
      const own = ofTurns[rollout][turn];
      if (kind === 'answer') return outputIds.map(() => answerShare * own);
      const at = memory++;
      const shares = typeof share === 'number' ? undefined : share[group][rollout][at];
      return outputIds.map(
        (_, token) => (shares ? shares[token] : (share as number)) * own + added[group][rollout][at][token],
      );
    });
  });
  return { advantages: tokenAdvantages.map((turns) => turns.map(mean)), tokenAdvantages };
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((a, b) => a + b, 0) / values.length;
}
