/**
 * The trainer on a policy at a Tinker server: the same program, the same weights in the end; and what cannot be done
 * there. `tinker.slow.test.ts` has servers with faults, and rollouts drawn ahead.
 */
import { expect, it } from 'vitest';
import { tinyPolicy } from '../policy/engine-pool.test-support.js';
import type { EngineServerOptions } from '../policy/tinker/engine-server.test-support.js';
import type { TinkerPolicyOptions } from '../policy/tinker/policy.js';
import type { RunConfigInput } from './config.js';
import { base, finish, opened, remote, served, start, stepsOf, useServers } from './tinker.test-support.js';

useServers();

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
