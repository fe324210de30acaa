import { describe, expect, it } from 'vitest';
import { rewardMethods } from '../reward/methods.js';
import { findRecipe } from '../run/recipes.js';
import { checkCombinations } from './combinations.js';
import { type RunConfigInput, runConfigSchema } from './config.js';
import { discounted, type Returns, turnAdvantages } from './credit.js';
import { withTokens } from './token-advantages.js';

const score = { combine: 'score', alpha: 1 } as const;
const returns = (more: Partial<Returns>): Returns => ({ gamma: 1, lambda: 1, of: 'rewards', ...more });

/** Two rollouts, two memory turns and an answer. */
const group = {
  rewards: [
    [1, 0, 2],
    [0, 1, 0],
  ],
  outcomes: [2, 0],
  scores: [
    [1, 0],
    [0, 1],
  ],
};

describe('returns', () => {
  it('discount rewards from the end', () => {
    // 2; 0 + 0.5 x 2 = 1; 1 + 0.5 x 1 = 1.5.
    expect(discounted([1, 0, 2], 0.5)).toEqual([1.5, 1, 2]);
    expect(discounted([1, 0, 2], 1)).toEqual([3, 2, 2]);
    expect(discounted([1, 0, 2], 0)).toEqual([1, 0, 2]);
    expect(discounted([], 0.5)).toEqual([]);
  });

  it('of rewards: summed up, then compared', () => {
    // Returns 1.5, 1, 2 and 0.5, 1, 0: means 1, 1, 1.
    const options = { advantage: 'mean', combine: score, returns: returns({ gamma: 0.5 }) } as const;
    expect(turnAdvantages(group, options)).toEqual([
      [0.5, 0, 1],
      [-0.5, 0, -1],
    ]);
  });

  it('of advantages: compared, then summed up', () => {
    // Advantages 0.5, -0.5, 1 and -0.5, 0.5, -1. From the end: 1; -0.5 + 0.5; 0.5 + 0.
    const options = { advantage: 'mean', combine: score, returns: returns({ gamma: 0.5, of: 'advantages' }) } as const;
    expect(turnAdvantages(group, options)).toEqual([
      [0.5, 0, 1],
      [-0.5, 0, -1],
    ]);
    const whole = { advantage: 'question-mean', combine: score, returns: returns({ of: 'advantages' }) } as const;
    // The mean of all six is 2/3: 1/3, -2/3, 4/3 and -2/3, 1/3, -2/3.
    const expected = [
      [1, 2 / 3, 4 / 3],
      [-1, -1 / 3, -2 / 3],
    ];
    turnAdvantages(group, whole).forEach((turns, i) => {
      turns.forEach((value, t) => void expect(value).toBeCloseTo(expected[i][t], 12));
    });
  });

  it('lambda: generalised advantages with the means of the question as values', () => {
    // gamma 1: returns 3, 2, 2 and 1, 1, 0, values 2, 1.5, 1. Deltas of the first rollout: 1 + 1.5 - 2 = 0.5,
    // 0 + 1 - 1.5 = -0.5, 2 - 1 = 1; with lambda 0.5: 1, -0.5 + 0.5 = 0, 0.5 + 0 = 0.5. The second is the opposite.
    const options = { advantage: 'mean', combine: score, returns: returns({ lambda: 0.5 }) } as const;
    expect(turnAdvantages(group, options)).toEqual([
      [0.5, 0, 1],
      [-0.5, 0, -1],
    ]);
    // Lambda 0: the deltas. Close to 1: the returns less the values.
    expect(turnAdvantages(group, { ...options, returns: returns({ lambda: 0 }) })[0]).toEqual([0.5, -0.5, 1]);
    // Both below 1: gamma 0.5 has returns 1.5, 1, 2 and 0.5, 1, 0, so values 1, 1, 1. Deltas of the first rollout:
    // 1 + 0.5 - 1 = 0.5, 0 + 0.5 - 1 = -0.5, 2 - 1 = 1; summed up with 0.25: 1, -0.25, 0.5 - 0.0625.
    expect(turnAdvantages(group, { ...options, returns: returns({ gamma: 0.5, lambda: 0.5 }) })).toEqual([
      [0.4375, -0.25, 1],
      [-0.4375, 0.25, -1],
    ]);
    const nearly = turnAdvantages(group, { ...options, returns: returns({ lambda: 1 - 1e-9 }) })[0];
    [1, 0.5, 1].forEach((value, t) => void expect(nearly[t]).toBeCloseTo(value, 6));
  });
});

