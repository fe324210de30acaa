/**
 * Real servers' replies, played back: the client sends what it sent then, and reads in them what the official SDK
 * reads.
 */
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { miniChat, miniTokenizer } from '../../data/mini/tokenizer.js';
import { completionValues } from './datum.js';
import { openTinkerPolicy } from './policy.js';
import { TINKER_SERVERS } from './servers.js';
import { encodeForwardBackward } from './wire.js';

interface Content {
  json?: unknown;
  text?: string;
  base64?: string;
  official?: Record<string, unknown>;
  of?: string;
}

interface Exchange {
  path: string;
  request?: Content;
  status: number;
  reply: Content;
}

const tokenizer = miniTokenizer();
const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function recording(name: string): Promise<Exchange[]> {
  const text = await readFile(new URL(`../../../fixtures/tinker/${name}.json`, import.meta.url), 'utf8');
  return JSON.parse(text).exchanges;
}

/** Gives the replies in their order; what is asked for has to come in the same order too. */
async function playedBack(exchanges: readonly Exchange[]) {
  const sent: { path: string; body: Buffer }[] = [];
  const server = createServer((request, response) => {
    const bits: Buffer[] = [];
    request.on('data', (bit: Buffer) => bits.push(bit));
    request.on('end', () => {
      const path = request.url!.replace('/api/v1/', '');
      if (path === 'session_heartbeat') return response.end('{}');
      const { status, reply } = exchanges[sent.length] ?? { status: 418, reply: { text: 'nothing more was recorded' } };
      sent.push({ path, body: Buffer.concat(bits) });
      const type = reply.base64 === undefined ? 'application/json' : 'application/x-protobuf';
      response.writeHead(status, { 'content-type': type });
      response.end(
        reply.base64 === undefined ? (reply.text ?? JSON.stringify(reply.json)) : Buffer.from(reply.base64, 'base64'),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, sent };
}

/** As tools/tinker/record.mjs does it. */
async function play(name: string, server: keyof typeof TINKER_SERVERS, padTo: number) {
  const exchanges = await recording(name);
  const { url, sent } = await playedBack(exchanges);
  const policy = await openTinkerPolicy({
    ...TINKER_SERVERS[server],
    baseUrl: url,
    model: 'mini',
    tokenizer,
    chat: miniChat,
    rank: 8,
    padTo,
    pollPause: 1,
  });
  const ids = tokenizer.encode('anna oslo ?');
  const rows = [
    { promptIds: ids.slice(0, 2), completionIds: ids.slice(0, 3) },
    { promptIds: ids.slice(0, 1), completionIds: ids.slice(1, 3) },
  ];
  const scored = await policy.score(rows);
  const samples = await policy.sample([{ promptIds: ids, samples: 2, seed: 3 }], {
    maxTokens: 4,
    stopIds: miniChat.stopIds,
  });
  const update = await policy.forwardBackward(
    rows.map((row, at) => ({
      ...row,
      advantages: row.completionIds.map(() => (at === 0 ? 1 : -0.5)),
      oldLogProbabilities: scored[at].logProbabilities,
      lossWeights: row.completionIds.map(() => 0.2),
    })),
    { loss: { kind: 'policy-gradient', clipLow: 0.2, clipHigh: 0.28 } },
  );
  const { gradientNorm } = await policy.optimStep({ learningRate: 1e-3, gradientClipNorm: 1 });
  const folder = await mkdtemp(join(tmpdir(), 'tinker-recording-'));
  await writeFile(join(folder, 'tinker.json'), '{"model":"mini","path":"tinker://nowhere/weights/nothing"}');
  const refusal = await policy.load(folder).catch((error: Error) => error.message);
  await policy.close();
  expect(sent.map(({ path }) => path)).toEqual(exchanges.map(({ path }) => path));
  return { exchanges, sent, rows, scored, samples, update, gradientNorm, refusal };
}

it('SkyRL 0.4.0: in protobuf both ways, as the official SDK reads it', async () => {
  const { exchanges, sent, rows, ...found } = await play('skyrl-0.4.0', 'skyrl-jax', 64);
  const outputs = exchanges.filter(({ reply }) => reply.of === 'forward_backward').map(({ reply }) => reply.official!);
  const valuesOf = ({ logprobs }: Record<string, unknown>) =>
    rows.map((row, at) => completionValues(row, (logprobs as number[][])[at]));
  expect(found.scored.map(({ logProbabilities }) => logProbabilities)).toEqual(valuesOf(outputs[0]));
  expect(found.update.logProbabilities).toEqual(valuesOf(outputs[1]));
  const { sequences } = exchanges.find(({ reply }) => reply.of === 'asample')!.reply.official as {
    sequences: { tokens: number[]; logprobs: number[]; stop_reason: string }[];
  };
  expect(found.samples[0].map(({ tokens }) => tokens)).toEqual(sequences.map(({ tokens }) => tokens));
  expect(found.samples[0].map(({ logProbabilities }) => logProbabilities)).toEqual(
    sequences.map(({ logprobs }) => logprobs),
  );
  expect(found.gradientNorm).toBeGreaterThan(1);
  expect(found.refusal).toMatch(/refused load_weights \(404\): Checkpoint not found: nowhere\/nothing\./);
  // What is sent is what was sent, whose meaning the official SDK confirms.
  const requests = exchanges.flatMap(({ request }, at) => (request?.official ? [{ at, ...request.official }] : []));
  expect(requests.map(({ at }) => sent[at].body.toString('base64'))).toEqual(
    requests.map(({ at }) => exchanges[at].request!.base64),
  );
  expect(requests).toMatchObject([
    { forward_only: true, loss_fn: 'cross_entropy', loss_fn_config: {}, seq_id: 1 },
    { forward_only: false, loss_fn: 'ppo', loss_fn_config: { clip_low_threshold: 0.8, clip_high_threshold: 1.28 } },
  ]);
  const [, ppo] = requests as unknown as { data: { tokens: number[]; inputs: Record<string, number[]> }[] }[];
  const { tokens, inputs } = ppo.data[0];
  expect(tokens).toHaveLength(64);
  expect(tokens.slice(0, 4)).toEqual([...rows[0].promptIds, ...rows[0].completionIds].slice(0, -1));
  expect(inputs.target_tokens.slice(1, 4)).toEqual(rows[0].completionIds);
  // Weight 0.2 of each of three tokens in one of two rows, times six, because this server averages over them.
  expect(inputs.advantages.slice(0, 5)).toEqual([0, ...new Array(3).fill(Math.fround(0.2 * 6)), 0]);
});

it('Open-RL: no forward and no protobuf, so a forward pass is one whose gradient is 0', async () => {
  const { exchanges, sent, rows, ...found } = await play('open-rl-bfc0f09', 'open-rl', 1);
  const bodies = sent.map(({ path, body }, at) => ({
    path,
    body: exchanges[at].request?.json && JSON.parse(String(body)),
  }));
  const inputs = bodies.flatMap(({ body }) => (body?.forward_backward_input ? [body.forward_backward_input] : []));
  expect(inputs.map(({ loss_fn }) => loss_fn)).toEqual(['cross_entropy', 'ppo']);
  expect(inputs[0].data[0].loss_fn_inputs.weights.data).toEqual([0, 0, 0, 0]);
  const replies = exchanges.flatMap(({ reply }) => {
    const { loss_fn_outputs } = (reply.json ?? {}) as { loss_fn_outputs?: { logprobs: { data: number[] } }[] };
    return loss_fn_outputs ? [rows.map((row, at) => completionValues(row, loss_fn_outputs[at].logprobs.data))] : [];
  });
  expect(found.scored.map(({ logProbabilities }) => logProbabilities)).toEqual(replies[0]);
  expect(found.update.logProbabilities).toEqual(replies[1]);
  expect(found.gradientNorm).toBeCloseTo(20.11, 2);
  // It does not stop at the stop token and says "stop" of all: what comes after it is cut off.
  for (const { tokens, logProbabilities, stopReason } of found.samples[0]) {
    expect(tokens.slice(0, -1).some((id) => miniChat.stopIds.includes(id))).toBe(false);
    expect(logProbabilities).toHaveLength(tokens.length);
    expect(stopReason).toBe(miniChat.stopIds.includes(tokens.at(-1)!) ? 'stop' : 'length');
  }
  expect(found.refusal).toMatch(/refused load_weights \(400\): No metadata\.json found at checkpoints/);
});

it('numbers and names beyond the recorded ones travel whole', () => {
  const bytes = encodeForwardBackward({
    model_id: 'é',
    seq_id: 2 ** 31 - 1,
    data: [],
    loss_fn: 'ppo',
    loss_fn_config: { a: 0.1 },
    forward_only: false,
  });
  // model_id (tag 10), seq_id (16), loss_fn (34), one entry of the map (42) with a double (17); forward_only is left
  // out when false.
  const name = Buffer.from('\x03ppo').toString('hex');
  const number = Buffer.from(new Float64Array([0.1]).buffer).toString('hex');
  expect(Buffer.from(bytes).toString('hex')).toBe(`0a02c3a910ffffffff0722${name}2a0c0a016111${number}`);
});
