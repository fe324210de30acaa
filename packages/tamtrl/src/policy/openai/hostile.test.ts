/** Servers that send too much, send elsewhere, repeat the key, or say what no server should. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { PolicyError } from '../errors.js';
import { Vigil } from '../patience.js';
import { openOpenAIPolicy } from './policy.js';
import { ask, fast, type Handler, json, models, said, serve } from './server.test-support.js';

/** `bytes` of one letter in pieces, as fast as they are taken; without end if not given. */
const flood =
  (status: number, bytes = Number.POSITIVE_INFINITY, before = '', after = ''): Handler =>
  (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.write(before);
    const piece = 'x'.repeat(2 ** 20);
    let sent = 0;
    const more = () => {
      while (sent < bytes && !response.destroyed) {
        sent += piece.length;
        if (!response.write(piece)) return void response.once('drain', more);
      }
      response.end(after);
    };
    more();
  };

const content = '{"choices":[{"message":{"content":"';

describe('too much', () => {
  const bomb = gzipSync(`${content}${'x'.repeat(2 ** 28)}"}}]}`);

  it.each([
    ['a stream without end', flood(200)],
    ['an error without end', flood(500)],
    ['a content of 100 MB', flood(200, 100 * 2 ** 20, content, '"}}]}')],
    [
      'a bomb of gzip',
      (_, response) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(bomb);
      },
    ],
  ] satisfies [string, Handler][])('%s: refused once, and not asked for again', async (_, bad) => {
    const { baseUrl, seen } = await serve([bad]);
    const policy = await openOpenAIPolicy({ ...fast, baseUrl });
    const promptIds = policy.tokenizer.encode('x');
    await expect(policy.sample([{ promptIds }], { maxTokens: 5 })).rejects.toThrow(
      /\/v1\/chat\/completions answered with more than 64 MiB\. The rest was not read\./,
    );
    expect(seen).toHaveLength(1);
  });

  it('a content of 20 MB for 5 tokens is cut before it is counted', async () => {
    const { baseUrl } = await serve([flood(200, 20 * 2 ** 20, content, '"}}]}')]);
    const policy = await openOpenAIPolicy({ ...fast, baseUrl });
    const [[sample]] = await policy.sample([{ promptIds: policy.tokenizer.encode('x') }], { maxTokens: 5 });
    expect(sample).toMatchObject({ stopReason: 'length' });
    expect(policy.tokenizer.decode(sample.tokens)).toBe('x'.repeat(20));
  });

  it.each([
    ['a message of 2 MB', 400, { error: { message: 'y'.repeat(2e6) } }],
    ['a body of 2 MB', 400, 'z'.repeat(2e6)],
    ['an object of 2 MB for a message', 400, { error: { message: { deep: 'y'.repeat(2e6) } } }],
    ['another shape of 2 MB', 200, { text: 'y'.repeat(2e6) }],
  ])('%s is shortened', async (_, status, body) => {
    const error = await ask([(__, response) => json(response, body, status)]).catch((reason: Error) => reason);
    expect((error as Error).message.length).toBeLessThan(900);
    expect((error as Error).message).toMatch(/http:\/\/127.*…/);
  });

  it.each([200, 400, 500])('200,000 brackets with status %s: one sentence that names the server', async (status) => {
    const deep: Handler = (_, response) => void response.writeHead(status).end('['.repeat(2e5) + ']'.repeat(2e5));
    const error = await ask([deep]).catch((reason: Error) => reason);
    expect(error).toMatchObject({ name: 'PolicyError', message: expect.stringMatching(/^http:\/\/127/) });
    if (status === 200) expect((error as Error).message).toContain('brackets that are nested more than 100 deep');
  });
});

