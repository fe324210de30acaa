/** Training servers that send too much, send elsewhere, repeat the key, forget, or answer with something else. */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { miniChat, miniTokenizer } from '../../data/mini/tokenizer.js';
import { PolicyError } from '../errors.js';
import { openTinkerPolicy } from './policy.js';
import { readState } from './saved-state.js';

type Answer = { status?: number; body?: unknown; text?: string; headers?: Record<string, string> };

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

const GOOD: Record<string, unknown> = {
  get_server_capabilities: { supported_models: [{ model_name: 'mini', max_context_length: 256 }] },
  create_session: { session_id: 's' },
  create_model: { model_id: 'm' },
  save_weights_for_sampler: { sampling_session_id: 'w' },
  asample: { sequences: [{ tokens: [7, 8], logprobs: [-0.5, -0.25], stop_reason: 'length' }] },
  forward: { loss_fn_outputs: [{ logprobs: { data: [-1, -2, -3] } }], metrics: {} },
  forward_backward: { loss_fn_outputs: [{ logprobs: { data: [-1, -2, -3] } }], metrics: {} },
  optim_step: { metrics: { grad_norm: 1 } },
};

/** A server that answers every call at once. @param bad other answers, by call */
async function serve(bad: Record<string, Answer | ((headers: Record<string, unknown>) => Answer)>) {
  const calls: string[] = [];
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      const path = request.url!.split('/').at(-1)!;
      calls.push(path);
      const found = bad[path];
      const {
        status = 200,
        body = GOOD[path] ?? {},
        text,
        headers = {},
      } = typeof found === 'function' ? found(request.headers) : (found ?? {});
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text ?? JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, calls };
}

const row = { promptIds: [3, 4], completionIds: [5, 6], advantages: [1, 1], oldLogProbabilities: [-1, -1] };
const loss = { kind: 'policy-gradient', clipLow: 0.2, clipHigh: 0.2 } as const;

/** Opens, samples, scores and takes a step. */
async function use(bad: Parameters<typeof serve>[0], apiKey?: string) {
  const { baseUrl, calls } = await serve(bad);
  const options = { model: 'mini', tokenizer: miniTokenizer(), chat: miniChat, backoff: 1, retries: 1, pollPause: 1 };
  let caught: unknown;
  try {
    const policy = await openTinkerPolicy({ ...options, baseUrl, apiKey });
    try {
      await policy.sample([{ promptIds: [3, 4] }], { maxTokens: 2 });
      await policy.score([{ promptIds: [3, 4], completionIds: [5, 6] }]);
      await policy.forwardBackward([row], { loss });
      await policy.optimStep({ learningRate: 1 });
    } finally {
      await policy.close();
    }
  } catch (error) {
    caught = error;
  }
  return { caught: caught as PolicyError & { body?: unknown }, calls };
}

it('a server that does as it should is used to the end', async () => {
  expect((await use({})).caught).toBeUndefined();
});

describe('other shapes', () => {
  it.each([
    [
      'create_session',
      { session_id: null },
      /answered with something unexpected to create_session: \{"session_id":null\}/,
    ],
    [
      'create_model',
      { model_id: 7 },
      /created a model without an id, with its answer to create_model: \{"model_id":7\}/,
    ],
    ['save_weights_for_sampler', {}, /gave no session id to create_sampling_session: \{\}/],
    ['asample', { sequences: null }, /was asked for 1 samples with log-probabilities, and gave something else/],
    ['asample', { sequences: [null] }, /gave something else, in its answer to asample: \{"sequences":\[null\]\}/],
    ['asample', { sequences: [{ tokens: '7', logprobs: [0], stop_reason: 1 }] }, /gave something else/],
    ['asample', { sequences: [{ tokens: [7], logprobs: null, stop_reason: 'stop' }] }, /gave something else/],
    ['asample', { sequences: [{ tokens: [-1.5], logprobs: [0], stop_reason: 'stop' }] }, /gave something else/],
    ['forward', { loss_fn_outputs: [null] }, /did not give log-probabilities of the 1 rows that were sent/],
    ['forward', { loss_fn_outputs: [{ logprobs: { data: 'x' } }] }, /did not give log-probabilities/],
    ['forward', { loss_fn_outputs: [{ logprobs: { data: [null, null, null] } }] }, /that are not numbers/],
    ['forward_backward', {}, /did not give log-probabilities of the 1 rows/],
    ...['null', '7', '[]', '"x"', '', '<html>', `${'{"a":'.repeat(1e5)}1${'}'.repeat(1e5)}`].map(
      (text) =>
        ['optim_step', text, /answered optim_step with something other than an object in JSON \(2 attempts\)/] as const,
    ),
  ] as const)('%s answered with %j: a protocol error', async (path, answer, sentence) => {
    const { caught } = await use({ [path]: typeof answer === 'string' ? { text: answer } : { body: answer } });
    expect(caught).toMatchObject({ name: 'TinkerError', kind: 'protocol', message: expect.stringMatching(sentence) });
  });

  it('a list of models skips entries that are not models', async () => {
    const supported_models = [null, 'x', { model_name: 'mini', max_context_length: '4096' }, { model_name: 7 }];
    expect((await use({ get_server_capabilities: { body: { supported_models } } })).caught).toBeUndefined();
    expect((await use({ get_server_capabilities: { body: { supported_models: null } } })).caught).toBeUndefined();
  });

  it.each(['null', '[]', '7'])('a refusal whose body is %s is a refusal', async (text) => {
    const { caught } = await use({ asample: { status: 400, text } });
    expect(caught).toMatchObject({ kind: 'refused', message: expect.stringMatching(/refused asample \(400\): /) });
  });

  it('whatever a reply contains, the error is one of ours', async () => {
    const paths = Object.keys(GOOD);
    const faulty = fc.record({
      path: fc.constantFrom(...paths),
      answer: fc.oneof(
        fc.json({ maxDepth: 4 }).map((text): Answer => ({ text })),
        fc.record({ body: fc.object({ maxDepth: 3, key: fc.constantFrom(...keysIn(GOOD)) }) }),
        fc.record({ status: fc.constantFrom(400, 404, 410, 415, 500), text: fc.json() }),
        fc.uint8Array({ maxLength: 200 }).map((bytes): Answer => {
          return { text: Buffer.from(bytes).toString('latin1'), headers: { 'content-type': 'application/x-protobuf' } };
        }),
      ),
    });
    const numRuns = Number(process.env.TAMTRL_FAULTS ?? 25);
    await fc.assert(
      fc.asyncProperty(faulty, async ({ path, answer }) => {
        const { caught } = await use({ [path]: answer });
        if (caught !== undefined) expect(caught).toBeInstanceOf(PolicyError);
        for (const close of closing.splice(0)) close();
      }),
      { numRuns, seed: 7 },
    );
  }, 600_000);
});

function keysIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, own]) => [...(Array.isArray(value) ? [] : [name]), ...keysIn(own)]);
}

describe('too much, elsewhere, forgotten', () => {
  it('a reply of 65 MiB is refused once', async () => {
    const { caught, calls } = await use({ asample: { text: `{"x":"${'x'.repeat(65 * 2 ** 20)}"}` } });
    expect(caught).toMatchObject({ name: 'TinkerError', kind: 'protocol' });
    expect(caught.message).toMatch(/asample answered with more than 64 MiB/);
    expect(calls.filter((path) => path === 'asample')).toHaveLength(1);
  });

  it.each([302, 307])('a redirect (%s) is refused', async (status) => {
    const location = 'http://127.0.0.1:9/elsewhere?k=tml-secret-key';
    const { caught } = await use({ asample: { status, headers: { location } } }, 'tml-secret-key');
    expect(caught).toMatchObject({ name: 'TinkerError', kind: 'refused' });
    expect(caught.message).toMatch(/asample redirects to http:\/\/127\.0\.0\.1:9\/elsewhere \(30\d\)/);
  });

  it('a result that the server has lost is requested a few times, with pauses', async () => {
    const { caught, calls } = await use({ asample: { body: { request_id: 'r' } }, retrieve_future: { status: 410 } });
    expect(caught).toMatchObject({
      kind: 'unreachable',
      message: expect.stringContaining('forgotten the result of asample 2 times'),
    });
    expect(calls.filter((path) => path === 'asample')).toHaveLength(2);
  });

  it('a clock that is set forward while a result is pending does not end the wait', async () => {
    let polls = 0;
    let day = 0;
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => ++day * 86_400_000);
    try {
      const { caught } = await use({
        asample: { body: { request_id: 'r' } },
        retrieve_future: () => ({ body: ++polls < 3 ? { type: 'try_again' } : GOOD.asample }),
      });
      expect(caught).toBeUndefined();
    } finally {
      clock.mockRestore();
    }
  });

  it('a message of 2 MB is shortened, and the key in it masked, in the carried body too', async () => {
    const echo = (headers: Record<string, unknown>): Answer => ({
      status: 400,
      body: { detail: `${headers['x-api-key']} ${'y'.repeat(2e6)}` },
    });
    for (const path of ['create_model', 'asample', 'optim_step']) {
      const { caught } = await use({ [path]: echo }, 'tml-secret-key');
      expect(caught.message.length).toBeLessThan(900);
      expect(caught.message + JSON.stringify(caught.body)).not.toContain('tml-secret-key');
    }
  });

  it.each(['http://h?api_key=K3Y', 'http://me:K3Y@h', 'h?api_key=K3Y'])(
    '%s is refused without being repeated',
    async (baseUrl) => {
      const options = { baseUrl, model: 'mini', tokenizer: miniTokenizer(), chat: miniChat };
      const error = await openTinkerPolicy(options).catch((reason: Error) => reason);
      expect(error).toMatchObject({ kind: 'invalid-argument', message: expect.not.stringContaining('K3Y') });
    },
  );
});

it.each(['null', '[]', '{"path": 7}', '{"snapshots": {"a": null}}', '{'])(
  'a tinker.json of %s is one sentence',
  async (text) => {
    const folder = await mkdtemp(join(tmpdir(), 'tamtrl-tinker-'));
    await writeFile(join(folder, 'tinker.json'), text);
    await expect(readState(folder)).rejects.toThrow(/tinker\.json cannot be read: .*It should say where on the server/);
  },
);
