/** Servers whose models, fields and replies differ from the usual. */
import { describe, expect, it } from 'vitest';
import { openOpenAIPolicy } from './policy.js';
import { ask, fast, type Handler, json, models, said, serve } from './server.test-support.js';

const good: Handler = (_, response) => json(response, said('Ada did.'));
const refuse = (response: Parameters<Handler>[1], message: string, status = 400) =>
  json(response, { error: { message } }, status);

describe('fields that a model does not take', () => {
  /** Like OpenAI's newer models, which refuse one field after the other. */
  const strict: Handler = ({ body }, response) => {
    if ('max_tokens' in body) {
      return refuse(
        response,
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
      );
    }
    if (body.temperature !== undefined) {
      return refuse(
        response,
        "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is supported.",
      );
    }
    return json(response, said('Ada did.'));
  };

  it('are sent as it wants them, or left out, for the rest of the run', async () => {
    const notes: string[] = [];
    const { seen, text, policy } = await ask([strict], { note: (note) => notes.push(note) });
    expect(text).toBe('Ada did.');
    expect(seen.map(({ body }) => Object.keys(body))).toEqual([
      ['model', 'messages', 'max_tokens', 'temperature', 'top_p'],
      ['model', 'messages', 'max_completion_tokens', 'temperature', 'top_p'],
      ['model', 'messages', 'max_completion_tokens', 'top_p'],
    ]);
    const promptIds = policy.tokenizer.encode('x');
    await policy.sample([{ promptIds, samples: 4 }], { maxTokens: 5, temperature: 0 });
    expect(seen).toHaveLength(7);
    expect(notes).toEqual([
      expect.stringMatching(
        /^m at .* refuses a field of the request: from now on limits are sent as max_completion_tokens\.$/,
      ),
      expect.stringMatching(/from now on temperature is left to the server\.$/),
    ]);
  });

  it('requests side by side all learn from the first refusal', async () => {
    const { baseUrl, seen } = await serve([strict]);
    const policy = await openOpenAIPolicy({ ...fast, baseUrl });
    const requests = Array.from({ length: 6 }, () => ({ promptIds: policy.tokenizer.encode('x') }));
    const groups = await policy.sample(requests, { maxTokens: 5, temperature: 0 });
    expect(groups).toHaveLength(6);
    expect(seen.length).toBeLessThanOrEqual(18);
  });

  it('of two that exclude each other, top_p is dropped', async () => {
    const either: Handler = ({ body }, response) =>
      'temperature' in body && 'top_p' in body
        ? refuse(response, '`temperature` and `top_p` cannot both be specified for this model. Please use only one.')
        : json(response, said('Ada did.'));
    const { seen } = await ask([either]);
    expect(seen[1].body).toHaveProperty('temperature', 0);
    expect(seen[1].body).not.toHaveProperty('top_p');
  });

  it('an extra field is dropped too; any other refusal is reported at once', async () => {
    const extra = { chat_template_kwargs: { enable_thinking: false } };
    const plain: Handler = ({ body }, response) =>
      'chat_template_kwargs' in body
        ? refuse(response, 'Unrecognized request argument supplied: chat_template_kwargs', 422)
        : json(response, said('Ada did.'));
    expect((await ask([plain], { extra })).seen).toHaveLength(2);
    const { baseUrl, seen } = await serve([(_, response) => refuse(response, 'Only 3 requests a minute. Use less.')]);
    const policy = await openOpenAIPolicy({ ...fast, baseUrl });
    const promptIds = policy.tokenizer.encode('x');
    await expect(policy.sample([{ promptIds }], { maxTokens: 5 })).rejects.toThrow('Only 3 requests a minute');
    expect(seen).toHaveLength(1);
  });
});

describe('fields that few servers know', () => {
  it.each([
    ['named', 'Unrecognized request arguments supplied: prediction, prompt_cache_key', 400],
    ['not named', 'Bad request', 422],
  ])('a server that refuses them (%s) is asked again without, for the rest of the run', async (_, message, status) => {
    const notes: string[] = [];
    const rare = ['prediction', 'prompt_cache_key'];
    const plain: Handler = ({ body }, response) =>
      rare.some((name) => name in body) ? refuse(response, message, status) : json(response, said('Ada did.'));
    const { baseUrl, seen } = await serve([plain]);
    const options = { prediction: true, cacheKey: true, note: (note: string) => void notes.push(note) };
    const policy = await openOpenAIPolicy({ ...fast, baseUrl, ...options });
    const promptIds = policy.tokenizer.encode('The ship left. '.repeat(400));
    const draft = policy.tokenizer.encode('Ada did it.');
    await policy.sample([{ promptIds, draft }], { maxTokens: 20, temperature: 0 });
    await policy.sample([{ promptIds, draft }], { maxTokens: 20, temperature: 0 });
    expect(seen[0].body.prediction).toEqual({ type: 'content', content: 'Ada did it.' });
    expect(seen[0].body.prompt_cache_key).toMatch(/^tamtrl-[0-9a-f]{8}$/);
    expect(seen.map(({ body }) => rare.filter((name) => name in body).length)).toEqual([2, 1, 0, 0]);
    expect(notes.filter((note) => note.endsWith('is left out.'))).toHaveLength(2);
  });

  it('are not sent unless asked for', async () => {
    const { seen } = await ask([good]);
    expect(Object.keys(seen[0].body)).not.toContain('prompt_cache_key');
    expect(Object.keys(seen[0].body)).not.toContain('prediction');
  });
});