it('outcomes and scores compared apart, then mixed', () => {
  // A(R) = 1, -1. A(p) turn by turn: 0.5, -0.5 and -0.5, 0.5. With alpha 0.2: 0.8 + 0.1, 0.8 - 0.1, and 0.8 for the
  // answer.
  const options = { advantage: 'mean', combine: { combine: 'advantages', alpha: 0.2 } } as const;
  const [first, second] = turnAdvantages(group, options);
  [0.9, 0.7, 0.8].forEach((value, t) => void expect(first[t]).toBeCloseTo(value, 12));
  [-0.9, -0.7, -0.8].forEach((value, t) => void expect(second[t]).toBeCloseTo(value, 12));
  // Over the question: of the scores, 1, 0, 0, 1 with mean 0.5, in which answers have no part.
  const [overAll] = turnAdvantages(group, { ...options, advantage: 'question-mean' });
  [0.9, 0.7, 0.8].forEach((value, t) => void expect(overAll[t]).toBeCloseTo(value, 12));
  // Divided by deviations: sqrt(2) of outcomes 2 and 0, sqrt(0.5) of scores 1 and 0; both become sqrt(0.5).
  const [divided] = turnAdvantages(group, { ...options, advantage: 'mean-std' });
  expect(divided[0]).toBeCloseTo(Math.SQRT1_2, 5);
  expect(divided[1]).toBeCloseTo(0.6 * Math.SQRT1_2, 5);
  expect(divided[2]).toBeCloseTo(0.8 * Math.SQRT1_2, 5);
});

it('apart over the question, the place of the answer is no score', () => {
  // Scores 0.9, 0.5 and 0.1, 0.5: mean 0.5. With two zeros for the answers it would be a third.
  const scores = [
    [0.9, 0.5],
    [0.1, 0.5],
  ];
  const options = { advantage: 'question-mean', combine: { combine: 'advantages', alpha: 0.5 } } as const;
  const expected = [
    [0.7, 0.5, 0.5],
    [-0.7, -0.5, -0.5],
  ];
  turnAdvantages({ ...group, scores }, options).forEach((turns, i) => {
    turns.forEach((value, t) => void expect(value).toBeCloseTo(expected[i][t], 12));
  });
});

it('kinds: memory turns with memory turns, answers with answers', () => {
  // Memory rewards 1, 0, 0, 1: mean 0.5. Answers 2, 0: mean 1.
  expect(turnAdvantages(group, { advantage: 'kind-mean', combine: score })).toEqual([
    [0.5, -0.5, 1],
    [-0.5, 0.5, -1],
  ]);
});

it('tokens: a share of the turn, and their own', () => {
  const turn = (kind: 'memory' | 'answer', tokens: number) => ({ kind, outputIds: new Array(tokens).fill(0) });
  const trajectory = { turns: [turn('memory', 2), turn('answer', 1)] } as Parameters<typeof withTokens>[0][0];
  // 0.5 x 2 + 1 and 0.5 x 2 - 3; the answer 0.25 x 4.
  const found = { added: [[[[1, -3]]]], share: 0.5, answerShare: 0.25 };
  expect(withTokens([trajectory], [[2, 4]], found, 0)).toEqual({
    advantages: [[0, 1]],
    tokenAdvantages: [[[2, -2], [1]]],
  });
  const each = { added: [[[[1, -3]]]], share: [[[[0, 1]]]] };
  expect(withTokens([trajectory], [[2, 4]], each, 0).tokenAdvantages).toEqual([[[1, -1], [4]]]);
  expect(withTokens([trajectory], [[2, 4]], undefined, 0)).toEqual({ advantages: [[2, 4]] });
});

