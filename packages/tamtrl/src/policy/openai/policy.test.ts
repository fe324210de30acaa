/** The client against a server that misbehaves in every way that servers do, and against replies of the known kinds. */
import { describe, expect, it } from 'vitest';
import { miniChat, miniTokenizer } from '../../data/mini/tokenizer.js';
import { isTrainable } from '../trainable.js';
import { CountingTokenizer, messageFormat } from './counting-tokenizer.js';
import { openOpenAIPolicy } from './policy.js';
import { ask, fast, type Handler, json, models, said, serve } from './server.test-support.js';

describe('what servers do', () => {
  const good: Handler = (_, response) => json(response, said('Ada did.'));
  const status =
    (code: number, body: unknown = { error: { message: 'no luck' } }, headers = {}): Handler =>
    (_, response) =>
      json(response, body, code, headers);
  const half: Handler = (_, response) => {
    response.writeHead(200, { 'content-length': '1000' }).write('{"choices": [');
    response.destroy();
  };
  const stall: Handler = () => {};
  const drop: Handler = (_, response) => void response.socket?.destroy();
  const malformed: Handler = (_, response) => void response.end('<html>busy</html>');

  /** A stall is waited for; nothing else may be taken for one on a busy machine. */
  const limitOf = (bad: Handler) => (bad === stall ? { timeout: 400 } : {});

  it.each([
    ['errors', status(500)],
    ['a full queue', status(429, { error: 'slow down' }, { 'retry-after': '0' })],
    ['an overload', status(503)],
    ['a half answer', half],
    ['a stall', stall],
    ['a dropped connection', drop],
    ['malformed JSON', malformed],
  ])('%s: asked again, and nothing is lost', async (_, bad) => {
    const { text, seen, policy } = await ask([bad, good], limitOf(bad));
    expect(text).toBe('Ada did.');
    expect(seen).toHaveLength(2);
    expect(seen[1]).toEqual(seen[0]);
    expect(policy.retried).toBe(1);
    expect(policy.usage).toEqual({ requests: 1, promptTokens: 5, cachedTokens: 0, completionTokens: 2 });
  });

  it.each([
    ['errors that stay', status(500), /answered 500 3 times: no luck\./],
    ['a stall that stays', stall, /gave no complete answer within 0\.4 s \(3 attempts\)\. Is the server running/],
    ['a connection that always drops', drop, /cannot be reached: .* \(3 attempts\)/],
    ['what is never JSON', malformed, /answered with something other than JSON: "<html>busy<\/html>" \(3 attempts\)/],
    [
      'another shape',
      (_, response) => json(response, { text: 'hm' }),
      /answered \/chat\/completions with something unexpected: \{"text":"hm"\}/,
    ],
    ['a wrong key', status(401), /does not accept the key \(401\): no luck\. Set TAMTRL_API_KEY/],
    ['a wrong path', status(404, { detail: 'Not Found' }), /was not found \(404\): Not Found\. Check the address/],
    [
      'a context that is too long',
      status(400, { error: { message: 'maximum context length is 512' } }),
      /refused the request \(400\): maximum context length is 512\. Set contextLength \(--context-length\) to the window/,
    ],
    ['a request that is too large', status(413), /too large \(413\): no luck\. Lower the chunk size/],
    [
      'a filter',
      (_, response) => json(response, said('', 'content_filter')),
      /refused to answer: its content filter stopped the reply/,
    ],
  ] satisfies [string, Handler, RegExp][])('%s: one sentence', async (_, bad, sentence) => {
    await expect(ask([bad], { apiKey: 'sk-secret-value', ...limitOf(bad) })).rejects.toThrow(sentence);
    await expect(ask([bad], { apiKey: 'sk-secret-value', ...limitOf(bad) })).rejects.not.toThrow('sk-secret-value');
  });

  it('an abort ends a request that hangs', async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error('enough')), 50);
    await expect(ask([stall], { signal: controller.signal, timeout: 60_000 })).rejects.toThrow('enough');
  });

  it('no server: says so', async () => {
    await expect(openOpenAIPolicy({ ...fast, baseUrl: 'http://127.0.0.1:9/v1' })).rejects.toThrow(
      /cannot be reached: .*Is the server running\?/,
    );
    await expect(openOpenAIPolicy({ ...fast, baseUrl: 'nowhere' })).rejects.toThrow(/is not an address/);
    await expect(openOpenAIPolicy({ ...fast, baseUrl: 'http://a:sk-1@b/v1' })).rejects.toThrow(
      /contain no key: no user, password or query\. Found one of http:\/\/b\./,
    );
  });
});

