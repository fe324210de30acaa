/**
 * The client and the policy against a server whose numbers are the local engine's: parity, training, faults, refusals.
 */
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { miniChat } from '../../data/mini/tokenizer.js';
import { openModel } from '../../models/open.js';
import { closeTinyPolicies, tinyPolicy, tinyTokenizer } from '../engine-pool.test-support.js';
import { PolicyError } from '../errors.js';
import type { LocalPolicy } from '../local.js';
import type { Sample, TrainingRow } from '../types.js';
import { type EngineServer, type EngineServerOptions, engineServer } from './engine-server.test-support.js';
import { TinkerError } from './errors.js';
import { openTinkerPolicy, type TinkerPolicy, type TinkerPolicyOptions } from './policy.js';
import { areCopies, sampleOf } from './sampling.js';

const tokenizer = tinyTokenizer;
const open: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

afterAll(closeTinyPolicies);

async function local(): Promise<LocalPolicy> {
  const policy = await tinyPolicy();
  open.push(policy);
  return policy;
}

async function remote(
  server: Partial<EngineServerOptions> = {},
  more: Partial<TinkerPolicyOptions> = {},
): Promise<{ policy: TinkerPolicy; server: EngineServer }> {
  const started = await engineServer({ open: () => tinyPolicy(), ...server });
  open.push(started);
  const scaling = server.scaling ?? 'sum';
  const policy = await openTinkerPolicy({
    baseUrl: started.url,
    model: 'mini',
    tokenizer,
    chat: miniChat,
    scaling,
    backoff: 1,
    pollPause: 2,
    retries: 3,
    timeout: 2000,
    ...more,
  });
  open.push(policy);
  return { policy, server: started };
}

const rows: TrainingRow[] = [
  {
    promptIds: [3, 4, 5],
    completionIds: [6, 7, 8, 9],
    advantages: [1, 1, 1, 1],
    oldLogProbabilities: [-4, -4.5, -3, -4],
    lossWeights: [0.1, 0.1, 0.1, 0.1],
  },
  {
    promptIds: [9, 3],
    completionIds: [5, 4],
    advantages: [-0.5, -0.5],
    oldLogProbabilities: [-3.5, -4.2],
    lossWeights: [0.2, 0.2],
  },
];
const ppo = { kind: 'policy-gradient', clipLow: 0.2, clipHigh: 0.28 } as const;

/** Log-probabilities after one update. */
async function stepped(
  policy: LocalPolicy | TinkerPolicy,
  loss: typeof ppo | { kind: 'cross-entropy' },
  data = rows,
): Promise<{ loss: number; gradientNorm: number; after: number[] }> {
  const result = await policy.forwardBackward(data, { loss });
  const { gradientNorm } = await policy.optimStep({ learningRate: 1e-2 });
  const after = (await policy.score(data)).flatMap(({ logProbabilities }) => logProbabilities);
  return { loss: result.loss, gradientNorm, after };
}

const close = (found: readonly number[], expected: readonly number[], tolerance: number) => {
  expect(found).toHaveLength(expected.length);
  found.forEach((value, at) => void expect(Math.abs(value - expected[at])).toBeLessThan(tolerance));
};