describe('settings that make no sense together', () => {
  const check = (config: RunConfigInput, name = 'tamtrl') => checkCombinations(runConfigSchema.parse(config), { name });

  it.each([
    [{ returns: {} }, 'with reward.combine "product" each of them has the outcome in it'],
    [{ returns: {}, objective: 'star' as const, reward: { combine: 'score' as const } }, 'imitates and has none'],
    [
      { returns: { lambda: 0.9, of: 'advantages' as const }, reward: { combine: 'score' as const } },
      'Set lambda to 1, or of to "rewards"',
    ],
    [{ returns: { lambda: 0.9 }, reward: { combine: 'score' as const } }, 'Set advantage to "mean" or "mean-std"'],
    [{ reward: { floor: 0.1, combine: 'gated' as const } }, 'reward.floor belongs to reward.combine "product"'],
    [{ overlong: { buffer: 2 }, reward: { combine: 'advantages' as const } }, 'Set overlong.buffer to 0'],
    [{ ratio: 'sequence' as const }, 'aggregation is "token-mean". Set it to "sequence-mean"'],
    [{ ratio: 'cispo' as const, dualClip: 3 }, 'Leave dualClip out'],
    [{ objective: 'star' as const, importanceSampling: {} }, 'Leave them out'],
    [{ objective: 'star' as const, entropyCoefficient: 0.1 }, 'Leave them out'],
    [{ objective: 'star' as const, dualClip: 3 }, 'dualClip and overlong.buffer belong to a policy gradient'],
    [{ objective: 'star' as const, overlong: { buffer: 2 } }, 'overlong.buffer belong to a policy gradient'],
    [
      { objective: 'distillation' as const, dynamicSampling: { criterion: 'outcome' as const } },
      'imitates every rollout of the teacher',
    ],
    [{ groupSize: 1, dynamicSampling: { criterion: 'outcome' as const } }, 'so it would drop every group'],
    [{ turnCredit: 'split' as const, aggregation: 'trajectory-mean' as const }, 'Choose one of the two'],
    [{ reward: { scaling: 'z-score' as const } }, 'punishes success'],
    [
      { memory: { prompts: 'mini-gated' as const }, data: { kind: 'babilong' as const } },
      '"mini-gated" lets the model stop reading, but in BABILong later text can change the answer',
    ],
    [{ reward: { minmax: false, scaling: 'rank' as const } }, 'reward.scaling would do nothing'],
    [{ reward: { minmax: false, minmaxEpsilon: 0.1 } }, 'reward.minmaxEpsilon would do nothing'],
    [{ reward: { minmax: false, minmaxTolerance: 0.1 } }, 'reward.minmaxTolerance would do nothing'],
    [{ reward: { scaling: 'rank' as const, minmaxEpsilon: 0.1 } }, 'is part of min-max, but reward.scaling is "rank"'],
    [{ dynamicSampling: { enabled: false, criterion: 'outcome' as const } }, 'criterion "outcome" would do nothing'],
    [{ memory: { parallel: 1 } }, 'merges read no chunk that the method tamtrl could score their turns by'],
    [{ memory: { parallel: 1, prompts: 'mini-gated' as const }, reward: { module: 'a.ts' } }, 'Choose one of the two'],
    [{ memory: { parallel: 1 }, objective: 'distillation' as const }, 'objective to "star"'],
    [{ memory: { mergeWidth: 3 } }, 'memory.mergeWidth belongs to reading side by side'],
    [{ memory: { parallel: 0, mergeWidth: 3 } }, 'memory.mergeWidth belongs to reading side by side'],
    [
      { memory: { prompts: 'mini' as const }, reward: { outcome: { extraction: { requireBox: true } } } },
      'extraction.requireBox is about a box, but memory.prompts "mini" asks for none',
    ],
    [
      { reward: { outcome: { extraction: { boxed: false, tail: 300 } } } },
      'extraction.tail is about a box, but extraction.boxed is false',
    ],
    [
      { memory: { prompts: 'mini' as const }, reward: { outcome: { extraction: { unwrapText: false } } } },
      'extraction.unwrapText is about a box, but memory.prompts "mini" asks for none',
    ],
    [
      { reward: { outcome: { metric: 'string_match_all' as const, extraction: { requireBox: true } } } },
      'the metric "string_match_all" looks at the whole output',
    ],
    [{ reward: { combine: 'advantages' as const, alpha: 2 } }, 'reward.alpha is 2. Set it to a number from 0 to 1'],
    [{ reward: { combine: 'advantages' as const } }, 'so no answer would be learned'],
    [{ reward: { combine: 'gated' as const, alpha: -2 } }, 'so success would be punished'],
    [{ overlong: { penalty: 2 } }, 'overlong.buffer is 0, so nothing is punished'],
    [
      { overlong: { buffer: 9 }, memory: { memoryTokens: 12, answerTokens: 8 } },
      'overlong.buffer is 9, more than the whole memory.answerTokens (8)',
    ],
  ])('%j is refused', (config, text) => {
    expect(() => check(config)).toThrow(text);
  });

  it('reading side by side has outcomes only', () => {
    check({ memory: { parallel: 2, mergeWidth: 3 } }, 'memagent');
    check({ memory: { parallel: 2 }, objective: 'star' }, 'memagent');
    check({ memory: { parallel: 0 } });
    check({ reward: { outcome: { extraction: { tail: 300, requireBox: true, unwrapText: false } } } });
  });

  it('gates that the prompts do not have earn nothing', () => {
    const prompts = (name: 'mini' | 'babi' | 'mini-gated') => ({ memory: { prompts: name } });
    const exit = { reward: { grumem: { exit: { early: 1 } } } };
    const words = { reward: { grumem: { gate: 'words' as const } } };
    expect(() => check({ ...exit, ...prompts('babi') }, 'grumem')).toThrow('"babi" has no words that stop it');
    expect(() => check({ ...words, ...prompts('mini') }, 'grumem')).toThrow('"mini" has no words that keep the memory');
    check({ ...exit, ...prompts('mini-gated') }, 'grumem');
    check({ ...words, ...prompts('babi') }, 'grumem');
    // Options of another method do nothing.
    check({ ...exit, ...prompts('mini') });
  });

  it('scores alone need a method with scores, or returns', () => {
    const config = { reward: { combine: 'score' as const } };
    expect(() => check(config, 'memagent')).toThrow('the method memagent has none, so no memory would be learned');
    check({ ...config, returns: {} }, 'memagent');
    check(config);
  });

  it.each(rewardMethods.map(({ name }) => name))('%s, as its recipe sets it, is accepted', (name) => {
    check(findRecipe(name)?.patch ?? {}, name);
  });
});
