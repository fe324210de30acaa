import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type ExampleSource, exampleAt, miniSource } from '../data/examples.js';
import { miniChat } from '../data/mini/tokenizer.js';
import { PromptFrames } from '../memory/frames.js';
import { miniPrompts } from '../memory/prompts.js';
import { closeTinyPolicies, tinyPolicy as pooledPolicy, tinyTokenizer } from '../policy/engine-pool.test-support.js';
import type { LocalPolicy } from '../policy/local.js';
import { RunFolder } from '../run/folder.js';
import { type RunConfigInput, runConfigSchema, sftConfigSchema } from './config.js';
import type { TrainingEvent, TrainingSummary } from './loop.js';
import type { MetricsLine, StepMetrics } from './metrics.js';
import { train } from './reinforce.js';
import { warmUp } from './sft.js';
import { supervisedRow } from './sft-rows.js';
import { requireSameRun } from './store.js';

const tokenizer = tinyTokenizer;
const memory = { questionTokens: 4, chunkTokens: 4, memoryTokens: 5, answerTokens: 3, prompts: 'mini' as const };
const task = { chunks: 2, factsPerChunk: 2, queries: 1 };
const source = miniSource(task, 1, tokenizer);
const heldOut = miniSource(task, 2, tokenizer);

let root: string;
const policies: LocalPolicy[] = [];

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tamtrl-train-'));
});

afterAll(async () => {
  await closeTinyPolicies();
  await rm(root, { recursive: true, force: true });
});

afterEach(async () => {
  for (const policy of policies.splice(0)) await policy.close();
});

async function tinyPolicy(seed?: number): Promise<LocalPolicy> {
  const policy = await pooledPolicy(seed);
  policies.push(policy);
  return policy;
}

function configOf(more: RunConfigInput = {}) {
  return runConfigSchema.parse({
    memory,
    steps: 2,
    groupSize: 3,
    questionsPerStep: 3,
    learningRate: 1e-2,
    evaluation: { questions: 4, every: 1 },
    // Without an outcome above 0, which random weights do not reach, only this gives a gradient.
    reward: { combine: 'additive', scale: 'logprob', scope: 'turn' },
    advantage: 'mean',
    ...more,
  });
}

async function finish(run: AsyncGenerator<TrainingEvent, TrainingSummary>, onEvent?: (event: TrainingEvent) => void) {
  for (;;) {
    const next = await run.next();
    if (next.done) return next.value;
    onEvent?.(next.value);
  }
}

async function metricsOf(folder: string): Promise<MetricsLine[]> {
  const lines = (await readFile(join(folder, 'metrics.jsonl'), 'utf8')).trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as MetricsLine);
}

async function stepsOf(folder: string): Promise<StepMetrics[]> {
  return (await metricsOf(folder)).filter((line) => line.kind === 'step');
}

/** All numbers but the times. */
function timeless(lines: MetricsLine[]): object[] {
  return lines.map(({ seconds: _, ...rest }) => rest);
}

const weightsOf = (folder: string) => readFile(join(folder, 'checkpoints/last/training-state.safetensors'));

