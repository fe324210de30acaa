import { describe, expect, it } from 'vitest';
import { miniChat } from '../data/mini/tokenizer.js';
import { PromptFrames } from '../memory/frames.js';
import { miniPrompts } from '../memory/prompts.js';
import { fakePolicy, groupOf, tokenizer } from './answer-table.test-support.js';
import type { RolloutGroup } from './group.js';
import { information } from './information.js';
import type { MethodContext } from './method.js';
import { methodNamed } from './methods.js';
import { rewardSchema } from './options.js';

type Options = MethodContext<typeof information.options>['options'];

async function scoresOf(groups: readonly RolloutGroup[], options: Partial<Options> = {}, answerTokens = 4) {
  const { policy, seen, asked } = fakePolicy();
  const frames = new PromptFrames({ tokenizer, chat: miniChat }, miniPrompts);
  const result = await information.turnScores(groups, {
    policy,
    frames,
    options: { minmax: false, scope: 'turn', ...options },
    budgets: { questionTokens: 4, chunkTokens: 4, memoryTokens: 4, answerTokens },
    temperature: 0.7,
    prepared: undefined,
    seed: 1,
  });
  return { ...result, seen, asked };
}

describe('the method information', () => {
  it('scores a turn with its gain in the mean log-likelihood of the gold answer', async () => {
    // Phi: -2 of "anna ?", -0.5 of "anna oslo", -3.5 of "anna rome".
    const { scores, metrics } = await scoresOf([
      groupOf([
        ['anna ?', 'anna oslo'],
        ['anna oslo', 'anna rome'],
      ]),
    ]);
    expect(scores).toEqual([
      [
        [0, 1.5],
        [1.5, -3],
      ],
    ]);
    // Of the last memories, and from the first to the last.
    expect(metrics).toEqual({ answerLogLikelihood: -2, informationGain: 0 });
  });

  it('adds the later gains in the form to-go', async () => {
    const { scores, metrics } = await scoresOf([groupOf([['anna oslo', 'anna rome', 'anna oslo']])], {
      information: { form: 'to-go' },
    });
    expect(scores).toEqual([[[1.5, 0, 3]]]);
    expect(metrics).toEqual({ answerLogLikelihood: -0.5, informationGain: 1.5 });
  });

  it('telescopes: going in circles earns nothing', async () => {
    const circle = ['anna oslo', 'anna ?', 'anna oslo', 'anna rome', 'anna ?'];
    const { scores } = await scoresOf([groupOf([circle])]);
    expect(scores?.[0][0].reduce((a, b) => a + b, 0)).toBe(0);
    expect(scores?.[0][0].some((gain) => gain !== 0)).toBe(true);
  });

  it('takes the most likely gold answer, separately for each memory', async () => {
    // "anna ?" and "anna oslo" make oslo likelier, "anna rome" makes rome likelier: -0.25 instead of -3.5.
    const { scores } = await scoresOf([groupOf([['anna oslo', 'anna rome']], ['rome', 'oslo'])]);
    expect(scores).toEqual([[[1.5, 0.25]]]);
  });

  it('takes gold answers that belong together as one', async () => {
    const { policy } = fakePolicy();
    const targets: string[] = [];
    const answerTarget = (answer: string) => {
      targets.push(answer);
      return 'oslo';
    };
    const frames = new PromptFrames({ tokenizer, chat: miniChat }, { ...miniPrompts, answerTarget });
    const { scores } = await information.turnScores(
      [{ ...groupOf([['anna oslo']], ['oslo', 'rome']), answersWanted: 'all' }],
      {
        policy,
        frames,
        options: { minmax: false, scope: 'turn' },
        budgets: { questionTokens: 4, chunkTokens: 4, memoryTokens: 4, answerTokens: 4 },
        temperature: 1,
        prepared: undefined,
        seed: 1,
      },
    );
    expect(targets).toEqual(['oslo, rome']);
    expect(scores).toEqual([[[1.5]]]);
  });

  it('asks in the words of the answer prompt, with the stop token, once for each different memory', async () => {
    const groups = [groupOf([['anna ?', 'anna oslo'], ['anna oslo']]), groupOf([[]]), groupOf([])];
    const { seen, tokens, asked, scores } = await scoresOf(groups);
    const prompt = (memory: string) => `<question> anna <memory> ${memory} <answer>`;
    expect(seen).toEqual([
      { prompt: prompt('anna ?'), answer: 'oslo <eos>' },
      { prompt: prompt('anna oslo'), answer: 'oslo <eos>' },
      { prompt: prompt('anna ?'), answer: 'oslo <eos>' },
    ]);
    expect(tokens).toBe(3 * (6 + 2));
    expect(asked).toEqual([{ temperature: 0.7, weights: undefined, signal: undefined }]);
    expect(scores).toEqual([[[0, 1.5], [1.5]], [[]], []]);
  });

  it('reads no more of an answer than the policy could write', async () => {
    const { seen, scores } = await scoresOf([groupOf([['anna oslo']])], {}, 1);
    expect(seen.map(({ answer }) => answer)).toEqual(['oslo', 'oslo']);
    expect(scores).toEqual([[[2.5]]]);
  });

  it('brings the scores to [0, 1] over the scope', async () => {
    const { scores } = await scoresOf([groupOf([['anna oslo'], ['anna rome'], ['anna ?']])], { minmax: true });
    expect(scores).toEqual([[[1], [0], [0.5]]]);
  });

  it('refuses a question without a gold answer, and needs no relevance marks', async () => {
    await expect(scoresOf([groupOf([['anna oslo']], [])])).rejects.toThrow('"q" has no gold answer');
    expect(methodNamed('information')).toBe(information);
    expect(information.requires).toEqual({ score: true });
  });

  it('has its form in the configuration, and leaves configurations that do not set it as they are', () => {
    expect(rewardSchema.parse({ information: { form: 'to-go' } }).information).toEqual({ form: 'to-go' });
    expect(rewardSchema.parse({})).not.toHaveProperty('information');
    expect(rewardSchema.safeParse({ information: { form: 'sum' } }).success).toBe(false);
    expect(rewardSchema.safeParse({ information: { frm: 'gain' } }).success).toBe(false);
  });
});
