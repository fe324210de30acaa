/**
 * Rollouts in the form of tinker-cookbook's rollout summaries (schema version 1, as of tinker-cookbook 0.6): a file for
 * each step, a line for each rollout. Its rewards add up over steps, ours do not: the outcome is the final reward, and
 * what a turn earned stands among the metrics of its step.
 */
import { type KeptGroup, unpacked } from '../../train/kept-groups.js';

/** Its path in a folder of tinker-cookbook, and its lines. `iteration` counts from 0. */
export function rolloutSummaries(groups: readonly KeptGroup[]): { path: string; lines: object[] }[] {
  const byStep = new Map<number, KeptGroup[]>();
  for (const group of groups) byStep.set(group.step, [...(byStep.get(group.step) ?? []), group]);
  return [...byStep].map(([step, own]) => ({
    path: `iteration_${String(step - 1).padStart(6, '0')}/train_rollout_summaries.jsonl`,
    lines: own.flatMap((group, at) => summariesOf(group, at)),
  }));
}

function summariesOf({ step, questionId, rollouts }: KeptGroup, group: number): object[] {
  return rollouts.map(({ sample, outcome, turns }) => ({
    schema_version: 1,
    split: 'train',
    iteration: step - 1,
    group_idx: group,
    traj_idx: sample,
    tags: [questionId],
    sampling_client_step: step - 1,
    total_reward: outcome,
    final_reward: outcome,
    trajectory_metrics: {},
    steps: turns.map(({ promptTokens, lengths, reward, score, advantage, kind, stopReason }, at) => ({
      step_idx: at,
      ob_len: promptTokens,
      ac_len: unpacked(lengths).length,
      reward: 0,
      episode_done: at === turns.length - 1,
      metrics: { turn_reward: reward, ...(score !== undefined && { turn_score: score }), advantage },
      logs: { kind, stop_reason: stopReason },
    })),
    // Nothing is read after the answer.
    final_ob_len: 0,
  }));
}
