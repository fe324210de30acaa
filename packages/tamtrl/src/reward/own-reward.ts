/**
 * Rewards of one's own: plain functions that score a rollout's outcome, its memory turns, or both. A file holds them
 * (reward-module.ts), or a program hands them in as an object. What they return is checked, and what they throw is
 * told with the place where it happened; nothing is ever counted as 0 in silence.
 */
import { extractAnswer } from '../memory/extract.js';
import type { PromptFrames } from '../memory/frames.js';
import { memoryTurns, type Trajectory } from '../memory/trajectory.js';
import { plainText } from '../memory/turn.js';
import type { Policy } from '../policy/types.js';
import type { Tokenizer } from '../text/tokenizer.js';
import { called, calledNumbers } from './calls.js';
import { RewardError } from './errors.js';
import { byTurn, type RolloutGroup } from './group.js';
import type { RewardMethod } from './method.js';
import { checkedResult } from './result.js';

/** A rollout in words, with the tokens behind them. T memory turns, then the answer. */
export interface OwnRollout {
  /** Id of the question. */
  readonly id: string;
  readonly question: string;
  /** Gold answers. */
  readonly answers: readonly string[];
  /** Number within the question's group, from 0. */
  readonly sample: number;
  /** What the answer turn wrote, without thoughts. */
  readonly output: string;
  /** The answer in it. */
  readonly answer: string;
  /** What `reward.outcome.metric` gives for it. */
  readonly score: number;
  /** The first memory, and the memory after each turn. [T + 1] */
  readonly memories: readonly string[];
  /** What each turn read. [T] */
  readonly chunks: readonly string[];
  /** The relevant part of each chunk, empty if nothing is; absent without relevance marks. [T] */
  readonly relevant?: readonly string[];
  /** Token ids, log-probabilities, token counts, stop reasons. */
  readonly trajectory: Trajectory;
}

/** One memory turn. */
export interface OwnTurn {
  /** From 0. */
  readonly turn: number;
  readonly turns: number;
  readonly before: string;
  readonly after: string;
  readonly chunk: string;
  /** The relevant part of the chunk; absent without relevance marks. */
  readonly relevant?: string;
  /** Outcome reward R of the rollout: the function `outcome`'s, if there is one. */
  readonly outcome: number;
  readonly rollout: OwnRollout;
}

export interface OwnRewardContext {
  /** The policy that is trained, with the live weights. */
  readonly policy: Policy;
  readonly frames: PromptFrames;
  /** Seed of this step, for functions that sample. */
  readonly seed: number;
  /** Aborted when the run is stopped, or another call has failed. */
  readonly signal: AbortSignal;
}

/** At least one of the two functions. Both return a finite number, or a promise of one. */
export interface OwnReward {
  /** In reports; of a file by default the file's name. */
  readonly name?: string;
  readonly summary?: string;
  /** The outcome reward R of a rollout, in place of `reward.outcome.metric`. Evaluations keep that metric. */
  outcome?(rollout: OwnRollout, context: OwnRewardContext): number | Promise<number>;
  /** The score of a memory turn, in place of a reward method; `reward.combine` joins it with R. */
  turnScore?(turn: OwnTurn, context: OwnRewardContext): number | Promise<number>;
}

/** A reward, and where it comes from. */
export interface LoadedReward {
  /** Path of its file as it was given; of an object its name. */
  readonly place: string;
  readonly reward: OwnReward | (RewardMethod & Pick<OwnReward, 'outcome'>);
}

/** What a run takes from a reward of one's own. */
export interface RewardParts {
  readonly place: string;
  /** Scores memory turns. */
  readonly method?: RewardMethod;
  /** Outcomes of all rollouts, [groups][G]. @throws RewardError `module` with the place, the rollout and the reason. */
  outcomes?(groups: readonly RolloutGroup[], call: OutcomeCall): Promise<number[][]>;
}

export interface OutcomeCall {
  policy: Policy;
  frames: PromptFrames;
  seed: number;
  signal?: AbortSignal;
  /** Limit of each call. */
  seconds: number;
}

/** Calls that are under way at once: enough for a server behind them, few enough for any. */
const AT_ONCE = 32;

const FUNCTIONS = ['outcome', 'turnScore', 'turnScores', 'prepare'];
const KNOWN = new Set([...FUNCTIONS, 'name', 'summary', 'documentation', 'options', 'requires']);

/**
 * A reward that somebody wrote, checked.
 * @throws RewardError `module` in one sentence that names the place.
 */
export function checkedReward(value: unknown, place: string): LoadedReward {
  const fault = (what: string) =>
    new RewardError(
      'module',
      `${place}: ${what}. Expected an object with a function outcome(rollout), turnScore(turn), or both (docs/method.md, "Rewards of your own").`,
    );
  if (typeof value !== 'object' || value === null) throw fault(`the reward is ${kindOf(value)}`);
  const found = value as Record<string, unknown>;
  for (const key of FUNCTIONS) {
    const what = found[key];
    if (what !== undefined && typeof what !== 'function') throw fault(`${key} is ${kindOf(what)}, not a function`);
  }
  for (const key of ['name', 'summary']) {
    const what = found[key];
    if (what !== undefined && (typeof what !== 'string' || what === '')) throw fault(`${key} is ${kindOf(what)}`);
  }
  const unknown = Object.keys(found).find((key) => !KNOWN.has(key));
  if (unknown !== undefined) throw fault(`the reward has an unknown part "${unknown}"`);
  if (found.turnScore && found.turnScores) throw fault('the reward has both turnScore and turnScores');
  if (!found.outcome && !found.turnScore && !found.turnScores) throw fault('the reward has none of its functions');
  return { place, reward: value as LoadedReward['reward'] };
}

