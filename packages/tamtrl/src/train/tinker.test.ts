/**
 * The trainer on a policy at a Tinker server: the same program, the same weights in the end, whatever happens on the
 * way; and what cannot be done there.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { miniSource } from '../data/examples.js';
import { miniChat } from '../data/mini/tokenizer.js';
import { closeTinyPolicies, tinyPolicy, tinyTokenizer } from '../policy/engine-pool.test-support.js';
import {
  type EngineServer,
  type EngineServerOptions,
  engineServer,
} from '../policy/tinker/engine-server.test-support.js';
import { FAULTS, faultProxy } from '../policy/tinker/fault-proxy.test-support.js';
import { openTinkerPolicy, type TinkerPolicyOptions } from '../policy/tinker/policy.js';
import type { TrainablePolicy } from '../policy/types.js';
import { RunFolder } from '../run/folder.js';
import { type RunConfigInput, runConfigSchema } from './config.js';
import type { StepMetrics } from './metrics.js';
import { train } from './reinforce.js';

const tokenizer = tinyTokenizer;
const task = { chunks: 2, factsPerChunk: 2, queries: 1 };
const base = {
  memory: { questionTokens: 4, chunkTokens: 4, memoryTokens: 5, answerTokens: 3, prompts: 'mini' },
  steps: 2,
  groupSize: 2,
  questionsPerStep: 2,
  learningRate: 1e-2,
  klCoefficient: 0,
  miniBatches: 2,
  evaluation: { questions: 2, every: 0 },
  reward: { combine: 'additive' },
} satisfies RunConfigInput;

let root: string;
const open: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tamtrl-tinker-'));
});

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

afterAll(async () => {
  await closeTinyPolicies();
  await rm(root, { recursive: true, force: true });
});

function opened<T extends { close(): Promise<void> }>(each: T): T {
  open.push(each);
  return each;
}

const served = async (more: Partial<EngineServerOptions> = {}): Promise<EngineServer> =>
  opened(await engineServer({ open: () => tinyPolicy(), pending: 0, ...more }));

const remote = async (baseUrl: string, more: Partial<TinkerPolicyOptions> = {}) => {
  const options = { model: 'mini', tokenizer, chat: miniChat, backoff: 1, pollPause: 1, retries: 12 };
  return opened(await openTinkerPolicy({ baseUrl, ...options, ...more }));
};

const start = (
  policy: TrainablePolicy,
  name: string,
  more: RunConfigInput = {},
  resume = false,
  signal?: AbortSignal,
) =>
  train({
    config: runConfigSchema.parse({ ...base, ...more }),
    policy,
    store: new RunFolder(join(root, name)),
    resume,
    signal,
    train: miniSource(task, 1, tokenizer),
    heldOut: miniSource(task, 2, tokenizer),
  });

async function finish(...args: Parameters<typeof start>) {
  const run = start(...args);
  for (;;) {
    const next = await run.next();
    if (next.done) return next.value;
  }
}

async function stepsOf(name: string): Promise<StepMetrics[]> {
  const lines = (await readFile(join(root, name, 'metrics.jsonl'), 'utf8')).trim().split('\n');
  return lines.map((line) => JSON.parse(line)).filter(({ kind }) => kind === 'step');
}

/** What must be the same, however the calls travelled. */
const essence = ({ step, reward, loss, rows, updates, ratio_max, turn_score, kl }: StepMetrics) => ({
  step,
  reward,
  loss,
  rows,
  updates,
  ratio_max,
  turn_score,
  kl,
});

it('trains as on the local engine, with updates after their gradients and the next call already queued', async () => {
  const own = opened(await tinyPolicy());
  const { sample } = own;
  // Servers take seeds of 31 bits.
  own.sample = (requests, options) =>
    sample.call(
      own,
      requests.map((request) => ({ ...request, seed: (request.seed ?? 0) % 2 ** 31 })),
      options,
    );
  await finish(own, 'local', { oldLogProbabilities: 'recompute' });
  const server = await served();
  const summary = await finish(await remote(server.url), 'remote');
  expect(summary.state.step).toBe(2);
  const [expected, found] = [await stepsOf('local'), await stepsOf('remote')];
  found.forEach((step, at) => {
    expect(step.rows).toBe(12);
    expect(step.loss).toBeCloseTo(expected[at].loss, 4);
    expect(step.turn_score).toBeCloseTo(expected[at].turn_score!, 4);
    expect(step.gradient_norm).toBeCloseTo(expected[at].gradient_norm, 3);
    expect(step).toMatchObject({ updates: 2, staleness: 0 });
  });
  const order = server.order
    .map((call) => call.split(' ')[0])
    .filter((path) => /forward_backward|optim_step/.test(path));
  expect(order).toEqual(Array.from({ length: 4 }, () => ['forward_backward', 'optim_step']).flat());
  const numbers = server.order.map((call) => Number(call.split(' ')[1]));
  expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
});

it('through a proxy that spoils a third of the requests: the same numbers', async () => {
  const clean = await served({ protobuf: true });
  await finish(await remote(clean.url), 'clean');
  const server = await served({ protobuf: true, pending: 1 });
  const proxy = opened(await faultProxy(server.url, 1 / 3, 4));
  await finish(await remote(proxy.url), 'spoilt');
  expect((await stepsOf('spoilt')).map(essence)).toEqual((await stepsOf('clean')).map(essence));
  for (const path of ['forward_backward', 'optim_step', 'asample']) expect(server.done[path]).toBe(clean.done[path]);
  for (const fault of FAULTS) expect(proxy.faults[fault]).toBeGreaterThan(0);
});