it('a run that is stopped after a step and resumed is bit by bit the run that was not', async () => {
  const config = configOf({
    steps: 3,
    teacher: 'ema',
    emaDecay: 0.5,
    miniBatches: 2,
    epochs: 2,
    klCoefficient: 0.01,
    warmupSteps: 2,
    data: { kind: 'mini', questions: 5 },
  });
  const few = miniSource(task, 1, tokenizer, 5);
  const whole = join(root, 'whole');
  const parts = join(root, 'parts');
  const setup = { config, train: few, heldOut };
  const wholeSummary = await finish(train({ ...setup, policy: await tinyPolicy(), store: new RunFolder(whole) }));

  const controller = new AbortController();
  const stopped = await finish(
    train({ ...setup, policy: await tinyPolicy(), store: new RunFolder(parts), signal: controller.signal }),
    (event) => {
      if (event.type === 'step') controller.abort(new Error('Ctrl-C'));
    },
  );
  expect(stopped).toMatchObject({ reason: 'stopped', state: { step: 1 } });
  expect(await weightsOf(parts)).not.toEqual(await weightsOf(whole));
  // Other weights in memory: everything has to come from the checkpoint.
  const resumed = await finish(
    train({ ...setup, policy: await tinyPolicy(99), store: new RunFolder(parts), resume: true }),
  );

  expect(resumed.reason).toBe('steps');
  expect(resumed.state.before).toBe(wholeSummary.state.before);
  expect((await weightsOf(parts)).equals(await weightsOf(whole))).toBe(true);
  expect(timeless(await metricsOf(parts))).toEqual(timeless(await metricsOf(whole)));
  expect(await readFile(join(parts, 'trajectories.jsonl'))).toEqual(await readFile(join(whole, 'trajectories.jsonl')));
  expect(timeless(await metricsOf(whole)).map((line) => 'kind' in line && line.kind)).toEqual([
    'evaluation',
    'step',
    'evaluation',
    'step',
    'evaluation',
    'step',
    'evaluation',
  ]);
  const steps = await stepsOf(whole);
  expect(wholeSummary.state.first?.entropy).toBe(steps[0].entropy);
  expect(resumed.state.first).toEqual(wholeSummary.state.first);
  expect(steps[0]).toMatchObject({ rows: 27, groups: 3, updates: 4, learning_rate: 0.005, questions: 3 });
  expect(steps[0].sampler_trainer_difference).toBeLessThan(1e-4);
  // The reference is the initial policy: no distance before the first update, some after it.
  expect(steps[1].kl).toBeGreaterThan(steps[0].kl);
});

it('a step counts rows and tokens, and the first update is on policy', async () => {
  const folder = join(root, 'counts');
  const policy = await tinyPolicy();
  await finish(train({ config: configOf({ steps: 1 }), policy, train: source, heldOut, store: new RunFolder(folder) }));
  const [step] = await stepsOf(folder);
  expect(step.rows).toBe(3 * 3 * 3);
  expect(step.ratio_max).toBeCloseTo(1, 4);
  expect(step.clip_fraction).toBe(0);
  expect(step.memory_tokens_by_turn).toHaveLength(2);
  // Random weights hardly ever write the old memory.
  expect(step.draft_acceptance).toBeGreaterThanOrEqual(0);
  expect(step.draft_acceptance).toBeLessThan(0.5);
  expect(step.tokens.trained).toBe(step.tokens.prompt + step.tokens.sampled);
  // Teacher: 18 memory turns, whose prompts are no longer than the student's. Reference: all rows once.
  expect(step.tokens.scored).toBeGreaterThan(step.tokens.trained);
  expect(step.turn_score).toBeGreaterThan(0);
  expect(step.turn_score).toBeLessThan(1);
  expect(step.method.teacher_score).toBeLessThan(0);
  const written = JSON.parse((await readFile(join(folder, 'trajectories.jsonl'), 'utf8')).split('\n')[0]);
  expect(written).toMatchObject({ step: 1, questionId: 'mini-1-0', answers: [expect.any(String)] });
  expect(written.turns.map(({ kind }: { kind: string }) => kind)).toEqual(['memory', 'memory', 'answer']);
});

it('another model teaches: its likelihoods are the scores, and it does not change', async () => {
  const reward = { combine: 'additive', minmax: false, scale: 'logprob' } as const;
  const config = configOf({ steps: 1, teacher: 'other', reward });
  const parts = { train: source, heldOut };
  const run = async (name: string, teacher: LocalPolicy) => {
    const folder = join(root, name);
    await finish(train({ ...parts, config, store: new RunFolder(folder), policy: await tinyPolicy(), teacher }));
    return (await stepsOf(folder))[0].turn_score;
  };
  // A copy of the policy is the policy itself; other weights have another opinion of the same memories.
  const self = join(root, 'self-taught');
  await finish(
    train({ ...parts, config: { ...config, teacher: 'self' }, store: new RunFolder(self), policy: await tinyPolicy() }),
  );
  const own = (await stepsOf(self))[0].turn_score;
  expect(await run('taught-by-copy', await tinyPolicy())).toBeCloseTo(own!, 6);
  expect(await run('taught-by-other', await tinyPolicy(7))).not.toBeCloseTo(own!, 3);
});

