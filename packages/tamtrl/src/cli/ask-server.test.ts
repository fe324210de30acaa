/** `tamtrl ask` with a model at a server that has nothing to say, and with a question that was forgotten. */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type Handler, json, serve } from '../policy/openai/server.test-support.js';
import { runQuietly } from './program.test-support.js';

const folder = await mkdtemp(join(tmpdir(), 'tamtrl-ask-server-'));
const path = join(folder, 'ship.txt');
await writeFile(path, 'The ship left Bristol in the spring.\n'.repeat(40));

async function ask(handler: Handler, ...args: string[]) {
  const { baseUrl } = await serve([handler]);
  const model = ['--model', `openai:${baseUrl}#m`, '--context-length', '2000', '--chunk-tokens', '200'];
  return runQuietly(['ask', ...model, ...args]);
}

const reply =
  (message: object, finish_reason = 'length'): Handler =>
  (_, response) =>
    json(response, { choices: [{ message, finish_reason }] });

it('all tokens went into thoughts: it says so, says what to raise, and fails', async () => {
  const found = await ask(reply({ content: null, reasoning: 'hm' }), path, 'When?');
  expect(found.code).toBe(1);
  expect(found.err).toMatch(/m at .* spent all its tokens on thinking and wrote nothing else/);
  expect(found.err).toMatch(
    /tamtrl: The model wrote nothing in answer to the question\. It used up \d+ tokens without one, as models do that think: raise --answer-tokens, or use --no-thinking\. It wrote no memory after \d+ chunks? either\.\n$/,
  );
  expect(found.out).toContain('(no answer)');
});

it('an unfinished thought is not an answer, nor with --json', async () => {
  const found = await ask(reply({ content: '<think>hm' }), path, 'When?', '--json');
  expect([found.code, JSON.parse(found.out)]).toMatchObject([1, { answer: '' }]);
});

it('a base model that writes control tokens is noticed', async () => {
  const found = await ask(reply({ content: '<|im_end|>'.repeat(66) }, 'stop'), path, 'When?');
  expect(found.code).toBe(1);
  expect(found.err).toContain('It may be a base model');
  expect(found.err).toMatch(/tamtrl: The model wrote nothing .* check that it is a chat model\./);
});

it('thoughts in a text do not get into the memory', async () => {
  const found = await ask(reply({ content: '<think>secret musing</think>\n\nThe ship' }, 'stop'), path, 'When?');
  expect([found.code, found.out]).toEqual([0, 'The ship\n']);
  expect(found.err).not.toContain('musing');
});

it('a memory that only repeats itself up to the limit is reported, once', async () => {
  const found = await ask(reply({ content: 'The ship left the harbour. '.repeat(200) }), path, 'When?');
  expect(found.err.match(/^At chunk 1, the model only repeated itself up to the limit of 250 tokens\./gm)).toHaveLength(
    1,
  );
  expect(found.err.match(/\(repeats itself up to the limit\)/g)).toHaveLength(1);
});

it('a server that cuts prompts ends the reading at the first chunk', async () => {
  let requests = 0;
  const cutting: Handler = (_, response) => {
    requests++;
    const usage = { prompt_tokens: 130, completion_tokens: 2 };
    json(response, { choices: [{ message: { content: 'x' }, finish_reason: 'stop' }], usage });
  };
  const found = await ask(cutting, path, 'When?', '--chunk-tokens', '900');
  expect([found.code, requests]).toEqual([1, 1]);
  expect(found.err).toMatch(/^tamtrl: Reading stopped at chunk 1: m at \S+ cuts prompts: it counts 130 tokens where/m);
});

