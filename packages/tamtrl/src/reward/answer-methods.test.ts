/**
 * Methods that reward memories by the gold answer, with numbers worked out by hand. The table of the fake policy gives
 * Phi("anna ?") = -2, Phi("anna oslo") = -0.5, Phi("anna rome") = -3.5, for the gold answer "oslo".
 */
import { describe, expect, it } from 'vitest';
import { miniChat } from '../data/mini/tokenizer.js';
import { PromptFrames } from '../memory/frames.js';
import { babiPrompts, miniPrompts } from '../memory/prompts.js';
import type { Policy } from '../policy/types.js';
import { fakePolicy, groupOf, rollout, tokenizer } from './answer-table.test-support.js';
import type { RolloutGroup } from './group.js';
import { grumem } from './grumem.js';
import { himpo, inHindsight } from './himpo.js';
import { igpo } from './igpo.js';
import { infomem } from './infomem.js';
import { llmJudge } from './judge.js';
import type { MethodContext, RewardMethod } from './method.js';
import { contrast, opsdl } from './opsdl.js';
import { prm } from './prm.js';
import { ProcessRewardModel } from './process-reward.js';
import { answerRecall, rememr1 } from './rememr1.js';

const frames = new PromptFrames({ tokenizer, chat: miniChat }, miniPrompts);

function resultOf<Own>(
  method: { turnScores(groups: readonly RolloutGroup[], context: Own): ReturnType<RewardMethod['turnScores']> },
  groups: readonly RolloutGroup[],
  options: object = {},
  more: Partial<MethodContext> = {},
) {
  const budgets = { questionTokens: 4, chunkTokens: 4, memoryTokens: 4, answerTokens: 4 };
  const common = { policy: fakePolicy().policy, frames, budgets, temperature: 1, prepared: undefined, seed: 1 };
  return method.turnScores(groups, { ...common, options, ...more } as Own);
}

describe('infomem', () => {
  const memories = [['anna oslo'], ['anna ?', 'anna rome'], ['anna oslo', 'anna ?'], ['anna oslo']];
  const group = { ...groupOf(memories), outcomes: [1, 1, 1, 0] };

  it('adds the z-score of the last memory among the successes to the outcome', async () => {
    const { outcomes = [], scores, metrics } = await resultOf(infomem, [group]);
    // Gains of the successes: 1.5, -1.5, 0; their mean is 0, their standard deviation sqrt(4.5 / 2) = 1.5.
    const z = 1.5 / 1.500001;
    [1 + 0.1 * z, 1 - 0.1 * z, 1, 0].forEach((value, i) => void expect(outcomes[0][i]).toBeCloseTo(value, 12));
    expect(scores).toBeUndefined();
    expect(metrics?.successes).toBe(0.75);
  });

  it('has a weight, and a least outcome of a success', async () => {
    const { outcomes = [] } = await resultOf(infomem, [{ ...group, outcomes: [0.5, 0.4, 0.4, 1] }], {
      infomem: { weight: 2, success: 0.5 },
    });
    // The successes are the first and the last, with equal gains.
    expect(outcomes[0]).toEqual([0.5, 0.4, 0.4, 1]);
  });

  it('reads no memory between the first and the last', async () => {
    const { policy, seen } = fakePolicy();
    await resultOf(infomem, [groupOf([['anna rome', 'anna oslo']])], {}, { policy });
    expect(seen.map(({ prompt }) => prompt)).toEqual([
      '<question> anna <memory> anna ? <answer>',
      '<question> anna <memory> anna oslo <answer>',
    ]);
  });
});

it('igpo: gain in probability, turn by turn', async () => {
  const { scores = [] } = await resultOf(igpo, [groupOf([['anna oslo', 'anna rome'], ['anna ?']])]);
  // e^-0.5 - e^-2 = 0.606531 - 0.135335; e^-3.5 - e^-0.5 = 0.030197 - 0.606531.
  expect(scores[0][0][0]).toBeCloseTo(0.471195, 6);
  expect(scores[0][0][1]).toBeCloseTo(-0.576333, 6);
  expect(scores[0][1]).toEqual([0]);
  const options = { igpo: { value: 'log' } };
  expect((await resultOf(igpo, [groupOf([['anna oslo', 'anna rome']])], options)).scores).toEqual([[[1.5, -3]]]);
});

