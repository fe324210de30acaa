/** Conversations through OpenAI's Responses API, with a server that knows nothing else. */
import { describe, expect, it } from 'vitest';
import { miniChat, miniTokenizer } from '../../data/mini/tokenizer.js';
import { openModel } from '../../models/open.js';
import { readDocument } from '../../reader/read-document.js';
import { openOpenAIPolicy } from './policy.js';
import { ask, type Handler, json, models, said, serve } from './server.test-support.js';

const written = (text: string) => ({
  type: 'message',
  role: 'assistant',
  content: [{ type: 'output_text', text, annotations: [] }],
});
const thoughts = { type: 'reasoning', summary: [] };
const usage = {
  input_tokens: 5,
  input_tokens_details: { cached_tokens: 0 },
  output_tokens: 2,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: 7,
};
/** A reply as OpenAI's servers write it, as far as it matters here. */
const replied = (output: object[], more: object = {}) => ({
  id: 'resp_1',
  object: 'response',
  status: 'completed',
  error: null,
  incomplete_details: null,
  output,
  usage,
  ...more,
});
const incomplete = (reason: string) => ({ status: 'incomplete', incomplete_details: { reason } });
const reply =
  (output: object[], more?: object): Handler =>
  (_, response) =>
    json(response, replied(output, more));
const responses = { api: 'responses' } as const;

describe('the Responses API', () => {
  it('gets the messages and limits under its own names, and is not asked to keep them', async () => {
    const { seen, text, sample, policy } = await ask([reply([thoughts, written('Ada did.')])], responses);
    expect([text, sample.stopReason]).toEqual(['Ada did.', 'stop']);
    expect(seen).toEqual([
      {
        path: '/v1/responses',
        body: {
          model: 'm',
          input: [{ role: 'user', content: 'Who did it?' }],
          max_output_tokens: 20,
          store: false,
          temperature: 0,
          top_p: 1,
        },
      },
    ]);
    expect(policy.usage).toMatchObject({ requests: 1, promptTokens: 5, completionTokens: 2 });
  });

  it('gets no seed, and no limit below the least one that it accepts; what is too long is cut off', async () => {
    const { baseUrl, seen } = await serve([reply([written('one two three four')])]);
    const model = await openModel(`openai:${baseUrl}?api=responses#m`);
    const request = { promptIds: model.tokenizer.encode('x'), seed: 7 };
    const [[sample]] = await model.sample([request], { maxTokens: 2, temperature: 1 });
    expect(model.tokenizer.decode(sample.tokens)).toBe('one two');
    expect(sample.stopReason).toBe('length');
    expect(Object.keys(seen[0].body)).not.toContain('seed');
    expect(seen[0].body).toMatchObject({ max_output_tokens: 16 });
  });

  it.each([
    ['the limit', reply([written('Ada')], incomplete('max_output_tokens')), 'Ada', 'length'],
    [
      'several parts and messages',
      reply([written('Ada '), { type: 'web_search_call' }, written('did.')]),
      'Ada did.',
      'stop',
    ],
    ['no counts', reply([written('Ada did.')], { usage: undefined }), 'Ada did.', 'stop'],
    [
      'counts alone',
      reply([written('Ada did.')], { usage: { input_tokens: 5, output_tokens: 2 } }),
      'Ada did.',
      'stop',
    ],
  ])('%s', async (name, handler, expected, stopReason) => {
    const { text, sample, policy } = await ask([handler], responses);
    expect([text, sample.stopReason]).toEqual([expected, stopReason]);
    expect(policy.usage.promptTokens).toBe(name === 'no counts' ? 0 : 5);
  });

  it.each([
    [
      'a refusal',
      reply([{ type: 'message', content: [{ type: 'refusal', refusal: 'I cannot help' }] }]),
      /refused to answer: I cannot help\./,
    ],
    ['a filter', reply([], incomplete('content_filter')), /its content filter stopped the reply/],
    [
      'a chat completion',
      (_, response) => json(response, said('Ada')),
      /answered \/responses with something unexpected/,
    ],
    [
      'a failure',
      reply([], { status: 'failed', error: { code: 'server_error', message: 'no luck' } }),
      /answered with an error 3 times: no luck\./,
    ],
    [
      'a request that was cancelled',
      reply([], { status: 'cancelled' }),
      /answered \/responses with something unexpected/,
    ],
    [
      'a server without it',
      (_, response) => json(response, { detail: 'Not Found' }, 404),
      /v1\/responses was not found \(404\).* If the server has no Responses API, leave \?api=responses out of the address\.$/,
    ],
  ] satisfies [string, Handler, RegExp][])('%s: one sentence', async (_, handler, sentence) => {
    await expect(ask([handler], responses)).rejects.toThrow(sentence);
  });

  it('a model that only thinks is told, and so are a tokenizer and predictions that cannot be used', async () => {
    const notes: string[] = [];
    const more = { ...responses, tokenizer: miniTokenizer(), chat: miniChat, prediction: true };
    const { baseUrl } = await serve([reply([thoughts], incomplete('max_output_tokens'))], models({ owned_by: 'vllm' }));
    const policy = await openOpenAIPolicy({ ...more, baseUrl, model: 'm', note: (note) => notes.push(note) });
    await policy.sample([{ promptIds: policy.tokenizer.encode('x') }], { maxTokens: 5, temperature: 0 });
    expect(policy.mode).toBe('chat');
    expect(notes).toEqual([
      'The Responses API takes no predictions, so none is sent.',
      'The Responses API takes no token ids, so the tokenizer is not used and token counts are estimates.',
      expect.stringMatching(/spent all its tokens on thinking/),
    ]);
  });

  it('refused fields are left out, the one that asks not to keep anything too', async () => {
    const notes: string[] = [];
    const strict: Handler = ({ body }, response) => {
      const name = ['temperature', 'store'].find((field) => field in body);
      if (name === undefined) return json(response, replied([written('Ada did.')]));
      return json(response, { error: { message: `Unsupported parameter: '${name}'` } }, 400);
    };
    const { seen, text } = await ask([strict], { ...responses, note: (note) => notes.push(note) });
    expect(text).toBe('Ada did.');
    expect(Object.keys(seen[2].body)).toEqual(['model', 'input', 'max_output_tokens', 'top_p']);
    expect(notes).toEqual([
      expect.stringContaining('temperature is left to the server'),
      expect.stringContaining('store is left to the server'),
    ]);
  });

  it('reads a document', async () => {
    const { baseUrl, seen } = await serve([reply([written('The ship left Bristol.')])]);
    const reading = await readDocument({
      model: `openai:${baseUrl}?api=responses#m`,
      contextLength: 2048,
      question: 'Where did it leave?',
      document: 'The ship left Bristol. '.repeat(600),
    });
    expect(reading.answer).toBe('The ship left Bristol.');
    expect(reading.turns).toBeGreaterThan(1);
    expect(new Set(seen.map(({ path }) => path))).toEqual(new Set(['/v1/responses']));
  });
});