it('a teacher that is missing, unexpected, or has another tokenizer is refused', async () => {
  const policy = await tinyPolicy();
  const parts = { policy, train: source, heldOut, store: new RunFolder(join(root, 'untaught')) };
  const start = (teacher: 'self' | 'other', model?: LocalPolicy) =>
    finish(train({ ...parts, config: configOf({ teacher }), teacher: model }));
  await expect(start('other')).rejects.toThrow('no teacher model is given. Name one with --teacher');
  await expect(start('self', policy)).rejects.toThrow('but teacher is "self"');
  const stranger = Object.create(policy, {
    name: { value: 'stranger' },
    tokenizer: { value: { ...tokenizer, vocabularySize: tokenizer.vocabularySize, encode: () => [1, 2, 3] } },
  }) as LocalPolicy;
  await expect(start('other', stranger)).rejects.toThrow('The teacher stranger has another tokenizer than');
});

it('groups without a gradient are redrawn up to the cap, and without any other nothing is updated', async () => {
  const folder = join(root, 'dropped');
  const policy = await tinyPolicy();
  // Random weights answer wrong, and product leaves failures at 0.
  const config = configOf({ method: 'memagent', steps: 1, klCoefficient: 0, reward: { combine: 'product' } });
  await policy.save(join(root, 'before'));
  await finish(train({ config, policy, train: source, heldOut, store: new RunFolder(folder) }));
  const [step] = await stepsOf(folder);
  expect(step).toMatchObject({ reward: 0, groups: 0, dropped_groups: 6, questions: 6, rows: 0, updates: 0 });
  expect(step.turn_score).toBeUndefined();
  expect(await weightsOf(folder)).toEqual(await readFile(join(root, 'before/training-state.safetensors')));
});

it('texts of none, one and two chunks in one batch', async () => {
  const mixed: ExampleSource = {
    ...source,
    get: async (index) => {
      const example = await source.get(index);
      const cut = index % 3;
      return {
        ...example,
        chunks: example.chunks.slice(0, cut),
        filteredChunks: example.filteredChunks?.slice(0, cut),
      };
    },
  };
  const folder = join(root, 'mixed');
  const config = configOf({ steps: 1, dynamicSampling: { enabled: false }, turnCredit: 'split' });
  await finish(train({ config, policy: await tinyPolicy(), train: mixed, heldOut, store: new RunFolder(folder) }));
  expect((await stepsOf(folder))[0]).toMatchObject({ rows: 3 * (1 + 2 + 3), groups: 3, dropped_groups: 0 });
});

it('early stop after a number of evaluations without a better exact match', async () => {
  const folder = join(root, 'patience');
  const config = configOf({ steps: 9, evaluation: { questions: 2, every: 1, patience: 2 }, learningRate: 1e-6 });
  const summary = await finish(
    train({ config, policy: await tinyPolicy(), train: source, heldOut, store: new RunFolder(folder) }),
  );
  expect(summary).toMatchObject({
    reason: 'patience',
    state: { step: 2, best: { step: 0, metric: 'exact_match', score: 0 } },
  });
  expect(summary.model).toBe(join(folder, 'checkpoints/final'));
});

