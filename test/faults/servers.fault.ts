/** Servers of models that fail in every way: there is a result or one of our errors, soon, and in a bounded memory. */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { miniChat, miniTokenizer } from '../../packages/tamtrl/src/data/mini/tokenizer.js';
import { PolicyError } from '../../packages/tamtrl/src/policy/errors.js';
import { openOpenAIPolicy } from '../../packages/tamtrl/src/policy/openai/policy.js';
import { openTinkerPolicy } from '../../packages/tamtrl/src/policy/tinker/policy.js';
import { mutated, random } from '../../tools/fuzz-mutate.mjs';
import { CAMPAIGN, fault, type Row } from './campaign.js';
import { JSON_REPLIES, type Reply, rawServer, reply, STATUSES, WAYS } from './servers.js';

/** A client's attempt may take a second, and it tries thrice with pauses of a second at most. */
const SLOW = 10_000;
const LONGEST_MESSAGE = 3000;
const LIMITS = { retries: 2, backoff: 1, timeout: 1000 };

const OPENAI: Record<string, unknown> = {
  models: { data: [{ id: 'm', owned_by: 'somebody' }] },
  completions: {
    choices: [{ message: { role: 'assistant', content: 'Ada did.' }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 5, completion_tokens: 2 },
  },
};
const TINKER: Record<string, unknown> = {
  get_server_capabilities: { supported_models: [{ model_name: 'mini', max_context_length: 256 }] },
  create_session: { session_id: 's' },
  create_model: { model_id: 'm' },
  save_weights_for_sampler: { sampling_session_id: 'w' },
  asample: { sequences: [{ tokens: [7, 8], logprobs: [-0.5, -0.25], stop_reason: 'length' }] },
  forward: { loss_fn_outputs: [{ logprobs: { data: [-1, -2] } }], metrics: {} },
  forward_backward: { loss_fn_outputs: [{ logprobs: { data: [-1, -2] } }], metrics: {} },
  optim_step: { metrics: { grad_norm: 1 } },
};

async function useOpenAI(url: string): Promise<void> {
  const policy = await openOpenAIPolicy({ ...LIMITS, baseUrl: `${url}/v1`, model: 'm', apiKey: 'sk-long-secret' });
  const [[{ tokens }]] = await policy.sample([{ promptIds: policy.tokenizer.encode('x') }], { maxTokens: 5 });
  if (tokens.length > 5) throw new Error(`${tokens.length} tokens came for 5`);
}

const row = { promptIds: [3, 4], completionIds: [5, 6], advantages: [1, 1], oldLogProbabilities: [-1, -1] };

async function useTinker(baseUrl: string): Promise<void> {
  const model = { model: 'mini', tokenizer: miniTokenizer(), chat: miniChat, apiKey: 'tml-secret-key' };
  const policy = await openTinkerPolicy({ ...LIMITS, ...model, baseUrl, pollPause: 1, patience: 2000 });
  try {
    await policy.sample([{ promptIds: [3, 4] }], { maxTokens: 2 });
    await policy.score([{ promptIds: [3, 4], completionIds: [5, 6] }]);
    await policy.forwardBackward([row], { loss: { kind: 'policy-gradient', clipLow: 0.2, clipHigh: 0.2 } });
    await policy.optimStep({ learningRate: 1 });
  } finally {
    await policy.close();
  }
}

const CLIENTS = [
  { name: 'OpenAI', good: OPENAI, use: useOpenAI },
  { name: 'Tinker', good: TINKER, use: useTinker },
] as const;

/** A result or one of our errors, in time. Returns whether there was a result. */
async function expectAnswer(use: (url: string) => Promise<void>, url: string): Promise<boolean> {
  const started = performance.now();
  const failure = await use(url).then(
    () => undefined,
    (error: unknown) => error,
  );
  const took = performance.now() - started;
  if (took > SLOW) throw new Error(`it took ${Math.round(took)} ms`);
  if (failure === undefined) return true;
  if (!PolicyError.isInstance(failure)) throw failure;
  const { message } = failure;
  if (/Cannot read propert|is not a function|is not iterable|Maximum call stack|secret/.test(message)) {
    throw new Error(`raw words in: ${message}`);
  }
  if (message.length > LONGEST_MESSAGE) throw new Error(`a message of ${message.length} characters`);
  return false;
}

for (const { name, good, use } of CLIENTS) {
  const paths = Object.keys(good);

  fault('servers', `${name} client, each way to fail: a result or an error of ours in 10 s`, async (row) => {
    let answered = 0;
    const ways: Record<string, Reply> = { ...WAYS };
    for (const status of STATUSES) ways[`status ${status}`] = reply('{"error":{"message":"no"}}', status);
    for (const text of JSON_REPLIES) ways[`the body ${text.slice(0, 30)}`] = reply(text);
    for (const [way, fail] of Object.entries(ways)) {
      // Once, so that another attempt gets the answer, and for good.
      for (const times of [1, Number.POSITIVE_INFINITY]) {
        for (const path of name === 'OpenAI' ? paths : [paths[Math.floor((row.tried / 2) % paths.length)]]) {
          await row.case(`${way}, ${times} times, at ${path}`, async () => {
            let left = times;
            const server = await rawServer((asked, socket) => {
              if (asked === path && left-- > 0) fail(socket);
              else reply(JSON.stringify(good[asked] ?? {}))(socket);
            });
            try {
              if (await expectAnswer(use, server.url)) answered++;
            } finally {
              await server.close();
            }
          });
        }
      }
    }
    row.notes = `${answered} got their result in spite of it`;
  });

  fault('servers', `${name} client, changed replies: a result or an error of ours in 10 s`, async (row) => {
    row.notes = `${await changedReplies(row, good, use)} got a result`;
  });
}

/** Replies as bytes, head and body, of which one is changed. Returns the number of results. */
async function changedReplies(row: Row, good: Record<string, unknown>, use: (url: string) => Promise<void>) {
  const draw = random(CAMPAIGN.seed);
  const paths = Object.keys(good);
  let spoiled = '';
  let last: Buffer = Buffer.from('');
  const whole = (asked: string) => {
    const body = JSON.stringify(good[asked] ?? {});
    return `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  };
  const server = await rawServer((asked, socket: Socket) => {
    if (asked !== spoiled) return void socket.end(whole(asked));
    last = mutated(whole(asked), draw() < 0.2, draw);
    if (draw() < 0.05) last = randomBytes(200);
    socket.end(last);
  });
  let answered = 0;
  try {
    for (let at = 0; at < CAMPAIGN.requests / CLIENTS.length; at++) {
      spoiled = paths[Math.floor(draw() * paths.length)];
      await row.case(`change ${at} at ${spoiled}`, async () => {
        try {
          if (await expectAnswer(use, server.url)) answered++;
        } catch (error) {
          throw new Error(`${error instanceof Error ? error.message : error} after ${JSON.stringify(String(last))}`);
        }
      });
    }
  } finally {
    await server.close();
  }
  return answered;
}