/** @param seconds limit of each call */
export function rewardParts(given: LoadedReward | OwnReward, seconds: number): RewardParts {
  const loaded = isLoaded(given) ? given : checkedReward(given, given.name ?? 'reward');
  const { place, reward } = loaded;
  const outcome = reward.outcome?.bind(reward);
  return {
    place,
    method: methodOf(loaded, seconds),
    ...(outcome && { outcomes: (groups, call) => outcomesOf({ place, outcome }, groups, call) }),
  };
}

function isLoaded(given: LoadedReward | OwnReward): given is LoadedReward {
  return 'place' in given && 'reward' in given;
}

async function outcomesOf(
  { place, outcome }: { place: string; outcome: NonNullable<OwnReward['outcome']> },
  groups: readonly RolloutGroup[],
  { policy, frames, seed, signal, seconds }: OutcomeCall,
): Promise<number[][]> {
  const rollouts = groups.flatMap((group) => rolloutsOf(group, policy.tokenizer));
  const values = await calledNumbers(rollouts, {
    place,
    name: 'outcome',
    where: ({ sample, id }) => `rollout ${sample} of ${JSON.stringify(id)}`,
    seconds,
    signal,
    atOnce: AT_ONCE,
    work: (rollout, stop) => outcome(rollout, { policy, frames, seed, signal: stop }),
  });
  let at = 0;
  return groups.map(({ trajectories }) => trajectories.map(() => values[at++]));
}

function methodOf({ place, reward }: LoadedReward, seconds: number): RewardMethod | undefined {
  if ('turnScores' in reward) return wholeMethod(reward, place);
  if (!('turnScore' in reward) || !reward.turnScore) return undefined;
  const turnScore = reward.turnScore.bind(reward);
  const name = reward.name ?? nameOf(place);
  return {
    name,
    summary: reward.summary ?? `the function turnScore of ${place}`,
    requires: {},
    turnScores: async (groups, { policy, frames, seed, signal }) => {
      const turns = groups.flatMap((group) =>
        rolloutsOf(group, policy.tokenizer).flatMap((rollout, i) => turnsOf(rollout, group.outcomes[i])),
      );
      const values = await calledNumbers(turns, {
        place,
        name: 'turnScore',
        where: ({ turn, rollout: { sample, id } }) =>
          `memory turn ${turn} of rollout ${sample} of ${JSON.stringify(id)}`,
        seconds,
        signal,
        atOnce: AT_ONCE,
        work: (turn, stop) => turnScore(turn, { policy, frames, seed, signal: stop }),
      });
      return { scores: byTurn(groups, values) };
    },
  };
}

/** A method out of a file: its errors name the file too. A method's scoring may take long, so it has no time limit. */
function wholeMethod(method: RewardMethod, place: string): RewardMethod {
  const name = method.name ?? nameOf(place);
  return {
    ...method,
    name,
    summary: method.summary ?? `the function turnScores of ${place}`,
    requires: method.requires ?? {},
    turnScores: async (groups, context) => {
      const call = { place, name: 'turnScores', where: 'the rollouts of a step', signal: context.signal };
      const result = await called(call, () => method.turnScores(groups, context));
      try {
        checkedResult(name, groups, result);
      } catch (error) {
        throw new RewardError('module', `${place}: ${(error as Error).message}`, { cause: error });
      }
      return result;
    },
  };
}

/** "my-reward" of "./rewards/my-reward.ts". */
export function nameOf(place: string): string {
  return (place.split(/[/\\]/).at(-1) ?? place).replace(/\.[cm]?[jt]s$/, '');
}

function turnsOf(rollout: OwnRollout, outcome: number): OwnTurn[] {
  const { memories, relevant } = rollout;
  const turns = memories.length - 1;
  return Array.from({ length: turns }, (_, turn) => ({
    turn,
    turns,
    before: memories[turn],
    after: memories[turn + 1],
    // Long texts are decoded only if somebody looks at them.
    get chunk() {
      return rollout.chunks[turn];
    },
    relevant: relevant?.[turn],
    outcome,
    rollout,
  }));
}

function rolloutsOf(group: RolloutGroup, tokenizer: Tokenizer): OwnRollout[] {
  const { id, question, answers, filteredChunks, found, outcomes, metricScores } = group;
  let texts: string[] | undefined;
  return group.trajectories.map((trajectory, i): OwnRollout => {
    const written = memoryTurns(trajectory).map(({ memoryIds }) => plainText(tokenizer, memoryIds));
    return {
      id,
      question,
      answers,
      sample: trajectory.sample,
      output: trajectory.output,
      answer: found?.[i] ?? extractAnswer(trajectory.output),
      score: (metricScores ?? outcomes)[i],
      memories: [plainText(tokenizer, trajectory.initialMemoryIds), ...written],
      get chunks() {
        texts ??= (group.chunks ?? []).map(({ ids }) => plainText(tokenizer, ids));
        return texts;
      },
      relevant: filteredChunks,
      trajectory,
    };
  });
}

function kindOf(value: unknown): string {
  if (value === undefined || value === null || value === '') return JSON.stringify(value) ?? 'undefined';
  return Array.isArray(value) ? 'a list' : `a ${typeof value}`;
}