describe('parity with the local engine', () => {
  it('log-probabilities and samples', async () => {
    const own = await local();
    const { policy } = await remote();
    const expected = await own.score(rows);
    (await policy.score(rows)).forEach(
      ({ logProbabilities }, at) => void close(logProbabilities, expected[at].logProbabilities, 1e-5),
    );
    const requests = [
      { promptIds: [3, 4], samples: 3, seed: 5 },
      { promptIds: [7], seed: 6 },
    ];
    const settings = { maxTokens: 6, temperature: 1, stopIds: miniChat.stopIds };
    expect(await policy.sample(requests, settings)).toEqual(await own.sample(requests, settings));
  });

  it.each(['sum', 'average'] as const)(
    'a PPO step goes the same way on a server that takes the %s',
    async (scaling) => {
      const expected = await stepped(await local(), ppo);
      const { policy } = await remote({ scaling });
      const found = await stepped(policy, ppo);
      expect(found.loss).toBeCloseTo(expected.loss, 5);
      expect(found.gradientNorm / expected.gradientNorm).toBeCloseTo(1, 4);
      close(found.after, expected.after, 1e-3);
    },
  );

  it('a KL term in the advantages has the gradient of the one in the loss, against a frozen snapshot', async () => {
    const own = await local();
    const { policy } = await remote();
    const found: { gradient: number; loss: number; after: number[] }[] = [];
    for (const each of [own, policy]) {
      await each.snapshot('initial');
      await stepped(each, ppo);
      const reference = await each.score(rows, { weights: 'initial' });
      const old = await each.score(rows);
      const on = rows.map((row, at) => ({
        ...row,
        oldLogProbabilities: old[at].logProbabilities,
        referenceLogProbabilities: reference[at].logProbabilities,
      }));
      const { loss, metrics } = await each.forwardBackward(on, { loss: { ...ppo, klCoefficient: 2 } });
      expect(metrics.kl).toBeGreaterThan(1e-6);
      const { gradientNorm } = await each.optimStep({ learningRate: 1e-2 });
      const after = (await each.score(rows)).flatMap(({ logProbabilities }) => logProbabilities);
      const again = await each.score(rows, { weights: 'initial' });
      close(
        again.flatMap(({ logProbabilities }) => logProbabilities),
        reference.flatMap(({ logProbabilities }) => logProbabilities),
        1e-6,
      );
      found.push({ gradient: gradientNorm, loss, after });
    }
    expect(found[1].loss).toBeCloseTo(found[0].loss, 5);
    expect(found[1].gradient / found[0].gradient).toBeCloseTo(1, 4);
    close(found[1].after, found[0].after, 1e-3);
  });

  it('a trained model opens by its folder, once its server is allowed', async () => {
    const embedded = fileURLToPath(new URL('../../../models/mini', import.meta.url));
    const started = await engineServer({ open: () => tinyPolicy() });
    open.push(started);
    const policy = (await openModel(`tinker:${started.url}?rank=4#mini`, { tokenizer: embedded })) as TinkerPolicy;
    const { after } = await stepped(policy, ppo);
    const folder = await mkdtemp(join(tmpdir(), 'tinker-'));
    await policy.exportModel(folder);
    await policy.close();
    const sessions = started.done.create_session;
    await expect(openModel(folder)).rejects.toThrow(
      `tinker.json names the server ${started.url}, but you have not named it. It would get your API key and your text, so nothing was sent. If you trust it, add --allow-host ${started.url} `,
    );
    expect(started.done.create_session).toBe(sessions);
    const again = await openModel(folder, { allowHosts: [started.url] });
    open.push(again);
    close(
      (await again.score(rows)).flatMap(({ logProbabilities }) => logProbabilities),
      after,
      1e-6,
    );
    expect(again.name).toBe(`mini at ${started.url}`);
  });

  it('cross-entropy moves the loss the same way, filled-up lengths too', async () => {
    const expected = await stepped(await local(), { kind: 'cross-entropy' });
    for (const padTo of [1, 16]) {
      const { policy } = await remote({}, { padTo });
      const found = await stepped(policy, { kind: 'cross-entropy' });
      expect(found.loss).toBeCloseTo(expected.loss, 5);
      close(found.after, expected.after, 1e-3);
    }
  });

  it('a batch too large for one request is split, and the gradients add up before the update', async () => {
    const many = Array.from({ length: 1100 }, (_, at) => ({
      promptIds: [3 + (at % 5)],
      completionIds: [4 + (at % 7), 9],
      oldLogProbabilities: [-4, -4],
      advantages: [at % 3 ? 1 : -1, 1],
      lossWeights: [1e-3, 1e-3],
    }));
    const expected = await stepped(await local(), ppo, many);
    const { policy, server } = await remote();
    const found = await stepped(policy, ppo, many);
    expect(server.done).toMatchObject({ forward_backward: 2, optim_step: 1, forward: 2 });
    expect(server.order).toEqual(['forward_backward 1', 'forward_backward 2', 'optim_step 3']);
    expect(found.loss).toBeCloseTo(expected.loss, 5);
    expect(found.gradientNorm / expected.gradientNorm).toBeCloseTo(1, 4);
    close(found.after, expected.after, 1e-3);
  });

  it('saves, is moved, and is restored', async () => {
    const { policy } = await remote();
    const folder = await mkdtemp(join(tmpdir(), 'tinker-'));
    const before = (await stepped(policy, ppo)).after;
    await policy.save(folder);
    expect(JSON.parse(await readFile(join(folder, 'tinker.json'), 'utf8'))).toMatchObject({
      model: 'mini',
      steps: 1,
    });
    await stepped(policy, ppo);
    await policy.load(folder);
    close(
      (await policy.score(rows)).flatMap(({ logProbabilities }) => logProbabilities),
      before,
      1e-6,
    );
    await policy.exportModel(folder);
    expect(JSON.parse(await readFile(join(folder, 'tinker.json'), 'utf8'))).toMatchObject({
      sampler: expect.stringContaining('sampler'),
    });
    await expect(openModel(folder)).rejects.toThrow(/does not say how to open its model/);
  });
});