describe('elsewhere', () => {
  it.each([301, 302, 303, 307, 308])('a redirect (%s) is refused: neither text nor key go there', async (status) => {
    const requests: string[] = [];
    const other = createServer((request, response) => {
      requests.push(request.url!);
      json(response, said('stolen'));
    });
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const location = `http://127.0.0.1:${(other.address() as AddressInfo).port}/v1/chat/completions?key=sk-long-secret`;
    const bad: Handler = (_, response) => void response.writeHead(status, { location }).end();
    try {
      const error = await ask([bad], { apiKey: 'sk-long-secret' }).catch((reason: Error) => reason);
      expect(error).toMatchObject({
        kind: 'refused',
        message: expect.stringContaining('redirects to http://127.0.0.1'),
      });
      expect((error as Error).message).not.toContain('sk-long-secret');
      expect(requests).toEqual([]);
    } finally {
      other.close();
    }
  });
});

describe('keys', () => {
  const echo =
    (status: number, body: (key: string) => unknown): Handler =>
    ({ headers }, response) =>
      json(response, body(headers.authorization!.slice('Bearer '.length)), status);

  it.each([
    ['a message', echo(401, (key) => ({ error: { message: `Incorrect API key: ${key}` } }))],
    ['an address in a message', echo(400, (key) => ({ detail: `http://h/?k=${encodeURIComponent(key)}` }))],
    ['a body', echo(500, (key) => `you sent ${key}`)],
    ['a body in which it is cut off', echo(500, (key) => `${'x'.repeat(189)} ${key}`)],
    ['an error as an answer', echo(200, (key) => ({ error: key }))],
    ['another shape', echo(200, (key) => ({ text: key }))],
    ['a refusal', echo(200, (key) => ({ choices: [{ message: { refusal: key } }] }))],
  ])('that a server repeats in %s are masked', async (_, bad) => {
    for (const apiKey of ['sk-long/secret+value', 'k3y']) {
      const error = await ask([bad], { apiKey }).catch((reason: Error) => reason);
      expect((error as Error).message).not.toContain(apiKey);
      expect((error as Error).message).not.toContain(encodeURIComponent(apiKey));
      expect((error as Error).message).not.toContain('sk-long');
    }
  });

  it('a short key is masked only as a word, and stays in answers', async () => {
    const { text } = await ask([(_, response) => json(response, said('The box is EMPTY.'))], { apiKey: 'EMPTY' });
    expect(text).toBe('The box is EMPTY.');
  });

  it.each(['sk-1\n', ' sk-1', 'sk–1', 'sk\u0000'])('%j cannot be sent, which is said without it', async (apiKey) => {
    const error = await openOpenAIPolicy({ ...fast, baseUrl: 'http://127.0.0.1:9/v1', apiKey }).catch((e: Error) => e);
    expect((error as Error).message).toMatch(/The API key cannot be sent: character \d of \d is/);
    expect((error as Error).message).not.toContain(apiKey);
  });

  it.each(['http://h/v1?api_key=K3Y', 'http://u:K3Y@h/v1', 'http://h/v1#K3Y', 'h/v1?api_key=K3Y'])(
    'in an address are refused without being repeated: %s',
    async (baseUrl) => {
      const error = await openOpenAIPolicy({ ...fast, baseUrl }).catch((reason: Error) => reason);
      expect(error).toMatchObject({ kind: 'invalid-argument', message: expect.not.stringContaining('K3Y') });
    },
  );
});

describe('what no server should say', () => {
  it.each([
    [4096.5, 4096],
    [-1, 8192],
    [0, 8192],
    ['4096', 8192],
    [1e300, 8192],
    [null, 8192],
  ])('a window of %j counts as %s tokens', async (max_model_len, expected) => {
    const { baseUrl } = await serve([], models({ max_model_len }));
    expect((await openOpenAIPolicy({ ...fast, baseUrl })).contextLength).toBe(expected);
  });

  it.each([
    [
      { prompt_tokens: -5, completion_tokens: 2 },
      { promptTokens: 0, completionTokens: 2 },
    ],
    [{ completion_tokens: null }, { promptTokens: 0, completionTokens: 0 }],
    [
      { prompt_tokens: '7', completion_tokens: 1.5 },
      { promptTokens: 0, completionTokens: 0 },
    ],
    ['none', { promptTokens: 0, completionTokens: 0 }],
    [null, { promptTokens: 0, completionTokens: 0 }],
  ])('a usage of %j does not lose the answer', async (usage, expected) => {
    const { text, policy } = await ask([(_, response) => json(response, { ...said('Ada did.'), usage })]);
    expect(text).toBe('Ada did.');
    expect(policy.usage).toMatchObject(expected);
  });

  it('an error with status 200 is retried, and reported if it persists', async () => {
    const loading: Handler = (_, response) => json(response, { error: 'model is loading' });
    const { text } = await ask([loading, (_, response) => json(response, said('Ada did.'))]);
    expect(text).toBe('Ada did.');
    await expect(ask([loading])).rejects.toThrow('answered with an error 3 times: model is loading.');
  });
});

