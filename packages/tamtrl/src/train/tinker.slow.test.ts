/**
 * The trainer on a policy at a Tinker server with faults: whatever happens on the way, the same numbers in the end; and
 * rollouts that are drawn ahead.
 */
import { expect, it } from 'vitest';
import type { EngineServer } from '../policy/tinker/engine-server.test-support.js';
import { FAULTS, faultProxy } from '../policy/tinker/fault-proxy.test-support.js';
import { base, essence, finish, opened, remote, served, stepsOf, useServers } from './tinker.test-support.js';

useServers();

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