it('of requests that share a long beginning, the first is answered before the others are sent', async () => {
  let answered = 0;
  const before: number[] = [];
  const slow: Handler = (_, response) => {
    before.push(answered);
    setTimeout(() => {
      answered++;
      json(response, said('Ada did.'));
    }, 30);
  };
  const { baseUrl } = await serve([slow]);
  const policy = await openOpenAIPolicy({ ...fast, baseUrl });
  const shared = policy.tokenizer.encode('The ship left. '.repeat(400));
  const requests = ['One?', 'Two?', 'Three?'].map((end) => ({
    promptIds: [...shared, ...policy.tokenizer.encode(end)],
  }));
  await policy.sample(requests, { maxTokens: 20, temperature: 0 });
  expect(before[0]).toBe(0);
  expect(Math.min(...before.slice(1))).toBeGreaterThanOrEqual(1);
});

describe('models that are not listed', () => {
  it.each(['m:latest', 'models/m'])('%s is the one that is meant', async (id) => {
    const notes: string[] = [];
    const { baseUrl, seen } = await serve([good], { data: [{ id: 'other' }, { id, max_model_len: 64 }] });
    const policy = await openOpenAIPolicy({ ...fast, baseUrl, note: (note) => notes.push(note) });
    expect([policy.contextLength, seen, notes]).toEqual([64, [], []]);
  });

  it.each([
    ['there is no list (404)', (_, response) => refuse(response, 'no', 404), /does not list its models \(404\)/],
    ['there is no list (400)', (_, response) => refuse(response, 'no'), /does not list its models \(400\)/],
    [
      'other names are listed',
      (_, response) => json(response, { data: [{ id: 'a' }, { id: 'b' }] }),
      /does not list "m", but a, b\. Trying the model anyway/,
    ],
  ] satisfies [string, Handler, RegExp][])('%s: the model is tried', async (_, list, sentence) => {
    const notes: string[] = [];
    const note = (text: string) => notes.push(text);
    const { baseUrl, seen } = await serve([good], list);
    await openOpenAIPolicy({ ...fast, baseUrl, note });
    expect(seen).toMatchObject([{ path: '/v1/chat/completions', body: { model: 'm' } }]);
    expect(notes).toEqual([expect.stringMatching(sentence)]);
  });

  it('a missing one is reported with those that exist', async () => {
    const { baseUrl } = await serve([(_, response) => refuse(response, 'no model m', 404)], {
      data: [{ id: 'a' }, { id: 'b' }],
    });
    await expect(openOpenAIPolicy({ ...fast, baseUrl })).rejects.toThrow(/no model m\..* The server lists a, b\.$/);
  });

  it('a key that is not accepted stays a refusal', async () => {
    const { baseUrl } = await serve([good], ((_, response) => refuse(response, 'bad key', 401)) satisfies Handler);
    await expect(openOpenAIPolicy({ ...fast, baseUrl })).rejects.toThrow('does not accept the key (401): bad key.');
  });
});

describe('contents', () => {
  const reply = (content: unknown, more: object = {}): Handler => {
    return (_, response) => json(response, { choices: [{ message: { content, ...more }, finish_reason: 'length' }] });
  };

  it('in parts are joined, thoughts left out', async () => {
    const parts = [
      { type: 'thinking', thinking: 'hm' },
      { type: 'text', text: 'Ada ' },
      { type: 'reasoning', text: 'hm' },
      { type: 'text', text: 'did.' },
    ];
    expect((await ask([reply(parts)])).text).toBe('Ada did.');
  });

  it.each([
    ['thoughts alone', null, { reasoning: 'hm' }, /spent all its tokens on thinking and wrote nothing else/],
    ['thoughts alone, elsewhere', '', { reasoning_content: 'hm' }, /spent all its tokens on thinking/],
    ['control tokens alone', '<|im_end|>'.repeat(66), {}, /wrote nothing but control tokens\. It may be a base model/],
    ['other control tokens', '</s>\n</s> <end_of_turn>', {}, /nothing but control tokens/],
  ])('%s are nothing, which is said once', async (_, content, more, sentence) => {
    const notes: string[] = [];
    const { text, policy } = await ask([reply(content, more)], { note: (note) => notes.push(note) });
    await policy.sample([{ promptIds: policy.tokenizer.encode('x') }], { maxTokens: 5 });
    expect(text).toBe('');
    expect(notes).toEqual([expect.stringMatching(sentence)]);
  });

  it('that quote a control token are kept', async () => {
    const { baseUrl } = await serve([reply('It ends with <|im_end|>.')], models());
    const policy = await openOpenAIPolicy({ ...fast, baseUrl });
    const [[sample]] = await policy.sample([{ promptIds: policy.tokenizer.encode('x') }], { maxTokens: 40 });
    expect(policy.tokenizer.decode(sample.tokens)).toMatch(/It ends with <.?\|im_end\|>\./u);
  });
});
