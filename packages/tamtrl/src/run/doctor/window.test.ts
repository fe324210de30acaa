import { expect, it } from 'vitest';
import { openOpenAIPolicy } from '../../policy/openai/policy.js';
import { fast, type Handler, json, serve } from '../../policy/openai/server.test-support.js';
import { examineModel } from './model.js';

/** A server that keeps the last `most` characters of a prompt, and answers from them. */
const keeping =
  (most: number): Handler =>
  ({ body }, response) => {
    const [{ content }] = body.messages as { content: string }[];
    const word = /secret word is (\w+)/.exec(content.slice(-most))?.[1] ?? 'unknown';
    json(response, { choices: [{ message: { content: word }, finish_reason: 'stop' }] });
  };

const windowOf = async (handler: Handler) => {
  const { baseUrl } = await serve([handler]);
  const checks = await examineModel(() => openOpenAIPolicy({ ...fast, baseUrl }));
  return checks.find(({ name }) => name === 'window');
};

it('a server that cuts silently: its real window is found', async () => {
  const found = await windowOf(keeping(9000));
  expect(found).toMatchObject({ status: 'failed', data: { tried: 8192 } });
  // About 4 characters for each of our tokens.
  expect(found?.data.window).toBeGreaterThan(1500);
  expect(found?.data.window).toBeLessThan(3500);
  expect(found?.message).toMatch(/^about [\d,]+ tokens, not 8,192: use --context-length \d+, or give the server/);
});

it('a server that cuts nothing, and a model that repeats nothing', async () => {
  expect(await windowOf(keeping(1e9))).toMatchObject({ status: 'ok', data: { window: 8192 } });
  expect(await windowOf(keeping(10))).toMatchObject({ status: 'warning', data: { window: null } });
});
