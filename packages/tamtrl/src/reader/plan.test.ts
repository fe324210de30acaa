/** Budgets, estimates and prices, with a real server that counts. */
import { describe, expect, it } from 'vitest';
import { openOpenAIPolicy } from '../policy/openai/policy.js';
import { fast, type Handler, json, serve } from '../policy/openai/server.test-support.js';
import { estimateReading } from './estimate-reading.js';
import type { ReadingEstimate } from './plan.js';
import { readDocument } from './read-document.js';
import { unreadText } from './told.js';

const calm = 'It was a calm day at sea, and nothing at all came into sight. '.repeat(30);
const text = `${calm}${calm}Anna sold the horse to Ben in May. ${calm}${calm}`;

async function model() {
  const chunks: string[] = [];
  const handler: Handler = ({ body }, response) => {
    chunks.push((body.messages as { content: string }[])[0].content);
    const usage = { prompt_tokens: 1000, completion_tokens: 10, prompt_tokens_details: { cached_tokens: 400 } };
    json(response, { choices: [{ message: { content: 'Ben.' }, finish_reason: 'stop' }], usage });
  };
  const { baseUrl, seen } = await serve([handler]);
  return { model: await openOpenAIPolicy({ ...fast, baseUrl }), chunks, seen };
}
const question = 'Who bought the horse that Anna sold?';
const prices = { models: { m: { input: 2, cachedInput: 1, output: 10 } } };

describe('a budget', () => {
  it('reads the chunk that the search finds, and says what was not read', async () => {
    const { model: policy, chunks } = await model();
    const reading = await readDocument({
      model: policy,
      question,
      document: text,
      chunkTokens: 300,
      budget: 300,
      prices,
    });
    expect(reading.turns).toBe(1);
    expect(chunks[0]).toContain('Anna sold the horse');
    expect(reading.unread?.chunks).toBeGreaterThan(3);
    expect(reading.unread?.ranges).toHaveLength(2);
    // Two requests of 1,000 prompt tokens, 400 of them in the cache, and 10 written.
    expect(reading.tokens).toEqual({ prompt: 2000, cached: 800, output: 20, total: 2020 });
    expect(reading.cost?.amount).toBeCloseTo((1200 * 2 + 800 * 1 + 20 * 10) / 1e6, 12);
  });

  it('that finds no word of a question says so', async () => {
    const { model: policy, chunks } = await model();
    const asked = { model: policy, document: text, chunkTokens: 300, budget: 300 };
    const unknown = 'Quid novi?';
    const reading = await readDocument({ ...asked, question: [question, unknown] });
    expect(reading.unread?.unfound).toEqual([unknown]);
    expect(unreadText(reading.unread)).toMatch(
      /^Not read: .*\nNo word of "Quid novi\?" occurs in the text, so the budget went to its beginning\.\n$/,
    );
    chunks.length = 0;
    const alone = await readDocument({ ...asked, question: unknown });
    expect(chunks[0]).toContain(text.slice(0, 100));
    expect(alone.unread?.unfound).toEqual([unknown]);
    // All of it is read, so that nothing depends on the search.
    const all = await readDocument({ ...asked, question: unknown, budget: 100_000 });
    expect(all.unread).not.toHaveProperty('unfound');
  });

  it('smaller than a chunk is refused in a sentence', async () => {
    const { model: policy, seen } = await model();
    const options = { model: policy, question, document: text, chunkTokens: 300 };
    await expect(readDocument({ ...options, budget: 200 })).rejects.toThrow(
      'The budget is 200 tokens, less than a chunk, which may have 300.',
    );
    await expect(readDocument({ ...options, budget: 0.5 })).rejects.toThrow('expected a whole number of tokens');
    const none = { models: { other: { input: 1, output: 1 } } };
    await expect(readDocument({ ...options, prices: none })).rejects.toThrow('has no price of "m"');
    expect(seen).toHaveLength(0);
  });
});

it('an estimate sends nothing, and holds', async () => {
  const { model: policy, seen } = await model();
  const options = { model: policy, question, document: text, chunkTokens: 300, prices };
  const dry = await estimateReading(options);
  expect(seen).toHaveLength(0);
  const told: ReadingEstimate[] = [];
  const { turns, cost } = await readDocument({ ...options, onEstimate: (each) => told.push(each) });
  expect([dry.chunks, dry.requests]).toEqual([turns, turns + 1]);
  expect(seen).toHaveLength(dry.requests);
  expect(told).toMatchObject([{ chunks: turns, exact: true }, { seconds: expect.any(Number) }]);
  expect(cost?.amount).toBeGreaterThan(0);
});