describe('rememr1', () => {
  it('scores the words of the answer that a turn adds, or loses', async () => {
    const group = groupOf([['anna oslo', 'anna rome'], ['anna rome']]);
    expect((await resultOf(rememr1, [group])).scores).toEqual([[[1, -1], [0]]]);
    expect((await resultOf(rememr1, [group], { rememr1: { losses: false } })).scores).toEqual([[[1, 0], [0]]]);
    // What is kept is not found again.
    const kept = groupOf([['anna oslo', 'anna oslo']]);
    expect((await resultOf(rememr1, [kept], { rememr1: { losses: false } })).scores).toEqual([[[1, 0]]]);
  });

  it('can take the mean of several answers', async () => {
    // Rome is the second of two: half of the recall is gained, then all is lost.
    const group = groupOf([['anna rome', 'anna ?']], ['oslo', 'rome']);
    expect((await resultOf(rememr1, [group], { rememr1: { several: 'mean' } })).scores).toEqual([[[0.5, -0.5]]]);
    expect((await resultOf(rememr1, [group])).scores).toEqual([[[1, -1]]]);
  });

  it('recalls shares of words, the best of several answers, or all of them', () => {
    const answers = ['New York City', 'the Bronx'];
    // Two of three words; "the" is no word after SQuAD's normalisation, so none of one.
    expect(answerRecall({ answers }, 'a city of york, the largest')).toBeCloseTo(2 / 3, 12);
    expect(answerRecall({ answers, answersWanted: 'all' }, 'a city of york, the largest')).toBeCloseTo(1 / 3, 12);
    // An answer without a word after normalisation is compared as it is, with memories without one.
    expect(answerRecall({ answers: ['The'] }, 'the')).toBe(1);
    expect(answerRecall({ answers: ['The'] }, 'york')).toBe(0);
    expect(answerRecall({ answers: [] }, 'york')).toBe(0);
  });
});

describe('grumem', () => {
  /** Evidence in the first chunk only. */
  const marked = (memories: string[][]) => ({ ...groupOf(memories), filteredChunks: ['anna oslo', ' '] });

  it('rewards changes on evidence, and memories that stay elsewhere', async () => {
    const group = marked([
      ['anna oslo', 'anna oslo'],
      ['anna ?', 'anna oslo'],
      ['anna ?', 'anna ?'],
    ]);
    const { scores, metrics } = await resultOf(grumem, [group]);
    expect(scores).toEqual([
      [
        [1, 1],
        [-1, -1],
        [-1, 1],
      ],
    ]);
    // Changed in two of six turns, right in three.
    expect(metrics).toEqual({ gate_open: 1 / 3, gate_right: 0.5 });
    // A memory that loses its end has changed.
    expect((await resultOf(grumem, [marked([['anna', 'anna']])])).scores).toEqual([[[1, 1]]]);
  });

  it('reads the gate from the words of formats that have them', async () => {
    const group = marked([['anna oslo', 'anna oslo']]);
    // Not the words, though the same memory: the gate was open, where there is no evidence.
    const worded = { frames: new PromptFrames({ tokenizer, chat: miniChat }, { ...miniPrompts, unchanged: '-' }) };
    expect((await resultOf(grumem, [group], {}, worded)).scores).toEqual([[[1, -1]]]);
    const turns = group.trajectories[0].turns.map((turn, at) => (at === 1 ? { ...turn, unchanged: true } : turn));
    const said = { ...group, trajectories: [{ ...group.trajectories[0], turns }] };
    expect((await resultOf(grumem, [said], {}, worded)).scores).toEqual([[[1, 1]]]);
    expect((await resultOf(grumem, [group], { grumem: { gate: 'effect' } }, worded)).scores).toEqual([[[1, 1]]]);
    expect(babiPrompts.unchanged).toBe('<same>');
    await expect(resultOf(grumem, [group], { grumem: { gate: 'words' } })).rejects.toThrow(
      'The prompts "mini" have no words that close a gate',
    );
  });
});

/** A rollout of one memory turn that wrote "anna oslo <eos>", with the log-probabilities of its tokens. */
function written(logProbabilities: number[]) {
  const trajectory = rollout(['anna oslo']);
  const outputIds = tokenizer.encode('anna oslo <eos>');
  const [turn, answer] = trajectory.turns;
  return { ...trajectory, turns: [{ ...turn, promptIds: [], outputIds, logProbabilities }, answer] };
}

