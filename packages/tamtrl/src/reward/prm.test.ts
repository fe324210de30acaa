import { afterAll, beforeAll, expect, it } from 'vitest';
import { PromptFrames } from '../memory/frames.js';
import { promptFormatNamed } from '../memory/prompts.js';
import { EMBEDDED_MINI } from '../models/embedded.js';
import { type LocalPolicy, openLocalPolicy } from '../policy/local.js';
import { findPreset } from '../run/presets/presets.js';
import { openSources } from '../run/sources.js';
import { runConfigSchema } from '../train/config.js';
import type { PreparationContext } from './method.js';
import { makeProcessReward } from './prm.js';

const config = runConfigSchema.parse({ ...findPreset('mini')?.train, groupSize: 2 });
const policies: LocalPolicy[] = [];

beforeAll(async () => {
  for (let at = 0; at < 3; at++) policies.push(await openLocalPolicy(EMBEDDED_MINI));
});

afterAll(() => Promise.all(policies.map((policy) => policy.close())));

it('a process reward model is made from the own rollouts, tells its accuracy, and comes out the same again', async () => {
  const [policy, ...copies] = policies;
  const { train } = await openSources(config, policy.tokenizer, { needsRelevance: true });
  const settings = { questions: 10, steps: 4, batchSize: 8, learningRate: 1e-3 };
  const memory = { question: 'anna', evidence: 'anna oslo', memory: 'anna oslo' };
  const untrained = async (own: LocalPolicy) => own.score([{ promptIds: [4], completionIds: [5] }]);
  const before = await untrained(copies[0]);
  const verdicts: number[] = [];
  const notes: string[] = [];
  const context = (own: LocalPolicy): PreparationContext => ({
    ...config,
    policy,
    openCopy: async () => own,
    frames: new PromptFrames(policy, promptFormatNamed(config.memory.prompts)),
    options: {},
    budgets: config.memory,
    empty: config.memory.empty,
    train,
    note: (text) => void notes.push(text),
  });
  for (const own of copies)
    verdicts.push(...(await (await makeProcessReward(context(own), settings)).probabilities([memory])));
  expect(verdicts[0]).toBe(verdicts[1]);
  expect(verdicts[0]).toBeGreaterThan(0);
  // A fifth of the ten questions is for the test: two rollouts of four memories each.
  expect(notes[1]).toMatch(
    /^Process reward model: \d+\.\d% of 16 held-out memories told right \(good ones .*, bad ones /,
  );
  expect(notes.slice(0, 2)).toEqual(notes.slice(2));
  // The copy has learned, the policy has not.
  expect(await untrained(copies[0])).not.toEqual(before);
  expect(await untrained(policy)).toEqual(before);
  await expect(makeProcessReward(context(policy), settings)).rejects.toThrow('openCopy gave the policy itself');
});
