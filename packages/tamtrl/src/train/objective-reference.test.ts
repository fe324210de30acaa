/**
 * Whole objectives, from outcomes and scores to the gradient of every weight, against PyTorch
 * (tools/reference/make_objective_fixtures.py). Each case is two updates on the same rows, so that ratios and KL have
 * moved in the second.
 */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { EngineCore } from '../../../engine/src/core.js';
import { readTensors, relativeDifference } from '../../../engine/src/reference.test-support.js';
import { loadPretrained } from '../../../engine/src/weights/pretrained.js';
import { miniChat, miniTokenizer } from '../data/mini/tokenizer.js';
import { PromptFrames } from '../memory/frames.js';
import { miniPrompts } from '../memory/prompts.js';
import type { Trajectory, Turn } from '../memory/trajectory.js';
import type { TrainablePolicy } from '../policy/types.js';
import type { RolloutGroup } from '../reward/group.js';
import { optionsOf, type RewardMethod } from '../reward/method.js';
import { methodNamed } from '../reward/methods.js';
import { checkedResult } from '../reward/result.js';
import { checkCombinations } from './combinations.js';
import { type RunConfig, type RunConfigInput, runConfigSchema } from './config.js';
import type { Run } from './loop.js';
import { PhaseClock } from './metrics.js';
import { withoutOverlong } from './overlong.js';
import { INITIAL } from './requirements.js';
import { earned } from './rewarded.js';
import { expandRows } from './rows.js';
import { newRunState } from './store.js';
import { addLogProbabilities, updateWeights } from './updates.js';

interface Fixture {
  limits: { memory: number; answer: number };
  optimizer: RunConfigInput['optimizer'];
  learningRate: number;
  groups: {
    question: string;
    answers: string[];
    chunks: string[];
    filteredChunks: string[];
    /** Texts of the memory turns and the answer, with the sampler's log-probabilities. */
    rollouts: { outcome: number; scores: number[]; turns: { text: string; logProbabilities: number[] }[] }[];
  }[];
  cases: {
    name: string;
    /** Where the scores of memory turns come from; `opsdl` gives none, but advantages of tokens. */
    scores: 'given' | 'tamtrl' | 'opsdl';
    config: RunConfigInput;
    updates: { loss: number }[];
  }[];
}

const folder = fileURLToPath(new URL('../../fixtures/objective/', import.meta.url));
const fixture = JSON.parse(readFileSync(`${folder}cases.json`, 'utf8')) as Fixture;
const gradients = readTensors(`${folder}gradients.safetensors`);
const tokenizer = miniTokenizer();
const frames = new PromptFrames({ tokenizer, chat: miniChat }, miniPrompts);
const model = { tokenizer, chat: miniChat, contextLength: 64 };

/** One engine for all cases, which begin from the same checkpoint: compiling its graphs takes most of the time. */
let core: EngineCore;
let beginning: string;

beforeAll(async () => {
  const { config, parameters, files } = await loadPretrained(`${folder}model`);
  core = new EngineCore(config, parameters, files, { threads: 1 });
  await core.snapshot(INITIAL);
  beginning = await mkdtemp(join(tmpdir(), 'objective-'));
  await core.save(beginning);
});

afterAll(async () => {
  await core.close();
  await rm(beginning, { recursive: true, force: true });
});

const groups = fixture.groups.map(({ question, rollouts, ...group }, g): RolloutGroup => {
  const questionIds = tokenizer.encode(question);
  const initialMemoryIds = frames.initialMemory(question);
  return {
    id: `question-${g}`,
    question,
    answers: group.answers,
    filteredChunks: group.filteredChunks,
    outcomes: rollouts.map(({ outcome }) => outcome),
    trajectories: rollouts.map(({ turns }, sample): Trajectory => {
      let memoryIds: readonly number[] = initialMemoryIds;
      const written = turns.map(({ text, logProbabilities }, at): Turn => {
        const kind = at < group.chunks.length ? 'memory' : 'answer';
        const promptIds =
          kind === 'memory'
            ? frames.update(questionIds, memoryIds, tokenizer.encode(group.chunks[at]))
            : frames.answer(questionIds, memoryIds);
        const outputIds = tokenizer.encode(text);
        if (kind === 'memory') memoryIds = frames.carried(outputIds);
        const counts = { promptTokens: promptIds.length, outputTokens: outputIds.length };
        const stopReason = text.endsWith('<eos>') ? 'stop' : 'length';
        const ids = { promptIds, outputIds, memoryIds: [...memoryIds], memoryTokens: memoryIds.length };
        return { kind, logProbabilities, ...ids, ...counts, stopReason, empty: false, seconds: 0 };
      });
      const output = turns.at(-1)?.text ?? '';
      return { questionId: `question-${g}`, sample, questionIds, initialMemoryIds, turns: written, output };
    }),
  };
});