describe('opsdl', () => {
  const teacher = [-0.5, -1, -0.25];
  const scoring = (asked: string[]): Policy => ({
    ...fakePolicy().policy,
    score: async (rows) => {
      asked.push(...rows.map(({ promptIds }) => tokenizer.decode(promptIds)));
      return rows.map(() => ({ logProbabilities: teacher, entropies: [0, 0, 0] }));
    },
  });
  const group = (logProbabilities: number[]): RolloutGroup => ({
    ...groupOf([]),
    trajectories: [written(logProbabilities)],
    outcomes: [1],
    filteredChunks: ['anna oslo'],
  });

  it('is the log-ratio of teacher and student, token by token', async () => {
    const asked: string[] = [];
    const result = await resultOf(opsdl, [group([-1, -0.75, -0.25])], {}, { policy: scoring(asked) });
    expect(result.tokenAdvantages).toEqual({ added: [[[[0.5, -0.25, 0]]]], share: 0, answerShare: 0 });
    expect(asked).toEqual(['<question> anna <memory> anna ? <section> anna oslo <update>']);
    // Means of 0.5, -0.25, 0 and of their sizes.
    expect(result.metrics?.teacher_contrast).toBeCloseTo(0.25 / 3, 12);
    expect(result.metrics?.teacher_contrast_size).toBeCloseTo(0.25, 12);
  });

  it('is mixed with the outcome, discounted and cut off', async () => {
    const options = { opsdl: { outcomeWeight: 0.25, discount: 0.5, clip: 0.4 } };
    const { tokenAdvantages } = await resultOf(opsdl, [group([-1, -0.75, -0.25])], options, { policy: scoring([]) });
    // Cut off: 0.4, -0.25, 0. Summed up: 0.4 + 0.5 (-0.25) = 0.275, -0.25, 0. Times 0.75.
    const [first, second, third] = (tokenAdvantages?.added ?? [])[0][0][0];
    expect(first).toBeCloseTo(0.20625, 12);
    expect(second).toBeCloseTo(-0.1875, 12);
    expect(third).toBe(0);
    expect(tokenAdvantages).toMatchObject({ share: 0.25, answerShare: 0.25 });
  });

  it('compares probabilities if asked to', async () => {
    const options = { opsdl: { of: 'probabilities', outcomeWeight: 0.5 } } as const;
    const { tokenAdvantages } = await resultOf(opsdl, [group([-1, -0.75, -0.25])], options, { policy: scoring([]) });
    const [first, second, third] = (tokenAdvantages?.added ?? [])[0][0][0];
    // exp(-0.5) - exp(-1) = 0.6065307 - 0.3678794, exp(-1) - exp(-0.75) = 0.3678794 - 0.4723666; half of each.
    expect(first).toBeCloseTo(0.1193256, 7);
    expect(second).toBeCloseTo(-0.0522436, 7);
    expect(third).toBe(0);
  });

  it('compares probabilities so that the policy gradient is that of half the squared distance', () => {
    const softmax = (logits: number[]) => {
      const exps = logits.map(Math.exp);
      const sum = exps.reduce((a, b) => a + b);
      return exps.map((value) => value / sum);
    };
    const teacher = [0.7, 0.2, 0.1];
    const logits = [0.3, -0.4, 1.1];
    const distance = (at: number[]) =>
      softmax(at).reduce((sum, value, token) => sum + (value - teacher[token]) ** 2 / 2, 0);
    const student = softmax(logits);
    const advantages = contrast(teacher, student, 1);
    for (const logit of [0, 1, 2]) {
      // d log pi(x) / d logit is 1[x = logit] - pi(logit).
      const policyGradient = student.reduce(
        (sum, value, token) => sum + value * advantages[token] * (Number(token === logit) - student[logit]),
        0,
      );
      const moved = (by: number) => distance(logits.map((value, token) => (token === logit ? value + by : value)));
      expect(policyGradient).toBeCloseTo(-(moved(1e-4) - moved(-1e-4)) / 2e-4, 8);
    }
  });

  it('leaves out tokens that a server does not tell of, and cuts off at both ends', () => {
    expect(contrast([-1, -2, -3], [-2, Number.NaN, -3], 9)).toEqual([1, 0, 0]);
    expect(contrast([-3, -1], [-1, -3], 0.5)).toEqual([-0.5, 0.5]);
  });
});