it('a server that restarts in the middle of a step: one sentence, and the run resumes from the last save', async () => {
  const whole = await served();
  const settings = { teacher: 'frozen', klCoefficient: 0.01 } as const;
  await finish(await remote(whole.url), 'whole', settings);

  let server: EngineServer | undefined;
  let restarting: Promise<void> | undefined;
  server = await served({
    before: (path, count, response) => {
      // Between the two updates of the second step.
      if (path !== 'optim_step' || count !== 3) return false;
      // The call is lost only once the server is new: sent again before that, the old one would do it.
      restarting = server!.restart().then(() => void response.destroy());
      return true;
    },
  });
  const policy = await remote(server.url);
  await expect(finish(policy, 'broken', settings)).rejects.toThrow(
    /refused optim_step \(404\): Model not found: session-1:model-0\. Was the server restarted\? You can resume from the last saved step\./,
  );
  await restarting;
  const again = await remote(server.url);
  const summary = await finish(again, 'broken', settings, true);
  expect(summary.state.step).toBe(2);
  expect((await stepsOf('broken')).map(essence)).toEqual((await stepsOf('whole')).map(essence));
  expect((await stepsOf('whole'))[1].kl).toBeGreaterThan(0);
});

it('a server that leaves out stop tokens: they are added, or the run is refused if the loss needs their probabilities', async () => {
  const whole = await served();
  const memory = { ...base.memory, memoryTokens: 20, answerTokens: 20 };
  const settings = {
    memory,
    steps: 1,
    groupSize: 4,
    questionsPerStep: 1,
    evaluation: { questions: 1, every: 0 },
  } as const;
  await finish(await remote(whole.url), 'with-stops', settings);
  const stripping = await served({ samples: 'without-stop' });
  await finish(await remote(stripping.url), 'without-stops', settings);
  const [[expected], [found]] = [await stepsOf('with-stops'), await stepsOf('without-stops')];
  expect(essence(found)).toEqual(essence(expected));
  expect(found.overflow_rate).toBeLessThan(1);
  expect(found.sampler_trainer_difference).toBeLessThan(1e-4);
  for (const [change, advice] of [
    [{ oldLogProbabilities: 'sampler' }, 'Set oldLogProbabilities to "recompute".'],
    [{ asyncRollouts: true }, 'Set asyncRollouts to false.'],
  ] as const) {
    const refused = finish(await remote(stripping.url), Object.keys(change)[0], { ...settings, ...change });
    await expect(refused).rejects.toThrow(advice);
  }
});

it('rollouts one step ahead: older by the updates of a step, and the ratio to the sampler shows it', async () => {
  const server = await served();
  await finish(await remote(server.url), 'ahead', { asyncRollouts: true, steps: 3 });
  const steps = await stepsOf('ahead');
  expect(steps.map(({ staleness }) => staleness)).toEqual([0, 2, 2]);
  expect(steps[0].sampler_trainer_difference).toBeLessThan(1e-4);
  expect(steps[1].sampler_trainer_difference).toBeGreaterThan(1e-4);
  // Questions come in the same order as without.
  await finish(await remote(server.url), 'not-ahead', { steps: 1, oldLogProbabilities: 'sampler' });
  expect(essence(steps[0])).toEqual(essence((await stepsOf('not-ahead'))[0]));
});

it('a stop while rollouts are drawn ahead keeps the last save', async () => {
  const server = await served();
  const controller = new AbortController();
  const run = start(await remote(server.url), 'stopped', { asyncRollouts: true, steps: 9 }, false, controller.signal);
  for (;;) {
    const next = await run.next();
    if (next.done) {
      expect(next.value).toMatchObject({ reason: 'stopped', state: { step: 1 } });
      break;
    }
    if (next.value.type === 'step') controller.abort(new Error('Ctrl-C'));
  }
});

it('unsupported settings are refused before the first step', async () => {
  const refusal = async (
    server: Partial<EngineServerOptions>,
    config: RunConfigInput,
    spec: Partial<TinkerPolicyOptions> = {},
  ) =>
    finish(await remote((await served(server)).url, spec), 'no', config).then(String, (error: Error) => error.message);
  expect(await refusal({}, { teacher: 'ema' })).toMatch(
    /weights that can be averaged .* which mini at http.* does not have/,
  );
  expect(await refusal({}, { dualClip: 3 })).toMatch(/no dual clip\. Remove dualClip/);
  expect(await refusal({}, { temperature: 0.7 })).toMatch(/at temperature 1 only; asked for 0\.7/);
  expect(await refusal({ losses: ['cross_entropy'] }, {})).toMatch(
    /http:\S+ does not have the loss ppo, .* \(422\): Input should be one of cross_entropy\. Choose another loss in the model's address: \?loss=/,
  );
  expect(await refusal({ places: 1 }, { klCoefficient: 0.1 })).toMatch(
    /refused create_model \(400\): at most 1 models\. The snapshot "initial" needs a second model there\. .* set klCoefficient to 0/,
  );
  expect(await refusal({}, { memory: { ...base.memory, chunkTokens: 400 } })).toMatch(/64/);
});