it('tells cost and what a budget leaves out; a dry run asks nothing', async () => {
  let requests = 0;
  const counting: Handler = (_, response) => {
    requests++;
    const usage = { prompt_tokens: 500, completion_tokens: 10, prompt_tokens_details: { cached_tokens: 100 } };
    json(response, { choices: [{ message: { content: 'In spring.' }, finish_reason: 'stop' }], usage });
  };
  const prices = join(folder, 'prices.yaml');
  await writeFile(prices, 'models:\n  m: { input: 1, output: 2 }\n');
  const dry = await ask(counting, path, 'When?', '--dry-run', '--prices', prices, '--json');
  expect([dry.code, requests]).toEqual([0, 0]);
  const { chunks } = JSON.parse(dry.out);
  expect(chunks).toBeGreaterThan(1);
  const found = await ask(counting, path, 'When?', '--budget', '200', '--prices', prices);
  expect([found.code, requests]).toEqual([0, 2]);
  expect(found.err).toMatch(/^Not read: \d+ chunks \([\d,]+ tokens\), characters /m);
  expect(found.err).toMatch(/1,000 tokens read \(200 from the cache\), 20 written, .*, 0\.0010 USD\n$/);
  await writeFile(prices, 'models:\n  other: { input: 1, output: 2 }\n');
  const missing = await ask(counting, path, 'When?', '--prices', prices);
  expect([missing.code, requests]).toEqual([2, 2]);
  expect(missing.err).toContain('prices.yaml has no price of "m"');
  const small = await ask(counting, path, 'When?', '--budget', '50');
  expect([small.code, requests]).toEqual([2, 2]);
  expect(small.err).toContain('The budget is 50 tokens, less than a chunk');
});

it('tells what this run took: not what the saved state did, and all of what further questions did', async () => {
  const prices = join(folder, 'run-prices.yaml');
  await writeFile(prices, 'models:\n  m: { input: 1, output: 2 }\n');
  const usage = { prompt_tokens: 500, completion_tokens: 10, prompt_tokens_details: { cached_tokens: 100 } };
  const counting: Handler = (_, response) =>
    json(response, { choices: [{ message: { content: 'In spring.' }, finish_reason: 'stop' }], usage });
  const state = join(folder, 'spring.json');
  const first = JSON.parse((await ask(counting, path, 'When?', '--state', state, '--json')).out);
  expect(first.tokens.prompt).toBeGreaterThan(1000);
  const further = ['--follow-up', 'Why?', '--reread', 'always', '--prices', prices];
  const later = await ask(counting, '--state', state, ...further);
  expect(later.err).toMatch(
    /^The text was read for this question\. [\d,]+ tokens read \([\d,]+ from the cache\), \d+ written, 0\.\d+ USD\.$/m,
  );
  const { tokens, followUps, cost } = JSON.parse((await ask(counting, '--state', state, ...further, '--json')).out);
  const { total: _, ...taken } = first.tokens;
  expect(followUps[0].tokens).toEqual(taken);
  expect([tokens, cost.amount]).toEqual([first.tokens, (first.tokens.prompt + 2 * first.tokens.output) / 1e6]);
});

it('with --gate, the model may keep its notes in one word, and end the reading; embedded models may not', async () => {
  let turn = 0;
  const gated: Handler = (_, response) => {
    const content = ['In spring.', 'SAME', 'In May.\nDONE', '\\boxed{May}'][turn++];
    json(response, { choices: [{ message: { content }, finish_reason: 'stop' }] });
  };
  const { code, out } = await ask(gated, path, 'When?', '--gate', '--json');
  expect([code, turn]).toEqual([0, 4]);
  expect(JSON.parse(out)).toMatchObject({ answer: 'May', memory: ['In spring.', 'In spring.', 'In May.'] });
  expect(await runQuietly(['ask', path, 'When?', '--model', 'mini', '--gate'])).toMatchObject({
    err: expect.stringContaining('Gates are for chat models: the model reads with the prompts "mini"'),
  });
});

it('two files and no question: says what is missing', async () => {
  const found = await ask(reply({ content: 'x' }), path, path);
  expect(found).toMatchObject({
    code: 2,
    err: expect.stringContaining('is a file, but the last argument is the question'),
  });
});
