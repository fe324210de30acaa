/** Servers that cut prompts, given away by their counts; servers that count wrongly are not taken for one. */
import { describe, expect, it } from 'vitest';
import { miniChat, miniTokenizer } from '../../data/mini/tokenizer.js';
import { readDocument } from '../../reader/read-document.js';
import { openOpenAIPolicy } from './policy.js';
import { fast, type Handler, json, models, said, serve } from './server.test-support.js';
import { leastTokens, TruncatedPrompt, TruncationGuard } from './truncation.js';

const counting =
  (prompt_tokens: number, more: object = {}): Handler =>
  (_, response) =>
    json(response, { ...said('The ship left Bristol.'), usage: { prompt_tokens, completion_tokens: 6, ...more } });

const book = 'The ship left Bristol in the spring, and Ada stood on the quay. '.repeat(1500);

/** A reading with prompts of about 5,000 tokens by the local count. */
async function read(handler: Handler, question: string | string[] = 'Who stood on the quay?') {
  const { baseUrl, seen } = await serve([handler]);
  const notes: string[] = [];
  const model = await openOpenAIPolicy({ ...fast, baseUrl, note: (note) => notes.push(note) });
  const reading = readDocument({ model, question, document: book });
  const outcome = await reading.then(
    () => '',
    (error: Error) => error.message,
  );
  return { outcome, seen, notes, model };
}

describe('a server that gets text', () => {
  it('cuts prompts: named with both numbers at the first turn, before a second is paid for', async () => {
    const { outcome, seen } = await read(counting(2050));
    expect(seen).toHaveLength(1);
    expect(outcome).toMatch(
      /^Reading stopped at chunk 1: m at http\S+ cuts prompts: it counts 2,050 tokens where the prompt has at least 2,\d{3} \(4,\d{3} by our estimate\)\. Its window is smaller than the 8,192 tokens/,
    );
    expect(outcome).toMatch(/-np divides; Ollama: OLLAMA_CONTEXT_LENGTH\), or read with --context-length 2050/);
  });

  it('counts what it has in its cache separately: nothing is cut', async () => {
    const { outcome } = await read(counting(1500, { prompt_tokens_details: { cached_tokens: 1400 } }));
    expect(outcome).toBe('');
  });

  it('counts the same number for prompts of different lengths: noticed at the third', async () => {
    // More than the lower bound of what was sent, so that the first two pass.
    let turn = 0;
    const { outcome, seen } = await read((_, response) => {
      const memory = 'Ada stood there. '.repeat(++turn * 8);
      json(response, { ...said(memory), usage: { prompt_tokens: 4096, completion_tokens: 9 } });
    });
    expect(seen).toHaveLength(3);
    expect(outcome).toContain(
      'it counts 4,096 tokens, as many as in 2 others of different lengths, where the prompt has at least 2,',
    );
  });

  it('counts fewer tokens than any window has: said once, and its counts are not used', async () => {
    const { outcome, notes, seen } = await read(counting(5));
    expect([outcome, seen.length > 3]).toEqual(['', true]);
    expect(notes).toEqual([expect.stringMatching(/counts 5 tokens in a prompt of at least \d/)]);
  });

  it('does not count: nothing is said', async () => {
    const { outcome, notes } = await read((_, response) => json(response, { ...said('x'), usage: undefined }));
    expect([outcome, notes]).toEqual(['', []]);
  });
});

describe('a server that gets token ids', () => {
  const exact = { tokenizer: miniTokenizer(), chat: miniChat };
  const prompt = (length: number, first = 0) => ({
    promptIds: Array.from({ length }, (_, at) => (at * 7 + first) % 50),
  });

  it.each([[400], [398], [401]])('vLLM counts %i of 400 tokens', async (counted) => {
    const reply: Handler = (_, response) =>
      json(response, { choices: [{ token_ids: [7], finish_reason: 'stop' }], usage: { prompt_tokens: counted } });
    const { baseUrl } = await serve([reply], models({ owned_by: 'vllm', max_model_len: 1000 }));
    const policy = await openOpenAIPolicy({ ...fast, ...exact, baseUrl });
    const [[sample]] = await policy.sample([prompt(400)], { maxTokens: 5 });
    expect(sample.usage).toEqual({ prompt: counted, completion: 0, cached: 0 });
    await expect(policy.sample([prompt(430, 1)], { maxTokens: 5 })).rejects.toThrow(
      `it counts ${counted} tokens where the prompt has 430.`,
    );
  });

  it('llama.cpp says that it has cut the prompt', async () => {
    const reply: Handler = (_, response) =>
      json(response, { tokens: [7], stop_type: 'limit', truncated: true, tokens_evaluated: 256 });
    const { baseUrl } = await serve([reply], models({ owned_by: 'llamacpp' }));
    const policy = await openOpenAIPolicy({ ...fast, ...exact, baseUrl, contextLength: 1000 });
    const failure = policy.sample([prompt(500)], { maxTokens: 5 });
    await expect(failure).rejects.toThrow('it counts 256 tokens where the prompt has 500.');
    await expect(failure).rejects.toBeInstanceOf(TruncatedPrompt);
    expect(policy.usage).toMatchObject({ requests: 1, promptTokens: 256 });
  });

  it('llama.cpp counts what was in the cache of its slot', async () => {
    const reply: Handler = (_, response) =>
      json(response, { tokens: [7], stop_type: 'eos', tokens_evaluated: 500, timings: { cache_n: 440, prompt_n: 60 } });
    const { baseUrl } = await serve([reply], models({ owned_by: 'llamacpp' }));
    const policy = await openOpenAIPolicy({ ...fast, ...exact, baseUrl, contextLength: 1000 });
    const [[{ usage }]] = await policy.sample([prompt(500)], { maxTokens: 5 });
    expect(usage).toEqual({ prompt: 500, completion: 1, cached: 440 });
  });
});

describe('the guard', () => {
  const usage = (prompt: number, cached = 0) => ({ prompt, cached, completion: 1 });
  const ids = (length: number) => Array.from({ length }, (_, at) => at);

  it('knows that a server may count only what it has not computed before', () => {
    const guard = new TruncationGuard('m', 8192, () => {});
    expect(guard.check({ ids: ids(3000) }, usage(3000))).toBe(true);
    // The first 3,000 tokens are those of the prompt before.
    expect(guard.check({ ids: ids(3200) }, usage(200))).toBe(true);
    expect(() => guard.check({ ids: ids(6400) }, usage(3000))).toThrow(
      'counts 3,000 tokens where the prompt has 6,400',
    );
  });

  it('does not take prompts of one length for a window', () => {
    const guard = new TruncationGuard('m', 8192, () => {});
    for (let turn = 0; turn < 10; turn++) expect(guard.check({ ids: ids(1000) }, usage(1000))).toBe(true);
  });
});

describe('the fewest tokens of a text', () => {
  it.each([
    ['words', 'The ship left Bristol.', Math.floor(0.7 * 4)],
    ['numbers and names', 'item17, 2026-11-27: 3.14', Math.floor(0.7 * 7)],
    ['punctuation and space alone', `${' '.repeat(500)}\n\n${'='.repeat(80)}`, 0],
    ['a long word', 'a'.repeat(320), 7],
    ['Chinese', '船'.repeat(80), 7],
    ['Japanese between stops', '船は出た。風は凪いだ。', 1],
    ['combining marks', 'cafe\u0301 '.repeat(10), 7],
    ['nothing', '', 0],
  ])('%s', (_, text, tokens) => {
    expect(leastTokens(text)).toBe(tokens);
  });
});
