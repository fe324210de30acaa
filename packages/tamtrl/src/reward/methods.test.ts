import { afterAll, beforeAll, expect, it } from 'vitest';
import { miniChat, miniTokenizer } from '../data/mini/tokenizer.js';
import { PromptFrames } from '../memory/frames.js';
import { miniPrompts } from '../memory/prompts.js';
import type { Trajectory } from '../memory/trajectory.js';
import { type LocalPolicy, openLocalPolicy } from '../policy/local.js';
import { scriptedJudge } from '../policy/scripted.test-support.js';
import type { Policy } from '../policy/types.js';
import type { RolloutGroup } from './group.js';
import { checkRequirements, type MethodContext, optionsOf } from './method.js';
import { methodNamed } from './methods.js';
import { miniRollout } from './mini-rollout.test-support.js';
import { teacherRows } from './tamtrl.js';

const tokenizer = miniTokenizer();
const frames = new PromptFrames({ tokenizer, chat: miniChat }, miniPrompts);
const shape = {
  architecture: 'qwen3' as const,
  vocabularySize: tokenizer.vocabularySize,
  contextLength: 64,
  hiddenSize: 32,
  intermediateSize: 64,
  layers: 2,
  heads: 2,
  keyValueHeads: 2,
  headSize: 16,
  ropeTheta: 10_000,
  rmsNormEpsilon: 1e-6,
  tieWordEmbeddings: true,
};
const budgets = { questionTokens: 4, chunkTokens: 8, memoryTokens: 8, answerTokens: 4 };
const plain = { lengthNormalize: true, minmax: false, scope: 'turn', scale: 'logprob', scoreSpan: 'all' } as const;

let policy: LocalPolicy;

beforeAll(async () => {
  policy = await openLocalPolicy({ config: shape, seed: 3 }, { tokenizer, chat: miniChat });
});

afterAll(() => policy.close());

function context(more: Partial<MethodContext> = {}): MethodContext {
  return { policy, frames, options: plain, budgets, temperature: 1, prepared: undefined, seed: 1, ...more };
}

function groupOf(trajectories: Trajectory[], filteredChunks: string[]): RolloutGroup {
  const outcomes = trajectories.map(() => 1);
  return { id: 'q', question: 'anna', answers: ['oslo'], trajectories, outcomes, filteredChunks };
}

it('the teacher reads the old memory and what is relevant, and scores what the student wrote', async () => {
  const group = groupOf([miniRollout(['anna ?', 'anna oslo']), miniRollout(['ben rome', ''], 1)], ['', 'anna oslo']);
  const rows = teacherRows(group, context());
  expect(rows.map(({ promptIds }) => tokenizer.decode(promptIds))).toEqual([
    '<question> anna <memory> anna ? <section> - <update>',
    '<question> anna <memory> anna ? <section> anna oslo <update>',
    '<question> anna <memory> anna ? <section> - <update>',
    '<question> anna <memory> ben rome <section> anna oslo <update>',
  ]);
  expect(rows.map(({ completionIds }) => tokenizer.decode(completionIds))).toEqual([
    'anna ? <eos>',
    'anna oslo <eos>',
    'ben rome <eos>',
    // An empty memory is scored by its stop token.
    '<eos>',
  ]);
  const direct = await policy.score(rows);
  const means = direct.map(({ logProbabilities: own }) => own.reduce((a, b) => a + b, 0) / own.length);
  const { scores } = await methodNamed('tamtrl').turnScores([group], context());
  [means.slice(0, 2), means.slice(2)].forEach((own, sample) => {
    own.forEach((mean, turn) => {
      expect(scores?.[0][sample][turn]).toBeCloseTo(mean, 6);
    });
  });
  const normalized = await methodNamed('tamtrl').turnScores([group], context({ options: { ...plain, minmax: true } }));
  for (const turn of [0, 1]) expect(normalized.scores?.[0].map((own) => own[turn]).sort()).toEqual([0, 1]);
});

it('Eq. 4: the mean probability of the tokens of the memory, without thoughts and stop token', async () => {
  const group = groupOf([miniRollout(['anna ?', 'anna oslo']), miniRollout(['ben rome', ''], 1)], ['', 'anna oslo']);
  const { scores } = await methodNamed('tamtrl').turnScores(
    [group],
    context({ options: optionsOf(methodNamed('tamtrl'), { minmax: false }) }),
  );
  const scored = await policy.score(teacherRows(group, context()));
  const expected = scored.map(({ logProbabilities }) => {
    // An empty memory has nothing but its stop token.
    const counted = logProbabilities.length > 1 ? logProbabilities.slice(0, -1) : logProbabilities;
    return counted.reduce((sum, value) => sum + Math.exp(value), 0) / counted.length;
  });
  scores?.[0].flat().forEach((score, row) => {
    expect(score).toBeCloseTo(expected[row], 6);
  });
});

it('global reward: the teacher reads what is relevant in the whole document, at every turn', () => {
  const group = groupOf([miniRollout(['anna ?', 'anna oslo', 'anna'])], ['anna oslo', '', 'ben rome']);
  const read = teacherRows(group, context(), 'document').map(({ promptIds }) => tokenizer.decode(promptIds));
  for (const prompt of read) expect(prompt).toContain('<section> anna oslo ben rome <update>');
  expect(read).toHaveLength(3);
});