it('methods that need relevance marks refuse questions without, and texts that were read further than marked', async () => {
  const model = new ProcessRewardModel([
    { turn: 0, question: 'anna', evidence: ['anna oslo'], memory: 'anna oslo', good: true },
    { turn: 0, question: 'anna', evidence: ['anna oslo'], memory: '', good: false },
  ]);
  for (const [method, more] of [
    [grumem, {}],
    [prm, { prepared: model }],
    [llmJudge, {}],
  ] as const) {
    const scored = (filteredChunks?: string[]) =>
      resultOf<never>(method, [{ ...groupOf([['anna oslo', 'anna oslo']]), filteredChunks }], {}, more);
    await expect(scored()).rejects.toThrow(`"q" has no relevance marks, which the method ${method.name} needs.`);
    await expect(scored(['anna oslo'])).rejects.toThrow('read more chunks than the 1 that were filtered');
  }
});

describe('himpo', () => {
  it('attenuates what the outcome does not bear out', () => {
    // The mean outcome is 0.5: gains of a success and losses of a failure stay.
    const utilities = [
      [2, -2],
      [2, -2],
    ];
    expect(inHindsight(utilities, [1, 0], 0.5)).toEqual([
      [2, -1],
      [1, -2],
    ]);
    expect(inHindsight(utilities, [1, 1], 0.5)).toEqual(utilities);
    expect(inHindsight(utilities, [1, 0], 1)).toEqual(utilities);
    // The mean of three 0.1 is not exactly 0.1 in binary.
    expect(inHindsight([[2], [2], [-2]], [0.1, 0.1, 0.1], 0.5)).toEqual([[2], [2], [-2]]);
  });

  it('counts no thoughts as memory, and everything where none is left', async () => {
    // "ben" ends a thought here.
    const { policy } = fakePolicy();
    const thinking = Object.create(tokenizer, {
      idOf: { value: (text: string) => (text === '</think>' ? tokenizer.idOf('ben') : undefined) },
    });
    const writing = (output: string, memory: string) => {
      const [turn, answer] = rollout([memory]).turns;
      const outputIds = tokenizer.encode(output);
      const written = { ...turn, promptIds: [], outputIds, logProbabilities: outputIds.map(() => -1) };
      return { ...rollout([memory]), turns: [written, answer] };
    };
    const trajectories = [writing('emma ben anna oslo <eos>', 'anna oslo'), writing('<eos>', 'anna ?')];
    const group = { ...groupOf([]), trajectories, outcomes: [1, 0] };
    const more = { policy: { ...policy, tokenizer: thinking } };
    const { tokenAdvantages } = await resultOf(himpo, [group], { himpo: { value: 'log' } }, more);
    expect(tokenAdvantages?.share).toEqual([[[[1, 1, 0, 0, 1]], [[0]]]]);
    // Utilities 1.5 and 0, so z-scores of sqrt(0.5).
    expect(tokenAdvantages?.added[0][0][0][2]).toBeCloseTo(Math.SQRT1_2, 5);
    expect(tokenAdvantages?.added[0][1][0][0]).toBeCloseTo(-Math.SQRT1_2, 5);
  });

  it('gives the z-scored utility to the tokens of the memory, and the outcome to the others', async () => {
    const better = written([-1, -1, -1]);
    const rome = tokenizer.encode('anna rome');
    const worse = { ...better, turns: [{ ...better.turns[0], memoryIds: rome }, better.turns[1]] };
    const group = { ...groupOf([]), trajectories: [better, worse], outcomes: [1, 0] };
    const { tokenAdvantages, scores, outcomes } = await resultOf(himpo, [group], { himpo: { value: 'log' } });
    // Utilities 1.5 and -1.5, borne out; their standard deviation is sqrt(4.5) = 2.12132.
    const z = 1.5 / (Math.sqrt(4.5) + 1e-6);
    const [[[first], [second]]] = tokenAdvantages?.added ?? [];
    // "anna", "oslo", and the stop token, which is no memory.
    expect(first).toEqual([expect.closeTo(z, 12), expect.closeTo(z, 12), 0]);
    expect(second).toEqual([expect.closeTo(-z, 12), expect.closeTo(-z, 12), 0]);
    expect(tokenAdvantages?.share).toEqual([[[[0, 0, 1]], [[0, 0, 1]]]]);
    expect([scores, outcomes]).toEqual([undefined, undefined]);
  });
});