describe('chat', () => {
  it('sends messages and the key, and counts thoughts separately from the answer', async () => {
    let authorization: string | undefined;
    const handler: Handler = ({ headers }, response) => {
      authorization = headers.authorization;
      json(response, {
        choices: [{ message: { content: 'Yes.', reasoning_content: 'Long thought.' }, finish_reason: 'stop' }],
      });
    };
    const { seen, text, sample } = await ask([handler], { apiKey: 'sk-1', extra: { reasoning_effort: 'low' } });
    expect(authorization).toBe('Bearer sk-1');
    expect(seen[0]).toEqual({
      path: '/v1/chat/completions',
      body: {
        model: 'm',
        messages: [{ role: 'user', content: 'Who did it?' }],
        max_tokens: 20,
        temperature: 0,
        top_p: 1,
        reasoning_effort: 'low',
      },
    });
    expect([text, sample.stopReason]).toEqual(['Yes.', 'stop']);
  });

  it('keeps to its budget: longer memories are cut off and marked so', async () => {
    const { sample, text } = await ask([(_, response) => json(response, said('one two three four five six'))], {}, 3);
    expect(sample).toMatchObject({ stopReason: 'length' });
    expect(sample.tokens).toHaveLength(3);
    expect('one two three four five six'.startsWith(text)).toBe(true);
  });

  it('refuses a prompt longer than the window before it is sent', async () => {
    const { baseUrl, seen } = await serve([(_, response) => json(response, said('x'))], models({ max_model_len: 64 }));
    const policy = await openOpenAIPolicy({ ...fast, baseUrl });
    expect(policy.contextLength).toBe(64);
    await expect(policy.sample([{ promptIds: Array(60).fill(0) }], { maxTokens: 10 })).rejects.toThrow(
      /60 tokens and up to 10 new tokens exceed the window/,
    );
    expect(seen).toEqual([]);
    await expect(policy.score([{ promptIds: [0], completionIds: [1] }])).rejects.toThrow('cannot score given tokens');
  });

  it('does not exceed the limit of concurrent requests', async () => {
    let running = 0;
    let most = 0;
    const slow: Handler = (_, response) => {
      most = Math.max(most, ++running);
      setTimeout(() => {
        running--;
        json(response, said('x'));
      }, 20);
    };
    const { baseUrl } = await serve([slow]);
    const policy = await openOpenAIPolicy({ ...fast, baseUrl, concurrency: 3 });
    const promptIds = policy.tokenizer.encode(policy.chat.render([{ role: 'user', content: 'x' }]));
    const samples = await policy.sample(
      Array.from({ length: 5 }, () => ({ promptIds, samples: 2 })),
      { maxTokens: 5 },
    );
    expect(samples.map((group) => group.length)).toEqual([2, 2, 2, 2, 2]);
    expect(most).toBe(3);
  });
});