it('the configured outcome decides what is best, when to stop, and what an evaluation reports', async () => {
  const folder = join(root, 'outcome');
  // Any word that is written has one of these letters, and none is one of them.
  const vowels: ExampleSource = {
    ...heldOut,
    get: async (index) => ({ ...(await heldOut.get(index)), answers: [...'aeiou?>;'] }),
  };
  const config = configOf({
    steps: 3,
    learningRate: 1e-6,
    evaluation: { questions: 4, every: 1, temperature: 1, samples: 6, stopAt: 0.1, teacher: true },
    reward: { combine: 'additive', outcome: { metric: 'string_match_part' } },
  });
  const setup = { config, policy: await tinyPolicy(), train: source, heldOut: vowels, store: new RunFolder(folder) };
  const { reason, state } = await finish(train(setup));
  expect(reason).toBe('target');
  expect(state).toMatchObject({ step: 1, best: { metric: 'string_match_part' } });
  const [evaluation] = (await metricsOf(folder)).filter((line) => line.kind === 'evaluation');
  expect(evaluation).toMatchObject({ metric: 'string_match_part', score: state.before, exact_match: 0 });
  expect(evaluation).toMatchObject({ teacher_score: expect.any(Number) });
  expect(state.best?.score).toBeGreaterThanOrEqual(0.1);
});

it('settings and parts that do not fit are refused before the first step', async () => {
  const policy = await tinyPolicy();
  const start = (more: RunConfigInput, sources: { train?: ExampleSource } = {}, folder = join(root, 'refused')) =>
    finish(train({ config: configOf(more), policy, train: source, heldOut, store: new RunFolder(folder), ...sources }));
  await expect(start({ method: 'gpo' })).rejects.toThrow('There is no method "gpo"');
  await expect(start({}, { train: { ...source, relevance: false } })).rejects.toThrow('needs relevance marks');
  await expect(start({}, { train: { ...source, size: 0 } })).rejects.toThrow('The training set is empty');
  await expect(start({ memory: { ...memory, chunkTokens: 60 } })).rejects.toThrow('Lower chunkTokens to at most');
  await expect(start({}, {}, join(root, 'whole'))).rejects.toThrow('already holds a run');
});

it('a run resumes only with its own settings, and from whichever checkpoint is complete', async () => {
  const folder = join(root, 'counts');
  const policy = await tinyPolicy();
  const resume = (config: ReturnType<typeof configOf>) =>
    finish(train({ config, policy, train: source, heldOut, store: new RunFolder(folder), resume: true }));
  await expect(resume(configOf({ steps: 1, clipHigh: 0.2 }))).rejects.toThrow('clipHigh is 0.2, was 0.28');
  const nowhere = train({
    config: configOf(),
    policy,
    train: source,
    heldOut,
    store: new RunFolder(join(root, 'nowhere')),
    resume: true,
  });
  await expect(finish(nowhere)).rejects.toThrow('There is no checkpoint in');
  // The process ended between the two renames of a save.
  const checkpoints = join(folder, 'checkpoints');
  await rename(join(checkpoints, 'last'), join(checkpoints, '.last.old'));
  const saved = await new RunFolder(folder).loadCheckpoint();
  expect(saved.state).toMatchObject({ step: 1, position: 3 });
  expect(() => requireSameRun(saved, configOf({ steps: 7 }), folder)).not.toThrow();
});

it('a checkpoint of an earlier version, with its names of metrics, is resumed', async () => {
  const folder = join(root, 'earlier');
  const setup = { train: source, heldOut, store: new RunFolder(folder) };
  await finish(train({ ...setup, config: configOf({ steps: 1 }), policy: await tinyPolicy() }));
  const path = join(folder, 'checkpoints/last/run.json');
  const { state, config, format } = JSON.parse(await readFile(path, 'utf8'));
  const outcome = { ...config.reward.outcome, metric: 'exact' };
  const earlier = {
    format,
    state: { ...state, best: { step: 0, exactMatch: 0.25 } },
    config: { ...config, reward: { ...config.reward, outcome } },
  };
  await writeFile(path, JSON.stringify(earlier));
  const policy = await tinyPolicy(99);
  const summary = await finish(train({ ...setup, config: configOf({ steps: 2 }), policy, resume: true }));
  expect(summary.state).toMatchObject({ step: 2, best: { step: 0, metric: 'exact_match', score: 0.25 } });
  for (const line of await metricsOf(folder)) {
    const names = [...Object.keys(line), ...('method' in line ? Object.keys(line.method) : [])];
    expect(names.filter((name) => !/^[a-z0-9_]+$/.test(name))).toEqual([]);
  }
});

