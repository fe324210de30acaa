/**
 * What every method gives each turn, or token, as its recipe sets it: from texts and log-probabilities to advantages.
 * The numbers come from a few lines of Python that know the formulas and nothing of this program.
 *
 * Four rollouts read two chunks, of which the second has evidence; "anna oslo" is right, and all but the third answer
 * right. Phi is -2 of "anna ?", -0.5 of "anna oslo" and -3.5 of "anna rome" (answer-table.test-support.ts).
 */
import { describe, expect, it } from 'vitest';
import { miniChat } from '../data/mini/tokenizer.js';
import { PromptFrames } from '../memory/frames.js';
import { miniPrompts } from '../memory/prompts.js';
import type { Policy, ScoreRow } from '../policy/types.js';
import { fakePolicy, tokenizer } from '../reward/answer-table.test-support.js';
import type { RolloutGroup } from '../reward/group.js';
import { optionsOf } from '../reward/method.js';
import { methodNamed } from '../reward/methods.js';
import { miniRollout } from '../reward/mini-rollout.test-support.js';
import { checkedResult } from '../reward/result.js';
import { findRecipe } from '../run/recipes.js';
import { type RunConfigInput, runConfigSchema } from './config.js';
import { imitated, withWholeChunks } from './objective.js';
import { earned } from './rewarded.js';

const frames = new PromptFrames({ tokenizer, chat: miniChat }, miniPrompts);

/** The teacher's log-probabilities of "anna", the city, and the stop token, by what it reads of the chunk. */
const TEACHER: Record<string, Record<string, number[]>> = {
  '-': { 'anna ?': [-0.1, -0.3, -9], 'anna oslo': [-0.1, -2, -9] },
  'anna oslo': { 'anna oslo': [-0.1, -0.2, -9], 'anna rome': [-0.1, -3, -9], 'anna ?': [-0.1, -1, -9] },
};

function policyOf(): Policy {
  const { policy } = fakePolicy();
  return {
    ...policy,
    score: async (rows: readonly ScoreRow[]) => {
      const answers = await policy.score(rows.filter(({ promptIds }) => sectionOf(promptIds) === undefined));
      return rows.map(({ promptIds, completionIds }) => {
        const section = sectionOf(promptIds);
        if (section === undefined) return answers.shift()!;
        const memory = tokenizer.decode(completionIds.slice(0, -1));
        return { logProbabilities: TEACHER[section][memory], entropies: [0, 0, 0] };
      });
    },
  };
}

const sectionOf = (promptIds: readonly number[]) => /<section> (.*) <update>$/.exec(tokenizer.decode(promptIds))?.[1];

const group: RolloutGroup = {
  id: 'q',
  question: 'anna',
  answers: ['oslo'],
  trajectories: [
    ['anna oslo', 'anna oslo'],
    ['anna ?', 'anna oslo'],
    ['anna oslo', 'anna rome'],
    ['anna oslo', 'anna ?'],
  ].map((memories, sample) => miniRollout(memories, sample)),
  outcomes: [1, 1, 0, 1],
  filteredChunks: ['', 'anna oslo'],
};

async function advantagesOf(recipe: string, groups: readonly RolloutGroup[] = [group], more: RunConfigInput = {}) {
  const patch = findRecipe(recipe)?.patch;
  const config = runConfigSchema.parse({ ...patch, ...more, memory: { prompts: 'mini' } });
  const method = methodNamed(config.method);
  const result = await method.turnScores(groups, {
    policy: policyOf(),
    frames,
    options: optionsOf(method, config.reward),
    budgets: { questionTokens: 4, chunkTokens: 4, memoryTokens: 4, answerTokens: 4 },
    temperature: 1,
    prepared: undefined,
    seed: 1,
  });
  return earned(groups[0], checkedResult(method.name, groups, result), 0, config);
}

function expectAdvantages(found: readonly (readonly number[])[], expected: readonly (readonly number[])[]) {
  expect(found.map((turns) => turns.length)).toEqual(expected.map((turns) => turns.length));
  found.forEach((turns, i) => {
    turns.forEach((value, t) => void expect(value, `rollout ${i}, turn ${t}`).toBeCloseTo(expected[i][t], 5));
  });
}

