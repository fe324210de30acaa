/** Checks what a method returns before it becomes rewards: one number that is not there would spoil a whole step. */
import { memoryTurns, type Trajectory } from '../memory/trajectory.js';
import { RewardError } from './errors.js';
import type { RolloutGroup, TurnScores } from './group.js';
import type { MethodResult, TokenAdvantages } from './method.js';

/** A method's result with nothing left open. */
export interface CheckedResult extends MethodResult {
  tokens: number;
  metrics: Record<string, number>;
}

const NAMES: Record<keyof MethodResult, true> = {
  scores: true,
  outcomes: true,
  tokenAdvantages: true,
  teacherLogProbabilities: true,
  tokens: true,
  metrics: true,
};
const PARTS = Object.keys(NAMES);

/**
 * @throws RewardError `shape` naming method, group, rollout and turn if a memory turn has no score, if there are scores
 *   of turns that do not exist, or if any number is not finite.
 */
export function checkedResult(name: string, groups: readonly RolloutGroup[], result: MethodResult): CheckedResult {
  if (typeof result !== 'object' || result === null || Array.isArray(result)) {
    throw fault(name, `returned ${Array.isArray(result) ? 'a list' : shown(result)}, expected an object with scores`);
  }
  // A mistyped name would train with the outcome alone, in silence.
  const unknown = Object.keys(result).find((part) => !PARTS.includes(part));
  if (unknown !== undefined) {
    throw fault(name, `returned an unknown part ${JSON.stringify(unknown)}, expected one of: ${PARTS.join(', ')}`);
  }
  const { scores, outcomes, tokenAdvantages, teacherLogProbabilities, tokens = 0, metrics = {} } = result;
  if (!(Number.isFinite(tokens) && tokens >= 0)) {
    throw fault(name, `returned ${shown(tokens)} as its tokens, expected a number of at least 0`);
  }
  for (const [metric, value] of Object.entries(metrics)) {
    if (Number.isFinite(value)) continue;
    throw fault(name, `returned ${shown(value)} as its metric ${JSON.stringify(metric)}, expected a finite number`);
  }
  if (scores !== undefined) checkScores(name, groups, scores);
  if (outcomes !== undefined) checkOutcomes(name, groups, outcomes);
  if (tokenAdvantages !== undefined) {
    const { added, share = 1, answerShare = 1 } = tokenAdvantages;
    checkTokens(name, groups, added, 'advantages of its tokens');
    if (typeof share !== 'number') checkTokens(name, groups, share, 'shares of its tokens');
    for (const each of [typeof share === 'number' ? share : 1, answerShare]) {
      if (!Number.isFinite(each)) throw fault(name, `returned ${shown(each)} as the share of an advantage`);
    }
  }
  if (teacherLogProbabilities !== undefined) checkLogProbabilities(name, groups, teacherLogProbabilities);
  return { scores, outcomes, tokenAdvantages, teacherLogProbabilities, tokens, metrics };
}

function checkScores(name: string, groups: readonly RolloutGroup[], scores: TurnScores): void {
  expectLength(name, scores, groups.length, 'groups', 'the draw');
  groups.forEach((group, g) => {
    const place = `group ${g} (${JSON.stringify(group.id)})`;
    expectLength(name, scores[g], group.trajectories.length, 'rollouts', place);
    group.trajectories.forEach((trajectory, i) => {
      checkRollout(name, trajectory, scores[g][i], `rollout ${i} of ${place}`);
    });
  });
}

function checkOutcomes(
  name: string,
  groups: readonly RolloutGroup[],
  outcomes: NonNullable<MethodResult['outcomes']>,
): void {
  expectLength(name, outcomes, groups.length, 'groups', 'the draw');
  groups.forEach((group, g) => {
    const place = `group ${g} (${JSON.stringify(group.id)})`;
    expectLength(name, outcomes[g], group.trajectories.length, 'rollouts', place);
    outcomes[g].forEach((value, i) => {
      if (Number.isFinite(value)) return;
      throw fault(
        name,
        `returned ${shown(value)} as the outcome of rollout ${i} of ${place}, expected a finite number`,
      );
    });
  });
}

function checkTokens(
  name: string,
  groups: readonly RolloutGroup[],
  found: TokenAdvantages['added'],
  what: string,
): void {
  groups.forEach((group, g) => {
    group.trajectories.forEach((trajectory, i) => {
      memoryTurns(trajectory).forEach(({ outputIds }, turn) => {
        const own = found[g]?.[i]?.[turn];
        const place = `memory turn ${turn} of rollout ${i} of group ${g} (${JSON.stringify(group.id)})`;
        if (own?.length !== outputIds.length) {
          throw fault(name, `returned ${own?.length ?? 0} ${what} for ${place}, expected ${outputIds.length}`);
        }
        const at = own.findIndex((value) => !Number.isFinite(value));
        if (at < 0) return;
        throw fault(name, `returned ${shown(own[at])} for token ${at} of ${place}, expected a finite number`);
      });
    });
  });
}

/** A number that is not finite is one that the teacher does not know. */
function checkLogProbabilities(
  name: string,
  groups: readonly RolloutGroup[],
  found: NonNullable<MethodResult['teacherLogProbabilities']>,
): void {
  groups.forEach((group, g) => {
    group.trajectories.forEach((trajectory, i) => {
      memoryTurns(trajectory).forEach(({ outputIds }, turn) => {
        const length = found[g]?.[i]?.[turn]?.length ?? 0;
        if (length === outputIds.length) return;
        const place = `memory turn ${turn} of rollout ${i} of group ${g} (${JSON.stringify(group.id)})`;
        throw new RewardError(
          'shape',
          `The method ${name} returned ${length} log-probabilities of its teacher for ${place}, expected ${outputIds.length}: one for each token, or none at all.`,
        );
      });
    });
  });
}

function checkRollout(name: string, trajectory: Trajectory, scores: readonly number[], place: string): void {
  const turns = memoryTurns(trajectory).length;
  expectLength(name, scores, turns, 'memory turns', place);
  for (let turn = 0; turn < turns; turn++) {
    if (Number.isFinite(scores[turn])) continue;
    throw fault(
      name,
      `returned ${shown(scores[turn])} as the score of memory turn ${turn} of ${place}, expected a finite number`,
    );
  }
}

function expectLength(name: string, list: readonly unknown[], length: number, what: string, place: string): void {
  if (Array.isArray(list) && list.length === length) return;
  const found = Array.isArray(list) ? `scores for ${list.length} ${what}` : `${shown(list)} instead of scores`;
  throw fault(name, `returned ${found} of ${place}, expected scores for ${length} ${what}`);
}

/** NaN and undefined, which JSON does not have, too. */
function shown(value: unknown): string {
  return typeof value === 'object' || typeof value === 'string' ? JSON.stringify(value) : String(value);
}

function fault(name: string, what: string): RewardError {
  return new RewardError(
    'shape',
    `The method ${name} ${what}. Its turnScores must return one finite score for each memory turn, or no scores at all.`,
  );
}