describe('faults', () => {
  it('lost, late and garbled replies and temporary refusals are retried, and no batch is trained twice', async () => {
    const expected = await stepped(await local(), ppo);
    const { policy, server } = await remote({
      pending: 3,
      before: (path, count, response) => {
        if (path === 'forward_backward' && count === 1) {
          response.destroy();
          return true;
        }
        if (path === 'optim_step' && count === 1) {
          response.writeHead(429).end('{"detail":"slow down"}');
          return true;
        }
        if (path === 'forward' && count === 1) {
          response.end('{"garbled');
          return true;
        }
        return false;
      },
      // The work is done, and the answer never comes.
      lose: (path, count) => ['forward_backward', 'optim_step'].includes(path) && count === 2,
    });
    const found = await stepped(policy, ppo);
    close(found.after, expected.after, 1e-3);
    expect(server.done).toMatchObject({ forward_backward: 1, optim_step: 1, forward: 1 });
  });

  it('a server that does not recognise repeated calls gets gradients once; a lost answer stops the run', async () => {
    const lost = await remote({ lose: (path, count) => path === 'optim_step' && count === 1 }, { resend: false });
    await lost.policy.forwardBackward(rows, { loss: ppo });
    await expect(lost.policy.optimStep({ learningRate: 1e-2 })).rejects.toThrow(
      /for optim_step: .*The call may or may not have run, .* so it is not sent again\. You can resume/,
    );
    expect(lost.server.done).toMatchObject({ forward_backward: 1, optim_step: 1 });
    const forgetful = await remote(
      {
        before: (path, count, response) => {
          if (path !== 'retrieve_future' || count < 3) return false;
          response.writeHead(410).end('{"detail":"gone"}');
          return true;
        },
      },
      { resend: false },
    );
    await expect(forgetful.policy.forwardBackward(rows, { loss: ppo })).rejects.toThrow(
      /has forgotten the result of forward_backward/,
    );
    expect(forgetful.server.done.forward_backward).toBe(1);
    // An update without its gradients is not made.
    await expect(forgetful.policy.optimStep({ learningRate: 1e-2 })).rejects.toThrow(/has forgotten the result/);
    expect(forgetful.server.done.optim_step).toBeUndefined();
  });

  it('a server that stays unreachable: one sentence with advice', async () => {
    const { policy, server } = await remote({}, { retries: 1 });
    await server.close();
    const error = await policy.score(rows).catch((each: unknown) => each);
    expect(TinkerError.isInstance(error)).toBe(true);
    expect(PolicyError.isInstance(error, 'unreachable')).toBe(true);
    expect(TinkerError.isInstance(new PolicyError('unreachable', 'Gone.'))).toBe(false);
    expect(error).toMatchObject({ kind: 'unreachable', path: 'forward', server: server.url });
    expect((error as Error).message).toMatch(
      /cannot be reached for forward: \w+ \(2 attempts\)\. Is the server running\? You can resume from the last saved step\./,
    );
  });

  it('a call can be broken off', async () => {
    const stuck = (path: string, count: number, response: { end: (text: string) => unknown }) => {
      if (path !== 'retrieve_future' || count < 3) return false;
      response.end('{"type":"try_again"}');
      return true;
    };
    const { policy } = await remote({ before: stuck });
    const signal = AbortSignal.timeout(100);
    await expect(policy.score(rows, { signal })).rejects.toThrow(/timeout/i);
  });
});

