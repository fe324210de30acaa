/** LLM as a judge: another model reads each memory update and grades it from 0 to 10; the score is grade / 10. */

import { withoutThoughts } from '../memory/extract.js';
import type { Trajectory } from '../memory/trajectory.js';
import { memoryBefore } from '../memory/trajectory.js';
import { encodeChat } from '../text/encode-chat.js';
import type { Tokenizer } from '../text/tokenizer.js';
import { byTurn, filteredChunksOf, type RolloutGroup } from './group.js';
import type { MethodContext, MethodResult, RewardMethod } from './method.js';

export const llmJudge = {
  name: 'judge',
  summary: 'LLM as a judge: a model grades each memory from 0 to 10',
  documentation:
    'p_t = grade / 10. The judge reads the question, the gold answer, the filtered chunk and the memory before and after the \
turn (_ours_). If a grade cannot be read, the turn gets the mean of the other rollouts at that turn.',
  requires: { judge: true, relevance: true },
  turnScores: scoreWithJudge,
} satisfies RewardMethod;

/** Room for a short thought before the grade. */
const JUDGE_TOKENS = 256;

export interface JudgedUpdate {
  question: string;
  answers: readonly string[];
  /** The relevant part of the section; empty if there is none. */
  evidence: string;
  before: string;
  after: string;
}

/** What the judge is asked. It sees the gold answer: it grades progress towards it, not its own guess. */
export function judgePrompt({ question, answers, evidence, before, after }: JudgedUpdate): string {
  return `Somebody reads a long text section by section and keeps notes, in order to answer a question at the end. Grade the last \
change of the notes.

Question: ${question}
Right answer: ${answers.join(' / ')}
What matters in this section: ${evidence.trim() === '' ? 'nothing' : evidence}
Notes before: ${before.trim() === '' ? '(none)' : before}
Notes after: ${after.trim() === '' ? '(none)' : after}

10 means: all that matters from the section is now in the notes, earlier useful facts are still there, nothing is made up, and \
nothing useless was added. 0 means: useful facts were lost or falsified. End your reply with one line: Grade: N`;
}

/**
 * The last "Grade: N" with N from 0 to 10, else a reply that is only a number, as a share of 10; undefined if there is
 * neither.
 */
export function parseGrade(reply: string): number | undefined {
  const said = withoutThoughts(reply);
  const lines = [...said.matchAll(/grade[^\w-]{1,6}(-?\d+(?:\.\d+)?)/gi)];
  const text = lines.at(-1)?.[1] ?? /^\s*(-?\d+(?:\.\d+)?)(?:\s*\/\s*10)?\s*\.?\s*$/.exec(said)?.[1];
  const grade = text === undefined ? Number.NaN : Number(text);
  return grade >= 0 && grade <= 10 ? grade / 10 : undefined;
}

async function scoreWithJudge(groups: readonly RolloutGroup[], context: MethodContext): Promise<MethodResult> {
  const judge = context.judge ?? context.policy;
  const texts = context.policy.tokenizer;
  const prompts = groups.flatMap((group) =>
    group.trajectories.flatMap((trajectory) => updatesOf(group, trajectory, texts).map(judgePrompt)),
  );
  const requests = prompts.map((content) => ({
    promptIds: encodeChat(judge, [{ role: 'user', content }]),
  }));
  const { stopIds } = judge.chat;
  const replies = await judge.sample(requests, {
    maxTokens: JUDGE_TOKENS,
    temperature: 0,
    stopIds,
    seed: context.seed,
    signal: context.signal,
  });
  const grades = replies.map(([{ tokens }]) => parseGrade(judge.tokenizer.decode(tokens, { skipSpecialTokens: true })));
  const failures = grades.filter((grade) => grade === undefined).length;
  const known = grades.filter((grade) => grade !== undefined);
  return {
    scores: byTurn(groups, grades).map(fillFailures),
    tokens: requests.reduce((sum, { promptIds }) => sum + promptIds.length, 0),
    metrics: {
      judge_grade: known.length === 0 ? 0 : known.reduce((a, b) => a + b, 0) / known.length,
      judge_failures: failures,
    },
  };
}

function updatesOf(group: RolloutGroup, trajectory: Trajectory, tokenizer: Tokenizer): JudgedUpdate[] {
  const filteredChunks = filteredChunksOf(group, 'the method judge');
  const text = (ids: readonly number[]) => tokenizer.decode(ids, { skipSpecialTokens: true });
  return trajectory.turns.flatMap((turn, index) => {
    if (turn.kind === 'answer') return [];
    const before = text(memoryBefore(trajectory, index));
    const evidence = filteredChunks[index];
    return [{ question: group.question, answers: group.answers, evidence, before, after: text(turn.memoryIds) }];
  });
}

/**
 * A turn without a grade gets the mean of the group's grades at that turn, so that it is neither praised nor blamed.
 */
function fillFailures(group: readonly (readonly (number | undefined)[])[]): number[][] {
  return group.map((rollout) =>
    rollout.map((grade, turn) => {
      if (grade !== undefined) return grade;
      const others = group.map((other) => other[turn]).filter((value) => value !== undefined);
      return others.length === 0 ? 0.5 : others.reduce((a, b) => a + b, 0) / others.length;
    }),
  );
}