/** The engine as a policy, its calls one after another, with the gradient of each update. */
function policyOf(engine: EngineCore) {
  const found: Map<string, Float32Array>[] = [];
  let last: Promise<unknown> = Promise.resolve();
  const queued = <T>(work: () => Promise<T>): Promise<T> => {
    const next = last.then(work);
    last = next;
    return next;
  };
  const policy: TrainablePolicy = {
    ...model,
    name: 'reference',
    // Sampler and trainer differ, as with a server.
    capabilities: { score: true, snapshots: true, averages: true, train: true, exactLogProbabilities: false },
    score: (rows, options) => queued(() => engine.score(rows, options)),
    forwardBackward: (rows, options) =>
      queued(async () => {
        const result = await engine.forwardBackward(rows, options);
        const names = [...(await gradients).keys()].filter((name) => name.startsWith('0/0/'));
        const copy = (name: string) => Float32Array.from(engine.gradientOf(name) as Float32Array);
        found.push(new Map(names.map((name) => [name.slice(4), copy(name.slice(4))])));
        return result;
      }),
    optimStep: (options) => queued(() => engine.optimStep(options)),
    zeroGradients: async () => engine.zeroGradients(),
    sample: () => Promise.reject(new Error('nothing is sampled')),
    snapshot: async (name) => engine.snapshot(name),
    blendSnapshot: () => Promise.reject(new Error('nothing is averaged')),
    dropSnapshot: async () => {},
    save: async () => {},
    load: async () => {},
    exportModel: async () => {},
    close: async () => {},
  };
  return { policy, found };
}

/** What the case's method says about the rollouts. */
function turnScores(scores: Fixture['cases'][number]['scores'], config: RunConfig, policy: TrainablePolicy) {
  if (scores === 'given') {
    return { scores: fixture.groups.map(({ rollouts }) => rollouts.map((rollout) => rollout.scores)) };
  }
  const method: RewardMethod = methodNamed(scores);
  const options = optionsOf(method, config.reward);
  const { temperature } = config;
  return method.turnScores(groups, {
    policy,
    frames,
    options,
    budgets: config.memory,
    temperature,
    seed: 0,
    prepared: undefined,
  });
}

it.each(fixture.cases.map((each, at) => ({ at, ...each })))(
  'has the loss and gradients of PyTorch: $name',
  async ({ at, scores, config: settings, updates }) => {
    await core.load(beginning);
    const { policy, found } = policyOf(core);
    const config = runConfigSchema.parse({
      ...settings,
      optimizer: { ...fixture.optimizer, ...settings.optimizer },
      learningRate: fixture.learningRate,
      epochs: updates.length,
      memory: { memoryTokens: fixture.limits.memory, answerTokens: fixture.limits.answer, prompts: 'mini' },
    });
    checkCombinations(config, { name: scores === 'given' ? 'tamtrl' : scores });

    const result = checkedResult(scores, groups, await turnScores(scores, config, policy));
    const expanded = groups.flatMap((group, g) => expandRows(group.trajectories, earned(group, result, g, config)));
    const rows = withoutOverlong(expanded, config.overlong.filter);
    const run = { config, policy, frames, state: newRunState('reinforcement') } as unknown as Run<RunConfig>;
    await addLogProbabilities(run, rows, new PhaseClock());
    const done = await updateWeights(run, rows, 1, config.learningRate);

    expect(found).toHaveLength(updates.length);
    for (const [update, { loss }] of updates.entries()) {
      expect(Math.abs(done[update].result.loss - loss)).toBeLessThan(1e-5);
      for (const [name, gradient] of found[update]) {
        const expected = (await gradients).get(`${at}/${update}/${name}`)!;
        expect(relativeDifference(gradient, expected), `update ${update}, ${name}`).toBeLessThan(1e-3);
      }
    }
  },
);
