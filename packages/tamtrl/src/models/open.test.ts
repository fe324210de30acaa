/** What is handed on when a model is opened by its address. */
import { cp, mkdtemp, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { EMBEDDED_MINI } from './embedded.js';
import { openModel } from './open.js';

const TEMPLATE =
  '{% for m in messages %}{{ m.content }}{% endfor %}' +
  '{% if enable_thinking is defined and not enable_thinking %} ?{% endif %}';

async function withTemplate(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'open-'));
  await cp(EMBEDDED_MINI, folder, { recursive: true });
  await writeFile(join(folder, 'chat_template.jinja'), TEMPLATE);
  return folder;
}

it('thinking: the template of a local model, and of one whose tokenizer alone is here', async () => {
  const folder = await withTemplate();
  const rendered = async (thinking?: boolean) => {
    const policy = await openModel(folder, { thinking });
    await policy.close();
    return policy.chat.render([{ role: 'user', content: 'anna' }]);
  };
  expect(await rendered()).toBe('anna');
  expect(await rendered(true)).toBe('anna');
  expect(await rendered(false)).toBe('anna ?');
});

it('thinking: a server is told if the setting is given', async () => {
  const bodies: Record<string, unknown>[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (bit) => {
      text += bit;
    });
    request.on('end', () => {
      if (text !== '') bodies.push(JSON.parse(text));
      const choices = [{ message: { content: 'ann' }, finish_reason: 'stop' }];
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(request.url === '/v1/models' ? { data: [{ id: 'm' }] } : { choices, usage: {} }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const spec = `openai:http://127.0.0.1:${(server.address() as AddressInfo).port}/v1#m`;
  for (const thinking of [undefined, false]) {
    const policy = await openModel(spec, { thinking, contextLength: 100 });
    await policy.sample([{ promptIds: policy.tokenizer.encode('who?') }], { maxTokens: 5 });
    await policy.close();
  }
  server.close();
  const chats = bodies.filter(({ messages }) => messages);
  expect(chats[0]).not.toHaveProperty('chat_template_kwargs');
  expect(chats.at(-1)).toMatchObject({ chat_template_kwargs: { enable_thinking: false } });
});

it('precision int8: other log-probabilities in sampling, the same in scoring', async () => {
  const [plain, rounded] = [await openModel('mini'), await openModel('mini', { precision: 'int8' })];
  const promptIds = plain.tokenizer.encode('anna oslo');
  const sampled = async (policy: typeof plain) =>
    (await policy.sample([{ promptIds }], { maxTokens: 3, temperature: 0 }))[0][0];
  const [exact, near] = [await sampled(plain), await sampled(rounded)];
  expect(near.tokens).toEqual(exact.tokens);
  expect(near.logProbabilities).not.toEqual(exact.logProbabilities);
  for (const [at, value] of near.logProbabilities.entries()) expect(value).toBeCloseTo(exact.logProbabilities[at], 0);
  const row = { promptIds, completionIds: exact.tokens };
  expect(await rounded.score([row])).toEqual(await plain.score([row]));
  await plain.close();
  await rounded.close();
});

it.each<[string, unknown, unknown, string]>([
  ['no address', undefined, {}, 'openModel: the model is missing, expected mini, babi, a model folder'],
  ['an empty address', ' ', {}, 'openModel: the model is empty, expected mini'],
  ['an object for an address', { model: 'mini' }, {}, 'openModel: the model is an object, expected mini'],
  ['a mistyped option', 'mini', { thinkin: true }, 'openModel: there is no option "thinkin". Did you mean "thinking"?'],
  ['a setting of the engine', 'mini', { threads: 2 }, 'openModel: there is no option "threads".'],
  ['a text for a number', 'mini', { contextLength: '100' }, 'openModel: `contextLength` is "100", expected a whole'],
  ['a list for options', 'mini', ['mini'], 'openModel: the options are a list'],
  ['an unknown precision', 'mini', { precision: 'int4' }, '`precision` is "int4", expected "float32" or "int8".'],
  [
    'a precision for a server',
    'openai:http://127.0.0.1:9/v1#m',
    { precision: 'int8' },
    'precision "int8" is for models on this machine, and openai:http://127.0.0.1:9/v1#m is on a server',
  ],
])('%s gets a sentence', async (_, spec, options, sentence) => {
  await expect(openModel(spec as string, options as object)).rejects.toThrow(sentence);
});
