/** A policy that knows the log-probabilities of some answers after some memories, and rollouts to try it on. */
import { miniChat, miniTokenizer } from '../data/mini/tokenizer.js';
import type { Trajectory, Turn } from '../memory/trajectory.js';
import type { Policy, ScoreOptions, ScoreRow } from '../policy/types.js';
import type { RolloutGroup } from './group.js';

export const tokenizer = miniTokenizer();

/** Log-probabilities of the answer's tokens by memory and by answer, whole with its stop token or cut. */
export const TABLE: Record<string, Record<string, number[]>> = {
  'anna ?': { oslo: [-3], 'oslo <eos>': [-3, -1], 'rome <eos>': [-8, 0] },
  'anna oslo': { oslo: [-0.5], 'oslo <eos>': [-0.5, -0.5], 'rome <eos>': [-9, -1] },
  'anna rome': { 'oslo <eos>': [-6, -1], 'rome <eos>': [-0.25, -0.25] },
};

/** A policy that knows the table and nothing else. */
export function fakePolicy() {
  const seen: { prompt: string; answer: string }[] = [];
  const asked: (ScoreOptions | undefined)[] = [];
  const policy: Policy = {
    name: 'table',
    capabilities: { score: true, snapshots: false, averages: false, train: false, exactLogProbabilities: false },
    tokenizer,
    chat: miniChat,
    contextLength: 64,
    sample: () => Promise.reject(new Error('not asked')),
    score: async (rows: readonly ScoreRow[], options?: ScoreOptions) => {
      asked.push(options);
      return rows.map(({ promptIds, completionIds }) => {
        const prompt = tokenizer.decode(promptIds);
        const answer = tokenizer.decode(completionIds);
        seen.push({ prompt, answer });
        const memory = /<memory> (.*) <answer>$/.exec(prompt)?.[1] ?? '';
        return { logProbabilities: TABLE[memory][answer], entropies: completionIds.map(() => 0) };
      });
    },
    close: async () => {},
  };
  return { policy, seen, asked };
}

export function rollout(memories: readonly string[]): Trajectory {
  const turn = (kind: Turn['kind'], memory: string) => ({ kind, memoryIds: tokenizer.encode(memory) }) as Turn;
  return {
    questionId: 'q',
    sample: 0,
    questionIds: tokenizer.encode('anna'),
    initialMemoryIds: tokenizer.encode('anna ?'),
    turns: [...memories.map((memory) => turn('memory', memory)), turn('answer', memories.at(-1) ?? 'anna ?')],
    output: 'oslo',
  };
}

export function groupOf(memories: readonly (readonly string[])[], answers = ['oslo']): RolloutGroup {
  return { id: 'q', question: 'anna', answers, trajectories: memories.map(rollout), outcomes: memories.map(() => 1) };
}
