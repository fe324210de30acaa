/** Numbers about rollouts that training and evaluation both report. */
import { memoryTurns, type Trajectory, type Turn } from './trajectory.js';

export interface TrajectoryStatistics {
  /** Mean length of the memory in tokens, over all memory turns. */
  memory_tokens: number;
  /**
   * Mean length of the memory in tokens after turn t, over the rollouts that have such a turn. It shows memories that
   * grow on chunks without evidence.
   */
  memory_tokens_by_turn: number[];
  /** Share of memory turns in which the model wrote nothing. */
  empty_rate: number;
  /** Share of memory turns in which the model said that the memory stays; absent if it never did. */
  unchanged_rate?: number;
  /** Share of rollouts that stopped reading of their own accord; absent if none did. */
  exit_rate?: number;
  /** Share of memory turns cut off by the token limit. */
  overflow_rate: number;
  /** Share of answers cut off by the token limit. */
  answer_overflow_rate: number;
  /**
   * Share of the draft's tokens that the model wrote, over all memory turns: how much of the memories the chunks left
   * as it was. Absent if the policy verified no drafts.
   */
  draft_acceptance?: number;
  tokens: { prompt: number; sampled: number };
}

export function trajectoryStatistics(trajectories: readonly Trajectory[]): TrajectoryStatistics {
  const memories = trajectories.map(memoryTurns);
  const turns = memories.flat();
  const answers = trajectories.flatMap(({ turns }) => turns.filter((turn) => turn.kind === 'answer'));
  const longest = memories.reduce((most, { length }) => Math.max(most, length), 0);
  const all = [...turns, ...answers];
  return {
    memory_tokens: meanOf(turns, (turn) => turn.memoryTokens),
    memory_tokens_by_turn: Array.from({ length: longest }, (_, at) =>
      meanOf(
        memories.filter((own) => own.length > at),
        (own) => own[at].memoryTokens,
      ),
    ),
    empty_rate: meanOf(turns, (turn) => Number(turn.empty)),
    ...(turns.some(({ unchanged }) => unchanged) && {
      unchanged_rate: meanOf(turns, ({ unchanged = false }) => Number(unchanged)),
    }),
    ...(turns.some(({ exited }) => exited) && {
      exit_rate: meanOf(memories, (own) => Number(own.at(-1)?.exited ?? false)),
    }),
    overflow_rate: meanOf(turns, cutOff),
    answer_overflow_rate: meanOf(answers, cutOff),
    ...draftAcceptance(turns),
    tokens: {
      prompt: all.reduce((sum, turn) => sum + turn.promptTokens, 0),
      sampled: all.reduce((sum, turn) => sum + turn.outputTokens, 0),
    },
  };
}

function draftAcceptance(turns: readonly Turn[]): Pick<TrajectoryStatistics, 'draft_acceptance'> {
  const drafts = turns.flatMap(({ draft }) => draft ?? []);
  const drafted = drafts.reduce((sum, draft) => sum + draft.drafted, 0);
  if (drafted === 0) return {};
  return { draft_acceptance: drafts.reduce((sum, { accepted }) => sum + accepted, 0) / drafted };
}

function cutOff(turn: Turn): number {
  return Number(turn.stopReason === 'length');
}

/** 0 for an empty list. */
export function meanOf<T>(items: readonly T[], number: (item: T) => number): number {
  return items.length === 0 ? 0 : items.reduce((sum, item) => sum + number(item), 0) / items.length;
}