describe('advantages of turns', () => {
  it.each([
    // R, compared with all turns of the question; or less the mean of the four outcomes.
    [
      'memagent',
      [
        [0.55277, 0.55277, 0.55277],
        [0.55277, 0.55277, 0.55277],
        [-1.658309, -1.658309, -1.658309],
        [0.55277, 0.55277, 0.55277],
      ],
    ],
    [
      'memagent-mean',
      [
        [0.25, 0.25, 0.25],
        [0.25, 0.25, 0.25],
        [-0.75, -0.75, -0.75],
        [0.25, 0.25, 0.25],
      ],
    ],
    // Gains of the last memories: 1.5, 1.5, and 0 for the fourth; the third failed. Outcomes 1.0577, 1.0577, 0, 0.8845.
    [
      'infomem',
      [
        [0.671531, 0.671531, 0.671531],
        [0.671531, 0.671531, 0.671531],
        [-1.636631, -1.636631, -1.636631],
        [0.293568, 0.293568, 0.293568],
      ],
    ],
    // Gains of the first rollout: 0.471195 and 0; of the third: 0.471195 and -0.576333.
    [
      'igpo',
      [
        [0.946801, 0.666719, 1.258183],
        [0.946801, 1.538264, 1.258183],
        [-1.968858, -2.248939, -0.591463],
        [0.075256, -0.204825, 1.258183],
      ],
    ],
    [
      'igpo-separate',
      [
        [1.095303, 0.262096, 0.499999],
        [1.095303, 1.333205, 0.499999],
        [-2.214799, -3.048005, -1.499997],
        [0.024194, -0.809013, 0.499999],
      ],
    ],
    // Gains 1.5 and 0; 0 and 1.5; 1.5 and -3; 1.5 and -1.5.
    [
      'igpo-log',
      [
        [1.166078, 0.388986, 0.499999],
        [1.166078, 1.277091, 0.499999],
        [-2.610129, -3.387221, -1.499997],
        [0.277973, -0.49912, 0.499999],
      ],
    ],
    // The same gains, by min-max 1, 0, 1, 1 and 2/3, 1, 0, 1/3, times R, less the mean at the turn.
    [
      'information',
      [
        [0.5, 0.166667, 0.25],
        [-0.5, 0.5, 0.25],
        [-0.5, -0.5, -0.75],
        [0.5, -0.166667, 0.25],
      ],
    ],
    // Scores 1, 0; 0, 1; 1, -1; 1, -1.
    [
      'rememr1',
      [
        [0.499999, 0.452222, 0.399999],
        [0.1, 0.661115, 0.399999],
        [-1.099998, -1.356667, -1.199998],
        [0.499999, 0.243329, 0.399999],
      ],
    ],
    [
      'rememr1-mean',
      [
        [0.25, 0.25, 0.2],
        [0.05, 0.45, 0.2],
        [-0.55, -0.75, -0.6],
        [0.25, 0.05, 0.2],
      ],
    ],
    // Scores -1, -1; 1, 1; -1, 1; -1, 1: only the second rollout leaves the memory as it is where nothing is told.
    [
      'grumem',
      [
        [0.399999, 0.299999, 0.449999],
        [0.599999, 0.499999, 0.449999],
        [-1.399997, -1.299997, -1.349997],
        [0.399999, 0.499999, 0.449999],
      ],
    ],
    // Mean probabilities 0.520086, 0.861784; 0.822828, 0.861784; 0.520086, 0.477312; 0.520086, 0.636358.
    [
      'tamtrl',
      [
        [-0.919136, 0.966037, 0.966037],
        [0.751112, 0.966037, 0.966037],
        [-1.155124, -1.155124, -1.155124],
        [-0.919136, -0.277654, 0.966037],
      ],
    ],
    [
      'tamtrl-gated',
      [
        [0.090442, 1.295853, -0.060453],
        [1.158426, 1.295853, -0.060453],
        [-1.416758, -1.416758, -1.416758],
        [0.090442, 0.500616, -0.060453],
      ],
    ],
    [
      'tamtrl-plus-reward',
      [
        [0.079348, 1.30768, -0.074416],
        [1.16764, 1.30768, -0.074416],
        [-1.302747, -1.456511, -1.456511],
        [0.079348, 0.497322, -0.074416],
      ],
    ],
    [
      'tamtrl-no-minmax',
      [
        [-0.204516, 0.649541, 0.995005],
        [0.552172, 0.649541, 0.995005],
        [-1.504446, -1.504446, -1.504446],
        [-0.204516, 0.086101, 0.995005],
      ],
    ],
    [
      'tamtrl-per-turn',
      [
        [-0.25, 0.321429, 0.25],
        [0.75, 0.321429, 0.25],
        [-0.25, -0.678571, -0.75],
        [-0.25, 0.035714, 0.25],
      ],
    ],
    // All that the teacher wrote, or what ended right.
    [
      'star',
      [
        [1, 1, 1],
        [1, 1, 1],
        [0, 0, 0],
        [1, 1, 1],
      ],
    ],
    [
      'vanilla-kd',
      [
        [1, 1, 1],
        [1, 1, 1],
        [1, 1, 1],
        [1, 1, 1],
      ],
    ],
  ])('%s', async (recipe, expected) => {
    expectAdvantages((await advantagesOf(recipe)).advantages, expected);
  });

  it('tamtrl: min-max is over all questions of the batch', async () => {
    // Another question whose only memory has 0.477312, below all but the third rollout's of the first one.
    const low = { ...group, trajectories: [miniRollout(['anna ?', 'anna rome'], 0)], outcomes: [1] };
    const high = { ...group, trajectories: [group.trajectories[0], group.trajectories[1]], outcomes: [1, 1] };
    const { scores } = await advantagesOf('tamtrl', [high, low]);
    // (0.520086 - 0.477312) / (0.861784 - 0.477312) and (0.822828 - 0.477312) / 0.384472.
    expectAdvantages(scores ?? [], [
      [0.111254, 1],
      [0.898679, 1],
    ]);
  });
});

