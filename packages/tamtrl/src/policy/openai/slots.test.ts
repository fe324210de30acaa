/** Servers that behave as llama.cpp's does: a cache for each slot, and one window for all slots together. */
import { expect, it } from 'vitest';
import { openOpenAIPolicy } from './policy.js';
import { fast, type Handler, json, models, said, serve } from './server.test-support.js';

const llama = models({ owned_by: 'llamacpp' });

/** Of the server's requests, the most at a time. */
function counting(answer: Handler): { handler: Handler; most: () => number; reset(): void } {
  let inside = 0;
  let most = 0;
  const handler: Handler = (request, response) => {
    most = Math.max(most, ++inside);
    setTimeout(() => {
      answer(request, response);
      inside--;
    }, 20);
  };
  return {
    handler,
    most: () => most,
    reset: () => {
      most = 0;
    },
  };
}

const reply = (prompt_ms: number, predicted_ms: number) => ({
  ...said('notes'),
  usage: { prompt_tokens: 500, completion_tokens: 9, prompt_tokens_details: { cached_tokens: 0 } },
  timings: { cache_n: 0, prompt_ms, predicted_ms },
});

async function opened(handler: Handler, note?: (text: string) => void) {
  const { baseUrl } = await serve([handler], llama);
  const policy = await openOpenAIPolicy({ ...fast, baseUrl, contextLength: 4096, ...(note && { note }) });
  const ask = async (beginning: string, count = 3) => {
    const requests = Array.from({ length: count }, (_, at) => {
      const content = `${beginning} Question ${at}?`;
      return { promptIds: policy.tokenizer.encode(policy.chat.render([{ role: 'user', content }])) };
    });
    return policy.sample(requests, { maxTokens: 20, temperature: 0 });
  };
  return { policy, ask };
}

const section = 'The ship left Bristol. '.repeat(100);

it('requests with the same beginning go in turn while reading takes longer than writing, else all at once', async () => {
  let times = [900, 100];
  const { handler, most, reset } = counting((_, response) => json(response, reply(times[0], times[1])));
  const { ask } = await opened(handler);
  await ask(section);
  expect(most()).toBe(1);
  await ask('Short.');
  expect(most()).toBe(3);
  reset();
  times = [100, 900];
  await ask(section);
  expect(most()).toBe(1);
  await ask(section);
  expect(most()).toBe(3);
  // The server has got another model.
  times = [900, 100];
  await ask(section);
  reset();
  await ask(section);
  expect(most()).toBe(1);
});

it('requests that fill one window together are sent again one at a time, which is said once', async () => {
  const under = new Set<() => void>();
  let failed = 0;
  // As llama.cpp b10434: all requests under way fail as soon as they do not fit together.
  const handler: Handler = (_, response) => {
    const end = (status: number, body: object) => {
      if (under.delete(fail)) json(response, body, status);
    };
    const fail = () => {
      failed++;
      end(500, { error: { code: 500, message: 'Context size has been exceeded.', type: 'server_error' } });
    };
    under.add(fail);
    if (under.size > 1) for (const each of under) each();
    else setTimeout(end, 20, 200, said('notes'));
  };
  const notes: string[] = [];
  const { policy, ask } = await opened(handler, (text) => notes.push(text));
  const samples = await ask('Short.', 4);
  expect(samples.map(([{ tokens }]) => policy.tokenizer.decode(tokens))).toEqual(Array(4).fill('notes'));
  expect(failed).toBeGreaterThanOrEqual(2);
  expect(policy.retried).toBe(failed);
  expect(notes).toEqual([
    expect.stringMatching(/has one window for all requests together: from now on it gets one at/),
  ]);
  await ask('Short.', 4);
  expect(policy.retried).toBe(failed);
  expect(failed).toBeLessThanOrEqual(4);
});

it('a request that is alone and still does not fit ends with the words of the server', async () => {
  const full = { error: { code: 500, message: 'Context size has been exceeded.' } };
  const { ask } = await opened((_, response) => json(response, full, 500));
  await expect(ask('Short.', 2)).rejects.toThrow('answered 500 3 times: Context size has been exceeded.');
});