describe('tokens', () => {
  const tokenizer = miniTokenizer();
  const exact = { tokenizer, chat: miniChat };

  it('vLLM: ids go out and come back, with their log-probabilities; given tokens are scored', async () => {
    const reply: Handler = ({ body }, response) => {
      const prompt = body.prompt as number[];
      if (body.prompt_logprobs) {
        const rows = prompt.map((id, at) => (at === 0 ? null : { [id]: { logprob: -at }, 999: { logprob: -0.1 } }));
        json(response, { choices: [{ prompt_logprobs: rows, token_ids: [1], finish_reason: 'length' }] });
      } else
        json(response, {
          choices: [{ token_ids: [7, 8], logprobs: { token_logprobs: [-0.5, -0.25] }, finish_reason: 'stop' }],
        });
    };
    const { baseUrl, seen } = await serve([reply], models({ owned_by: 'vllm', max_model_len: 256 }));
    const policy = await openOpenAIPolicy({ ...fast, ...exact, baseUrl });
    expect(policy).toMatchObject({ mode: 'tokens', contextLength: 256, capabilities: { score: true, train: false } });
    const [[sample]] = await policy.sample([{ promptIds: [3, 4] }], { maxTokens: 5, temperature: 0 });
    expect(sample).toEqual({ tokens: [7, 8], logProbabilities: [-0.5, -0.25], stopReason: 'stop' });
    expect(seen[0]).toMatchObject({
      path: '/v1/completions',
      body: { prompt: [3, 4], return_token_ids: true, stop_token_ids: miniChat.stopIds },
    });
    const [row] = await policy.score([{ promptIds: [3, 4], completionIds: [5, 6] }]);
    expect(row.logProbabilities).toEqual([-2, -3]);
  });

  it('llama.cpp: known by its name or its /props, speaks its own language', async () => {
    const reply: Handler = (_, response) =>
      json(response, {
        tokens: [7],
        completion_probabilities: [{ id: 7, logprob: -0.5 }],
        stop_type: 'limit',
        tokens_evaluated: 2,
      });
    const { baseUrl, seen } = await serve([reply], models({ id: 'file.gguf', owned_by: 'llamacpp' }));
    const policy = await openOpenAIPolicy({ ...fast, ...exact, baseUrl, contextLength: 100 });
    expect(policy.capabilities.score).toBe(false);
    expect(isTrainable(policy)).toBe(false);
    const [[sample]] = await policy.sample([{ promptIds: [3, 4] }], { maxTokens: 5, temperature: 0 });
    expect(sample).toMatchObject({ tokens: [7], logProbabilities: [-0.5], stopReason: 'length' });
    expect(seen[0]).toMatchObject({ path: '/completion', body: { prompt: [3, 4], n_predict: 5, return_tokens: true } });
  });

  it('a server without token ids is named', async () => {
    const reply: Handler = (_, response) => json(response, { choices: [{ text: 'hm', finish_reason: 'stop' }] });
    const { baseUrl } = await serve([reply], models({ owned_by: 'vllm' }));
    const policy = await openOpenAIPolicy({ ...fast, ...exact, baseUrl });
    await expect(policy.sample([{ promptIds: [3] }], { maxTokens: 5 })).rejects.toThrow('did not return token ids');
  });
});

it('each sample of a request has its own seed', async () => {
  const { policy, seen } = await ask([(_, response) => json(response, said('Ada did.'))]);
  const request = { promptIds: policy.tokenizer.encode('x'), samples: 4, seed: 2 ** 52 };
  await policy.sample([request, { ...request, seed: 1 }], { maxTokens: 5 });
  expect(new Set(seen.slice(1).map(({ body }) => body.seed)).size).toBe(8);
});

it('texts and messages come back from their pieces as they were', () => {
  const tokenizer = new CountingTokenizer();
  const messages = [
    { role: 'system' as const, content: 'Be brief.\n\nReally: 3.14 ✓ 東京 😀' },
    { role: 'user' as const, content: '' },
  ];
  const text = messageFormat.render(messages);
  expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
  expect(tokenizer.messages(tokenizer.encode(text))).toEqual(messages);
  expect(tokenizer.encode('1997')).toHaveLength(4);
  expect(tokenizer.encode('東京')).toHaveLength(2);
  expect(tokenizer.encode('The cat sat').length).toBeGreaterThanOrEqual(3);
});