it('a frozen teacher keeps its verdict while the policy moves', async () => {
  const mover = await openLocalPolicy({ config: shape, seed: 4 }, { tokenizer, chat: miniChat });
  try {
    await mover.snapshot('initial');
    const groups = [groupOf([miniRollout(['anna oslo'])], ['anna oslo'])];
    const scoreWith = async (weights?: string) =>
      (await methodNamed('tamtrl').turnScores(groups, context({ policy: mover, teacher: { policy: mover, weights } })))
        .scores;
    const before = await scoreWith('initial');
    expect(await scoreWith()).toEqual(before);
    await mover.forwardBackward([teacherRows(groups[0], context())[0]], { loss: { kind: 'cross-entropy' } });
    await mover.optimStep({ learningRate: 1e-2 });
    expect(await scoreWith('initial')).toEqual(before);
    expect((await scoreWith())![0][0][0]).toBeGreaterThan(before![0][0][0]);
  } finally {
    await mover.close();
  }
});

it('rollouts without memory turns have no scores', async () => {
  const { scores } = await methodNamed('tamtrl').turnScores([groupOf([miniRollout([])], [])], context());
  expect(scores).toEqual([[[]]]);
});

it('missing relevance, and more turns than filtered chunks, are refused', () => {
  const group = groupOf([miniRollout(['anna ?', 'anna oslo'])], ['']);
  expect(() => teacherRows(group, context())).toThrow('read more chunks than the 1 that were filtered');
  expect(() => teacherRows({ ...group, filteredChunks: undefined }, context())).toThrow('has no relevance marks');
});

it('requirements: all that is missing, in one sentence', () => {
  const bare: Policy = {
    name: 'remote',
    tokenizer,
    chat: miniChat,
    contextLength: 64,
    capabilities: { score: false, snapshots: false, averages: false, train: true, exactLogProbabilities: false },
    sample: () => Promise.resolve([]),
    score: () => Promise.resolve([]),
    close: () => Promise.resolve(),
  };
  const offer = { policy: bare, teacher: { policy: bare, weights: 'ema' }, relevance: false };
  expect(() => checkRequirements(methodNamed('tamtrl'), offer)).toThrow(
    'The method tamtrl needs log-probabilities of given tokens, which remote does not give; and snapshots of weights (for a frozen or averaged teacher), which remote does not keep; and relevance marks',
  );
  expect(() => checkRequirements(methodNamed('memagent'), { policy: bare, relevance: false })).not.toThrow();
  expect(() => checkRequirements({ name: 'own', requires: { copy: true } }, { policy: bare, relevance: true })).toThrow(
    'The method own needs a second copy of the model, and no openCopy is given to open one.',
  );
});

it('a judge grades each update; a failed grade is neutral and counted', async () => {
  const replies = ['Grade: 8', 'Grade: 2', 'I do not know', 'Grade: 4'];
  const { policy: judge, prompts } = scriptedJudge(4096, () => replies.shift()!);
  const group = groupOf(
    [miniRollout(['anna ?', 'anna oslo']), miniRollout(['ben rome', 'anna oslo'], 1)],
    ['', 'anna oslo'],
  );
  const result = await methodNamed('judge').turnScores([group], context({ judge }));
  // Rollout 1, turn 0 has no grade: it gets that of the other rollout at turn 0.
  expect(result.scores).toEqual([
    [
      [0.8, 0.2],
      [0.8, 0.4],
    ],
  ]);
  expect(result.metrics?.judge_failures).toBe(1);
  expect(result.metrics?.judge_grade).toBeCloseTo(14 / 30, 12);
  expect(prompts[3]).toContain('Notes before: ben rome\nNotes after: anna oslo');
  expect(prompts[2]).toContain('What matters in this section: nothing');
});

it('contrast subtracts what the student found likely itself, on the tokens that count', async () => {
  const group = groupOf([miniRollout(['anna ?', 'anna oslo'])], ['', 'anna oslo']);
  for (const turn of group.trajectories[0].turns)
    turn.logProbabilities = turn.outputIds.map((_, at) => -0.5 * (at + 1));
  const options = (own: object) => ({ options: optionsOf(methodNamed('tamtrl'), { minmax: false, ...own }) });
  const plainScores = await methodNamed('tamtrl').turnScores([group], context(options({})));
  const found = await methodNamed('tamtrl').turnScores([group], context(options({ contrast: true })));
  // Two tokens of each memory count, not the stop token: the mean of exp(-0.5) and exp(-1).
  const own = (Math.exp(-0.5) + Math.exp(-1)) / 2;
  for (const turn of [0, 1]) {
    expect(found.scores?.[0][0][turn]).toBeCloseTo((plainScores.scores?.[0][0][turn] ?? 0) - own, 12);
  }
  const mean = ((found.scores?.[0][0][0] ?? 0) + (found.scores?.[0][0][1] ?? 0)) / 2;
  expect(found.metrics?.teacher_contrast).toBeCloseTo(mean, 12);
});

it('contrast is 0 where a server does not tell the log-probabilities', async () => {
  const group = groupOf([miniRollout(['anna ?', 'anna oslo'])], ['', 'anna oslo']);
  for (const turn of group.trajectories[0].turns) turn.logProbabilities = turn.outputIds.map(() => Number.NaN);
  const options = optionsOf(methodNamed('tamtrl'), { minmax: false, contrast: true });
  const { scores } = await methodNamed('tamtrl').turnScores([group], context({ options }));
  expect(scores).toEqual([[[0, 0]]]);
});

it('a method gets its own options, with their defaults, and refuses a value that does not fit', () => {
  const tamtrl = methodNamed('tamtrl');
  const reward = { combine: 'product', minmax: false, other: 1 };
  expect(optionsOf(tamtrl, reward)).toEqual({
    lengthNormalize: true,
    minmax: false,
    scope: 'batch',
    scale: 'mean-prob',
    scoreSpan: 'memory',
    teacherReads: 'chunk',
  });
  expect(optionsOf(methodNamed('memagent'), reward)).toEqual({});
  expect(() => optionsOf(tamtrl, { scope: 'world' })).toThrow(
    'The method tamtrl cannot use reward.scope: expected one of',
  );
});
