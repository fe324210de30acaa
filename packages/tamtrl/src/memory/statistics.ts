/** Numbers about rollouts that training and evaluation both report. */
import { memoryTurns, type Trajectory, type Turn } from './trajectory.js';

export interface TrajectoryStatistics {
  /** Mean tokens of the memory over all memory turns. */
  memoryTokens: number;
  /** Mean tokens of the memory after turn t, over the rollouts that have such a turn: memories that grow on chunks without evidence show here. */
  memoryTokensByTurn: number[];
  /** Share of memory turns in which nothing was written. */
  emptyRate: number;
  /** Share of memory turns cut off by the token limit. */
  overflowRate: number;
  /** Share of answers cut off by the token limit. */
  answerOverflowRate: number;
  tokens: { prompt: number; sampled: number };
}

export function trajectoryStatistics(trajectories: readonly Trajectory[]): TrajectoryStatistics {
  const memories = trajectories.map(memoryTurns);
  const turns = memories.flat();
  const answers = trajectories.flatMap(({ turns }) => turns.filter((turn) => turn.kind === 'answer'));
  const longest = memories.reduce((most, { length }) => Math.max(most, length), 0);
  const all = [...turns, ...answers];
  return {
    memoryTokens: meanOf(turns, (turn) => turn.memoryTokens),
    memoryTokensByTurn: Array.from({ length: longest }, (_, at) =>
      meanOf(
        memories.filter((own) => own.length > at),
        (own) => own[at].memoryTokens,
      ),
    ),
    emptyRate: meanOf(turns, (turn) => Number(turn.empty)),
    overflowRate: meanOf(turns, cutOff),
    answerOverflowRate: meanOf(answers, cutOff),
    tokens: {
      prompt: all.reduce((sum, turn) => sum + turn.promptTokens, 0),
      sampled: all.reduce((sum, turn) => sum + turn.outputTokens, 0),
    },
  };
}

function cutOff(turn: Turn): number {
  return Number(turn.stopReason === 'length');
}

/** 0 for an empty list. */
export function meanOf<T>(items: readonly T[], number: (item: T) => number): number {
  return items.length === 0 ? 0 : items.reduce((sum, item) => sum + number(item), 0) / items.length;
}
