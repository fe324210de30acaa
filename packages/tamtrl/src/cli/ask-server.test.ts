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
    /tamtrl: The model wrote nothing in answer to the question\. All \d+ tokens went into thoughts: raise --answer-tokens, or use --no-thinking\. It wrote no memory after \d+ chunks? either\.\n$/,
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

it('two files and no question: says what is missing', async () => {
  const found = await ask(reply({ content: 'x' }), path, path);
  expect(found).toMatchObject({
    code: 2,
    err: expect.stringContaining('is a file, but the last argument is the question'),
  });
});
