/** Servers for the tests of the OpenAI-compatible client. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach } from 'vitest';
import { type OpenAIPolicyOptions, openOpenAIPolicy } from './policy.js';

export type Handler = (
  request: { path: string; body: Record<string, unknown>; headers: IncomingMessage['headers'] },
  response: ServerResponse,
) => void;

let server: Server | undefined;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
});

export const json = (response: ServerResponse, body: unknown, status = 200, headers: Record<string, string> = {}) => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
};
export const models = (more: object = {}) => ({ data: [{ id: 'm', owned_by: 'somebody', ...more }] });
export const said = (content: string, finish_reason = 'stop') => ({
  choices: [{ message: { role: 'assistant', content }, finish_reason }],
  usage: { prompt_tokens: 5, completion_tokens: 2 },
});

/**
 * An OpenAI-compatible server that ends with the test. @param handlers answers to requests but that for the models, one
 * after another; the last one stays
 */
export async function serve(
  handlers: Handler[],
  list: unknown | Handler = models(),
): Promise<{ baseUrl: string; seen: { path: string; body: Record<string, unknown> }[] }> {
  const seen: { path: string; body: Record<string, unknown> }[] = [];
  server = createServer((request, response) => {
    let text = '';
    request.on('data', (bit) => {
      text += bit;
    });
    request.on('end', () => {
      const path = request.url ?? '';
      if (path === '/v1/models') {
        if (typeof list === 'function') return list({ path, body: {}, headers: request.headers }, response);
        return json(response, list);
      }
      if (path === '/props') return json(response, {}, 404);
      const body = JSON.parse(text) as Record<string, unknown>;
      seen.push({ path, body });
      handlers[Math.min(seen.length, handlers.length) - 1]({ path, body, headers: request.headers }, response);
    });
  });
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  return { baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, seen };
}

export const fast = { model: 'm', backoff: 1, retries: 2, timeout: 60_000 };

export async function ask(handlers: Handler[], more: Partial<OpenAIPolicyOptions> = {}, maxTokens = 20) {
  const { baseUrl, seen } = await serve(handlers);
  const policy = await openOpenAIPolicy({ ...fast, baseUrl, ...more });
  const promptIds = policy.tokenizer.encode(policy.chat.render([{ role: 'user', content: 'Who did it?' }]));
  const samples = await policy.sample([{ promptIds }], { maxTokens, temperature: 0, signal: more.signal });
  return { policy, seen, sample: samples[0][0], text: policy.tokenizer.decode(samples[0][0].tokens) };
}
