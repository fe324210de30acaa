/**
 * A Tinker server for tests whose numbers are real: the local engine samples, scores and trains. It keeps the results of calls by their numbers, as
 * servers do, so that a call that comes twice is done once. `before` can spoil what happens to a request.
 */
import { mkdtemp } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TrainablePolicy } from '../policy.js';

export interface EngineServerOptions {
  policy: TrainablePolicy;
  model?: string;
  scaling?: 'sum' | 'average';
  losses?: readonly string[];
  contextLength?: number;
  key?: string;
  /** Polls that a result is pending for. */
  pending?: number;
  /** True if it has dealt with the request itself. `count` counts requests to this path from 1. */
  before?: (path: string, count: number, response: ServerResponse) => boolean;
  /** True if the answer is to be lost after the work is done. */
  lose?: (path: string, count: number) => boolean;
}

type Body = Record<string, never>;
/** Like SkyRL's, it loads weights only as the first thing that is done with a model. */
interface Data {
  model_input: { chunks: { tokens: number[] }[] };
  loss_fn_inputs: Record<string, { data: number[] }>;
}

export interface EngineServer {
  url: string;
  /** Calls that were really done, by path. */
  done: Record<string, number>;
  close(): Promise<void>;
}

export async function engineServer(options: EngineServerOptions): Promise<EngineServer> {
  const {
    policy,
    model = 'mini',
    scaling = 'sum',
    losses = ['ppo', 'importance_sampling', 'cross_entropy'],
    pending = 1,
  } = options;
  const counts: Record<string, number> = {};
  const done: Record<string, number> = {};
  const results = new Map<string, { polls: number; value: Promise<unknown> }>();
  const folder = await mkdtemp(join(tmpdir(), 'tinker-server-'));

  const rowsOf = (data: Data[]) =>
    data.map(({ model_input, loss_fn_inputs }) => {
      const input = model_input.chunks.flatMap(({ tokens }) => tokens);
      const target = loss_fn_inputs.target_tokens.data;
      const rest = [...target];
      return { promptIds: input.slice(0, 1), completionIds: rest, inputs: loss_fn_inputs };
    });
  const tensor = (data: number[]) => ({ logprobs: { data, dtype: 'float32', shape: [data.length] } });

  const work: Record<string, (body: Body) => Promise<unknown>> = {
    create_model: async (body: { base_model?: string; model_seq_id?: number }) => {
      if (body.base_model !== model) throw new Error(`unknown base model ${body.base_model}`);
      return { model_id: `model-${body.model_seq_id}` };
    },
    forward: async (body: { forward_input?: { data: Data[] } }) => {
      const scored = await policy.score(rowsOf(body.forward_input!.data));
      return { loss_fn_outputs: scored.map(({ logProbabilities }) => tensor(logProbabilities)), metrics: {} };
    },
    forward_backward: async (body: {
      forward_backward_input?: {
        data: Data[];
        loss_fn: string;
        loss_fn_config?: { clip_low_threshold: number; clip_high_threshold: number };
      };
    }) => {
      const { data, loss_fn, loss_fn_config } = body.forward_backward_input!;
      if (!losses.includes(loss_fn)) throw new Error(`loss ${loss_fn} is not supported`);
      const rows = rowsOf(data).map(({ inputs, ...row }) => {
        const mask = inputs.weights?.data ?? row.completionIds.map(() => 1);
        const total = scaling === 'average' ? mask.reduce((a, b) => a + b, 0) : 1;
        return {
          ...row,
          advantages: inputs.advantages?.data,
          oldLogProbabilities: inputs.logprobs?.data,
          lossWeights: mask.map((weight) => weight / total),
        };
      });
      const { clip_low_threshold = 0, clip_high_threshold = 1e9 } = loss_fn_config ?? {};
      const loss =
        loss_fn === 'cross_entropy'
          ? ({ kind: 'cross-entropy' } as const)
          : ({ kind: 'policy-gradient', clipLow: 1 - clip_low_threshold, clipHigh: clip_high_threshold - 1 } as const);
      const result = await policy.forwardBackward(rows, { loss });
      return {
        loss_fn_output_type: 'TensorData',
        loss_fn_outputs: result.logProbabilities.map(tensor),
        metrics: { 'loss:sum': result.loss },
      };
    },
    optim_step: async (body: { adam_params?: Record<string, number> }) => {
      const { learning_rate, beta1, beta2, eps, weight_decay, grad_clip_norm } = body.adam_params!;
      const { gradientNorm } = await policy.optimStep({
        learningRate: learning_rate,
        beta1,
        beta2,
        epsilon: eps,
        weightDecay: weight_decay,
        gradientClipNorm: grad_clip_norm,
      });
      return { metrics: { grad_norm: gradientNorm } };
    },
    save_weights_for_sampler: async (body: { path?: string; sampling_session_seq_id?: number }) =>
      body.path === undefined
        ? { sampling_session_id: `sampler-${body.sampling_session_seq_id}` }
        : { path: `tinker://${body.path}` },
    save_weights: async (body: { path?: string }) => {
      await policy.save(join(folder, body.path!));
      return { path: `tinker://${body.path}` };
    },
    load_weights: async (body: { path?: string }) => {
      await policy.load(join(folder, body.path!.replace('tinker://', '')));
      return {};
    },
    asample: async (body: {
      prompt?: { chunks: { tokens: number[] }[] };
      num_samples?: number;
      sampling_params?: { max_tokens: number; temperature: number; top_p: number; seed: number; stop: number[] };
    }) => {
      const { max_tokens, temperature, top_p, seed, stop } = body.sampling_params!;
      const promptIds = body.prompt!.chunks.flatMap(({ tokens }) => tokens);
      const [samples] = await policy.sample([{ promptIds, samples: body.num_samples, seed }], {
        maxTokens: max_tokens,
        temperature,
        topP: top_p,
        stopIds: stop,
      });
      return {
        sequences: samples.map(({ tokens, logProbabilities, stopReason }) => ({
          tokens,
          logprobs: logProbabilities,
          stop_reason: stopReason,
        })),
      };
    },
  };

  const json = (response: ServerResponse, body: unknown, status = 200) => {
    if (response.destroyed || response.writableEnded) return;
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };

  const server: Server = createServer((request, response) => {
    let text = '';
    request.on('data', (bit) => {
      text += bit;
    });
    request.on('end', async () => {
      const path = request.url!.replace('/api/v1/', '');
      counts[path] = (counts[path] ?? 0) + 1;
      const count = counts[path];
      if (options.before?.(path, count, response)) return;
      if (options.key !== undefined && request.headers['x-api-key'] !== options.key)
        return json(response, { detail: 'invalid key' }, 401);
      const body = (text === '' ? {} : JSON.parse(text)) as Body & { request_id?: string; seq_id?: number };
      if (path === 'get_server_capabilities')
        return json(response, {
          supported_models: [{ model_name: model, max_context_length: options.contextLength ?? policy.contextLength }],
        });
      if (path === 'create_session') return json(response, { session_id: 'session-1' });
      if (path === 'session_heartbeat' || path === 'unload_model') return json(response, {});
      if (path === 'retrieve_future') {
        const result = results.get(body.request_id!);
        if (!result) return json(response, { detail: 'gone' }, 410);
        if (result.polls++ < pending)
          return result.polls % 2 ? json(response, { type: 'try_again' }) : json(response, {}, 408);
        try {
          const value = await result.value;
          if (options.lose?.(path, count)) return void response.destroy();
          return json(response, value);
        } catch (error) {
          return json(response, { error: (error as Error).message, category: 'user' });
        }
      }
      if (path === 'load_weights' && body.seq_id !== 1)
        return json(response, { detail: `LoadWeights is not permitted with seq_id ${body.seq_id}` }, 400);
      const {
        model_id = '',
        model_seq_id = 0,
        seq_id = 0,
      } = body as { model_id?: string; model_seq_id?: number; seq_id?: number };
      const id = `${path}-${model_id}-${model_seq_id}-${seq_id}`;
      if (!results.has(id)) {
        done[path] = (done[path] ?? 0) + 1;
        const value = work[path](body);
        value.catch(() => undefined);
        results.set(id, { polls: 0, value });
      }
      if (options.lose?.(path, count)) return void response.destroy();
      json(response, { request_id: id });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    done,
    close: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