describe('samples other than asked for', () => {
  const many = { promptIds: [3, 4], samples: 6, seed: 5 };

  it('without their stop tokens: these are added, with unknown likelihood', async () => {
    const notes: string[] = [];
    const settings = { maxTokens: 30, stopIds: miniChat.stopIds };
    const [expected] = await (await local()).sample([many], settings);
    const { policy } = await remote({ samples: 'without-stop' }, { note: (text) => notes.push(text) });
    const [found] = await policy.sample([many], settings);
    const short = ({ tokens, stopReason }: Sample) => ({ tokens, stopReason });
    expect(found.map(short)).toEqual(expected.map(short));
    const ended = found.filter(({ stopReason }) => stopReason === 'stop');
    expect(ended.length).toBeGreaterThan(1);
    for (const { logProbabilities, tokens } of ended) {
      expect(logProbabilities.map(Number.isNaN)).toEqual(tokens.map((_, at) => at === tokens.length - 1));
    }
    expect(notes).toEqual([expect.stringMatching(/^http:\S+ leaves the stop token out of its samples\. It is added/)]);
  });

  it.each([
    ['the limit is reached', { tokens: [5, 6, 7], stop_reason: 'stop' }, [5, 6, 7], 'length'],
    ['the server says that it cut', { tokens: [5], stop_reason: 'length' }, [5], 'length'],
    ['the server gives no reason', { tokens: [5], stop_reason: null }, [5, 2], 'stop'],
    ['nothing was written', { tokens: [], stop_reason: 'stop' }, [2], 'stop'],
    ['the turn ends in another way', { tokens: [5, 9], stop_reason: 'stop' }, [5, 9], 'stop'],
    ['tokens follow', { tokens: [5, 2, 7], stop_reason: 'length' }, [5, 2], 'stop'],
  ] as const)('where %s', (_, { tokens, stop_reason }, expected, stopReason) => {
    const sequence = { tokens: [...tokens], logprobs: tokens.map(() => -1), stop_reason };
    const { sample } = sampleOf(sequence, { stopIds: [2], maxTokens: 3, controlIds: new Set([2, 9]) });
    expect(sample).toMatchObject({ tokens: expected, stopReason });
    expect(sample.logProbabilities).toHaveLength(expected.length);
  });

  it('copies: seen by their unlikelihood, and drawn again one by one', async () => {
    const notes: string[] = [];
    const { policy, server } = await remote({ samples: 'copies' }, { note: (text) => notes.push(text) });
    const settings = { maxTokens: 6, stopIds: miniChat.stopIds };
    const [found] = await policy.sample([many], settings);
    const texts = (samples: readonly Sample[]) => new Set(samples.map(({ tokens }) => tokens.join()));
    expect(texts(found).size).toBeGreaterThan(3);
    expect(server.done.asample).toBe(1 + 6);
    expect(await policy.sample([many], settings)).toEqual([found]);
    expect(server.done.asample).toBe(1 + 6 + 6);
    expect(notes).toEqual([expect.stringMatching(/returns copies of one sample .* with its own seed\.$/)]);
  });

  it('copies are expected of a model that is certain, and of greedy sampling', async () => {
    const sure: Sample = { tokens: [5, 6], logProbabilities: [-1e-9, -0.1], stopReason: 'stop' };
    const unsure = { ...sure, logProbabilities: [-3, -2] };
    expect(areCopies([[sure, sure, sure, sure]], 1)).toBe(false);
    expect(areCopies([[unsure, unsure, unsure, unsure]], 1)).toBe(true);
    expect(areCopies([[unsure, unsure, unsure, { ...unsure, tokens: [5, 7] }]], 1)).toBe(false);
    // Within a tenth of the probability, either token may have had all of it.
    expect(areCopies([[unsure, unsure, unsure, unsure]], 0.05)).toBe(false);
    const { policy, server } = await remote({ samples: 'copies' });
    await policy.sample([many], { maxTokens: 6, temperature: 0 });
    expect(server.done.asample).toBe(1);
  });
});

describe('refusals', () => {
  const refused = (server: Partial<EngineServerOptions>, more: Partial<TinkerPolicyOptions> = {}) =>
    remote(server, more).then(
      () => '',
      (error: TinkerError) => `${error.kind}: ${error.message}`,
    );

  it('a wrong key, a wrong model, a window that is too small: at start, naming the server', async () => {
    const key = await refused({ key: 'tml-right' }, { apiKey: 'tml-wrong' });
    expect(key).toMatch(
      /^refused: http:\/\/127\.0\.0\.1:\d+ does not accept the key \(401\): invalid key\. Set TINKER_API_KEY/,
    );
    expect(key).not.toContain('tml-wrong');
    expect(await refused({}, { model: 'other' })).toMatch(/has no model "other"\. It has: mini\./);
    expect(await refused({ contextLength: 64 }, { contextLength: 8192 })).toMatch(
      /accepts at most 64 tokens for mini; 8192 were requested/,
    );
    expect(await refused({}, { baseUrl: 'nowhere' })).toMatch(/is not the address of a server/);
    const inside = await refused({}, { baseUrl: 'http://me:tml-secret@127.0.0.1:1' });
    expect(inside).toMatch(/must not contain a key, password or query; found one at 127\.0\.0\.1:1\./);
    expect(inside).not.toContain('tml-secret');
  });

  it("what the protocol's losses do not have, and what this server does not", async () => {
    const { policy } = await remote({ losses: ['cross_entropy'] });
    await expect(policy.forwardBackward(rows, { loss: ppo })).rejects.toThrow(
      /refused forward_backward \(422\): Input should be one of cross_entropy\./,
    );
    await expect(policy.forwardBackward(rows, { loss: { ...ppo, dualClip: 3 } })).rejects.toThrow('no dual clip');
    await expect(policy.score(rows, { temperature: 0.7 })).rejects.toThrow('at temperature 1 only; asked for 0.7');
    await expect(policy.blendSnapshot()).rejects.toThrow('cannot blend weights. Use the teacher "self" or "frozen"');
    await expect(policy.score(rows, { weights: 'initial' })).rejects.toThrow('has no snapshot "initial"');
    const averaging = await remote({ scaling: 'average' });
    await expect(averaging.policy.forwardBackward(rows, { loss: { kind: 'cross-entropy' } })).rejects.toThrow(
      'cannot be weighted against one another',
    );
  });
});