it('whatever a server answers, the result is a sample or one of our errors', async () => {
  const key = fc.constantFrom(
    ...['choices', 'message', 'content', 'type', 'text', 'reasoning', 'refusal', 'finish_reason', 'usage', 'error'],
    ...['prompt_tokens', 'completion_tokens', 'data', 'id', 'max_model_len', 'owned_by', 'detail', 'message'],
  );
  const value = fc.oneof(fc.object({ key, maxDepth: 4 }), fc.jsonValue());
  const choices = fc.array(fc.record({ message: fc.object({ key, maxDepth: 2 }), finish_reason: fc.jsonValue() }));
  const body = fc.oneof(
    value.map((any) => JSON.stringify(any)),
    fc.record({ choices, usage: value }).map((any) => JSON.stringify(any)),
    fc.string(),
    fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('latin1')),
  );
  const reply = fc.record({ status: fc.constantFrom(200, 200, 200, 204, 302, 400, 404, 418, 429, 500), body });
  let current = { status: 200, body: '' };
  const answer: Handler = (_, response) => void response.writeHead(current.status).end(current.body);
  const { baseUrl } = await serve([answer], answer);
  await fc.assert(
    fc.asyncProperty(reply, async (next) => {
      current = next;
      try {
        const policy = await openOpenAIPolicy({ ...fast, baseUrl, retries: 0, apiKey: 'sk-long-secret' });
        const [[sample]] = await policy.sample([{ promptIds: policy.tokenizer.encode('x') }], { maxTokens: 5 });
        expect(sample.tokens.length).toBeLessThanOrEqual(5);
        expect(policy.contextLength).toBeGreaterThan(0);
      } catch (error) {
        expect(error).toBeInstanceOf(PolicyError);
        expect((error as Error).message.length).toBeLessThan(3000);
      }
    }),
    { numRuns: Number(process.env.TAMTRL_FAULTS ?? 60), seed: 11 },
  );
}, 3_600_000);

it('a server that does not answer is reported, and again after twice as long', async () => {
  const notes: string[] = [];
  const vigil = new Vigil('http://h', (text) => notes.push(text), 20);
  let answer = () => {};
  const waiting = vigil.during(() => new Promise<void>((resolve) => (answer = resolve)));
  while (notes.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  answer();
  await waiting;
  expect(notes[0]).toMatch(/^http:\/\/h has not answered for \d+ s\. Still waiting\.$/);
  await vigil.during(async () => {});
});

it('of a server that is slow and does answer, only longer waits are reported', async () => {
  vi.useFakeTimers();
  try {
    const notes: string[] = [];
    const vigil = new Vigil('http://h', (text) => notes.push(text));
    const wait = async (seconds: number) => {
      notes.length = 0;
      const answered = vigil.during(() => new Promise<void>((resolve) => setTimeout(resolve, 1000 * seconds)));
      await vi.advanceTimersByTimeAsync(1000 * seconds);
      await answered;
      return notes.length;
    };
    expect(await wait(20)).toBe(1);
    expect(await wait(39)).toBe(0);
    expect(await wait(130)).toBe(2);
    expect(await wait(59)).toBe(0);
    expect(await wait(61)).toBe(1);
  } finally {
    vi.useRealTimers();
  }
});