it("an earlier version's best by another metric than the outcome does not count", async () => {
  const folder = join(root, 'earlier-outcome');
  const reward = { combine: 'additive' as const, outcome: { metric: 'f1' as const } };
  const setup = { train: source, heldOut, store: new RunFolder(folder) };
  await finish(train({ ...setup, config: configOf({ steps: 1, reward }), policy: await tinyPolicy() }));
  const path = join(folder, 'checkpoints/last/run.json');
  const { state, ...rest } = JSON.parse(await readFile(path, 'utf8'));
  await writeFile(path, JSON.stringify({ ...rest, state: { ...state, best: { step: 0, exact_match: 0.9 } } }));
  const policy = await tinyPolicy(99);
  const summary = await finish(train({ ...setup, config: configOf({ steps: 2, reward }), policy, resume: true }));
  expect(summary.state.best).toMatchObject({ step: 2, metric: 'f1' });
});

it('supervised warm-up learns the ideal memories in the same loop', async () => {
  const folder = join(root, 'sft');
  const config = sftConfigSchema.parse({
    memory,
    steps: 12,
    batchSize: 16,
    learningRate: 1e-2,
    filteredShare: 0.5,
    checkpointEvery: 12,
    evaluation: { questions: 4, teacher: true, every: 0 },
  });
  const summary = await finish(
    warmUp({ config, policy: await tinyPolicy(), train: source, heldOut, store: new RunFolder(folder) }),
  );
  const lines = await metricsOf(folder);
  const losses = lines.flatMap((line) => (line.kind === 'sft' ? [line.loss] : []));
  expect(losses).toHaveLength(12);
  expect(losses[11]).toBeLessThan(losses[0] - 0.5);
  expect(summary.state).toMatchObject({ kind: 'supervised', step: 12, position: 192 });
  expect(lines.at(-1)).toMatchObject({ kind: 'evaluation', step: 12, teacher_exact_match: expect.any(Number) });
});

it('a supervised conversation: prompt from the ideal memory, target with its stop token', async () => {
  const example = await source.get(0);
  const frames = new PromptFrames({ tokenizer, chat: miniChat }, miniPrompts);
  const text = (ids: readonly number[]) => tokenizer.decode(ids);
  const parts = { frames, policy: { chat: miniChat }, config: { memory } };
  const ideal = example.idealMemories!;
  const update = supervisedRow(example, 1, false, parts);
  const chunk = text(example.chunks[1].ids);
  const { question } = example;
  expect(text(update.promptIds)).toBe(`<question> ${question} <memory> ${ideal[1]} <section> ${chunk} <update>`);
  expect(text(update.completionIds)).toBe(`${ideal[2]} <eos>`);
  const filtered = supervisedRow(example, 1, true, parts);
  const shown = example.filteredChunks![1] === '' ? '-' : example.filteredChunks![1].replace(/\s+/g, ' ');
  expect(text(filtered.promptIds)).toBe(`<question> ${question} <memory> ${ideal[1]} <section> ${shown} <update>`);
  const answer = supervisedRow(example, 2, false, parts);
  expect(text(answer.promptIds)).toBe(`<question> ${question} <memory> ${ideal[2]} <answer>`);
  expect(text(answer.completionIds)).toBe(`${example.answers[0]} <eos>`);
});

it('every epoch has all questions once, in its own order', async () => {
  const few = miniSource(task, 1, tokenizer, 6);
  const ids = async (epoch: number, seed: number) =>
    Promise.all(Array.from({ length: 6 }, async (_, at) => (await exampleAt(few, seed, epoch * 6 + at)).id));
  const [first, second, other] = [await ids(0, 1), await ids(1, 1), await ids(0, 2)];
  expect(new Set(first).size).toBe(6);
  expect([...second].sort()).toEqual([...first].sort());
  expect(second).not.toEqual(first);
  expect(other).not.toEqual(first);
  expect(await ids(0, 1)).toEqual(first);
});