describe('advantages of tokens', () => {
  it('opsdl: teacher less student, with nothing for the answer', async () => {
    const { tokenAdvantages = [] } = await advantagesOf('opsdl');
    expectAdvantages(tokenAdvantages[1], [
      [0.9, 0.7, -8],
      [0.9, 0.8, -8],
      [0, 0],
    ]);
    expectAdvantages(tokenAdvantages[2].slice(0, 2), [
      [0.9, -1, -8],
      [0.9, -2, -8],
    ]);
  });

  it('sdpo: half of it, and half of the outcome', async () => {
    const { tokenAdvantages = [] } = await advantagesOf('sdpo');
    expectAdvantages(tokenAdvantages[2], [
      [-0.379154, -1.329154, -4.829154],
      [-0.379154, -1.829154, -4.829154],
      [-0.829154, -0.829154],
    ]);
  });

  it('himpo: each memory its own utility, all else the outcome', async () => {
    // Utilities 0.471195, 0; 0, 0.471195; 0.471195, -0.576333; 0.471195, -0.471195. The third rollout failed, so its
    // gain counts half; the fourth did not, so its loss does. z-scores turn by turn.
    const memory = [
      [0.783346, 0.193622],
      [-1.305577, 1.264641],
      [-0.261115, -1.116375],
      [0.783346, -0.341888],
    ];
    const { tokenAdvantages = [] } = await advantagesOf('himpo');
    tokenAdvantages.forEach((turns, i) => {
      const rest = i === 2 ? -1.658309 : 0.55277;
      const [first, second] = memory[i];
      expectAdvantages(turns, [
        [first, first, rest],
        [second, second, rest],
        [rest, rest],
      ]);
    });
  });
});

describe('imitation', () => {
  it('of rollouts that are wholly right, or of all that a teacher wrote', () => {
    expect(imitated('star', group.trajectories, [1, 0.99, 0, 1])).toEqual([
      [1, 1, 1],
      [0, 0, 0],
      [0, 0, 0],
      [1, 1, 1],
    ]);
    expect(imitated('distillation', group.trajectories.slice(0, 1), [0])).toEqual([[1, 1, 1]]);
  });

  it("distillation shows the policy the whole chunks, with the teacher's memories", () => {
    const chunks = ['ben rome', 'anna oslo emma bonn'].map((text, index) => ({
      index,
      ids: tokenizer.encode(text),
      start: 0,
      end: 0,
    }));
    const turns = group.trajectories[2].turns.map((turn, index) =>
      turn.kind === 'answer' ? turn : { ...turn, chunk: { index, start: 0, end: 0, tokens: 2 } },
    );
    const shown = withWholeChunks({ ...group.trajectories[2], turns }, { id: 'q', chunks }, frames);
    expect(shown.turns.map(({ promptIds }) => tokenizer.decode(promptIds))).toEqual([
      '<question> anna <memory> anna ? <section> ben rome <update>',
      '<question> anna <memory> anna oslo <section> anna oslo emma bonn <update>',
      '',
    ]);
    expect(shown.turns.map(({ outputIds }) => outputIds)).toEqual(turns.map(({ outputIds }) => outputIds));
  });
});
