/**
 * A Tinker server for tests whose numbers are real: local engines sample, score and train, one for each model. It keeps
 * the results of calls by their numbers, as servers do, so that a repeated call is done once. `before` can
 * spoil what happens to a request.
 */
import { mkdtemp } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TrainablePolicy } from '../types.js';
import { PROTOBUF } from './wire.js';
import {
  type Datum,
  decodeForwardBackwardRequest,
  encodeForwardBackwardOutput,
  encodeSamples,
  type ForwardInput,
} from './wire.test-support.js';

export interface EngineServerOptions {
  /** The weights of a new model. */
  open: () => Promise<TrainablePolicy>;
  model?: string;
  scaling?: 'sum' | 'average';
  losses?: readonly string[];
  /** Default 64. */
  contextLength?: number;
  key?: string;
  /** Protobuf for forward passes and results, as SkyRL 0.4.0 requires it. */
  protobuf?: boolean;
  /** Models at a time. */
  places?: number;
  /** Leaves the stop token out of samples, and gives several samples of one request as copies of the first. */
  samples?: 'without-stop' | 'copies';
  /** Polls that a result is pending for. */
  pending?: number;
  /** True if it has dealt with the request itself. `count` counts requests to this path from 1. */
  before?: (path: string, count: number, response: ServerResponse) => boolean;
  /** True if the answer is to be lost after the work is done. */
  lose?: (path: string, count: number) => boolean;
}

interface Body {
  session_id?: string;
  model_id?: string;
  model_seq_id?: number;
  sampling_session_id?: string;
  sampling_session_seq_id?: number;
  seq_id?: number;
  request_id?: string;
  base_model?: string;
  path?: string;
  optimizer?: boolean;
  forward_input?: ForwardInput;
  forward_backward_input?: ForwardInput;
  adam_params?: Record<string, number>;
  prompt?: { chunks: { tokens: number[] }[] };
  num_samples?: number;
  sampling_params?: { max_tokens: number; temperature: number; top_p: number; seed: number; stop: number[] };
}

export interface EngineServer {
  url: string;
  /** Calls that were really done, by path. */
  done: Record<string, number>;
  /** All calls that changed something, in the order in which they came: path and number. */
  order: string[];
  /** Forgets all models and results; what was saved stays. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

class Refused extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export async function engineServer(options: EngineServerOptions): Promise<EngineServer> {
  const {
    model = 'mini',
    scaling = 'sum',
    losses = ['ppo', 'importance_sampling', 'cross_entropy'],
    pending = 1,
    places = 3,
  } = options;
  const counts: Record<string, number> = {};
  const done: Record<string, number> = {};
  const order: string[] = [];
  let results = new Map<string, { path: string; polls: number; value: Promise<object> }>();
  const models = new Map<string, { policy: TrainablePolicy; calls: number }>();
  const folder = await mkdtemp(join(tmpdir(), 'tinker-server-'));
  let sessions = 0;

  const rowsOf = (data: Datum[]) =>
    data.map(({ model_input, loss_fn_inputs }) => ({
      promptIds: model_input.chunks.flatMap(({ tokens }) => tokens).slice(0, 1),
      completionIds: [...loss_fn_inputs.target_tokens.data],
      inputs: loss_fn_inputs,
    }));
  const tensor = (data: number[]) => ({ logprobs: { data, dtype: 'float32', shape: [data.length] } });
  const checkLoss = ({ loss_fn }: ForwardInput) => {
    if (!losses.includes(loss_fn)) throw new Refused(422, `Input should be one of ${losses.join(', ')}`);
  };

  const work: Record<string, (policy: TrainablePolicy, body: Body) => Promise<object>> = {
    forward: async (policy, { forward_input }) => {
      const scored = await policy.score(rowsOf(forward_input!.data));
      return { loss_fn_outputs: scored.map(({ logProbabilities }) => tensor(logProbabilities)), metrics: {} };
    },
    forward_backward: async (policy, { forward_backward_input }) => {
      const { data, loss_fn, loss_fn_config } = forward_backward_input!;
      const rows = rowsOf(data).map(({ inputs, ...row }) => {
        const mask = inputs.weights?.data ?? row.completionIds.map(() => 1);
        // As SkyRL's jax backend: the mean over a row's weights, and over the rows.
        const total = scaling === 'average' ? mask.reduce((a, b) => a + b, 0) * data.length : 1;
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
    optim_step: async (policy, { adam_params }) => {
      const { learning_rate, beta1, beta2, eps, weight_decay, grad_clip_norm } = adam_params!;
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
    save_weights_for_sampler: async (policy, { path, model_id, seq_id }) => {
      if (path !== undefined) return { path: `tinker://${path}` };
      const name = `${model_id}/${seq_id}`;
      await policy.snapshot(name);
      return { sampling_session_id: name };
    },
    save_weights: async (policy, { path }) => {
      await policy.save(join(folder, path!));
      return { path: `tinker://${path}` };
    },
    load_weights: async (policy, { path }) => {
      await policy.load(join(folder, path!.replace('tinker://', '')));
      return {};
    },
    asample: async (policy, { sampling_session_id, prompt, num_samples, sampling_params }) => {
      const { max_tokens, temperature, top_p, seed, stop } = sampling_params!;
      const promptIds = prompt!.chunks.flatMap(({ tokens }) => tokens);
      const copies = options.samples === 'copies';
      const [drawn] = await policy.sample([{ promptIds, samples: copies ? 1 : num_samples, seed }], {
        maxTokens: max_tokens,
        temperature,
        topP: top_p,
        stopIds: stop,
        weights: sampling_session_id,
      });
      const samples = copies ? Array.from({ length: num_samples ?? 1 }, () => drawn[0]) : drawn;
      return {
        sequences: samples.map(({ tokens, logProbabilities, stopReason }) => {
          const shown = options.samples === 'without-stop' && stopReason === 'stop' ? -1 : tokens.length;
          return {
            tokens: tokens.slice(0, shown),
            logprobs: logProbabilities.slice(0, shown),
            stop_reason: stopReason,
          };
        }),
      };
    },
  };

  /** A new call: its result comes later. */
  async function begin(path: string, body: Body): Promise<Promise<object>> {
    if (path === 'create_model') {
      if (body.base_model !== model) throw new Refused(404, `unknown base model ${body.base_model}`);
      if (models.size >= places) throw new Refused(400, `at most ${places} models`);
      const id = `${body.session_id}:model-${body.model_seq_id}`;
      models.set(id, { policy: await options.open(), calls: 0 });
      return Promise.resolve({ model_id: id });
    }
    if (!(path in work)) throw new Refused(404, 'Not Found');
    const id = body.model_id ?? body.sampling_session_id!.split('/')[0];
    const found = models.get(id);
    if (!found) throw new Refused(404, `Model not found: ${id}`);
    // As SkyRL does, it loads weights only as the first thing that is done with a model.
    if (path === 'load_weights' && found.calls > 0) {
      throw new Refused(400, `LoadWeights is not permitted with seq_id ${body.seq_id}`);
    }
    const input = body.forward_input ?? body.forward_backward_input;
    if (input) checkLoss(input);
    if (path !== 'asample') found.calls++;
    if (path !== 'asample' && path !== 'forward') order.push(`${path} ${body.seq_id}`);
    return work[path](found.policy, body);
  }

  const json = (response: ServerResponse, body: unknown, status = 200) => {
    if (response.destroyed || response.writableEnded) return;
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };

  async function answer(request: IncomingMessage, bytes: Buffer<ArrayBuffer>, response: ServerResponse): Promise<void> {
    let path = request.url!.replace('/api/v1/', '');
    counts[path] = (counts[path] ?? 0) + 1;
    const count = counts[path];
    if (options.before?.(path, count, response)) return;
    if (options.key !== undefined && request.headers['x-api-key'] !== options.key)
      throw new Refused(401, 'invalid key');
    if (path === 'get_server_capabilities') {
      return json(response, {
        supported_models: [{ model_name: model, max_context_length: options.contextLength ?? 64 }],
      });
    }
    if (path === 'create_session') return json(response, { session_id: `session-${++sessions}` });
    if (path === 'session_heartbeat') return json(response, {});
    let body: Body;
    if (options.protobuf && (path === 'forward_backward' || path === 'forward')) {
      if (path === 'forward') throw new Refused(404, 'Not Found');
      if (request.headers['content-type'] !== PROTOBUF) throw new Refused(415, `${path} requires ${PROTOBUF}`);
      const { forward_only, ...decoded } = decodeForwardBackwardRequest(new Uint8Array(bytes));
      if (forward_only) path = 'forward';
      const { model_id, seq_id, ...input } = decoded;
      body = { model_id, seq_id, [`${path}_input`]: input };
    } else body = bytes.length === 0 ? {} : JSON.parse(bytes.toString());
    if (path === 'unload_model') {
      await models.get(body.model_id!)?.policy.close();
      models.delete(body.model_id!);
      return json(response, {});
    }
    if (path === 'retrieve_future') {
      const result = results.get(body.request_id!);
      if (!result) throw new Refused(410, 'gone');
      if (result.polls++ < pending)
        return result.polls % 2 ? json(response, { type: 'try_again' }) : json(response, {}, 408);
      const value = await result.value.catch((error: Error) => ({ error: error.message, category: 'user' }));
      if (options.lose?.(path, count)) return void response.destroy();
      const encode = { asample: encodeSamples, forward: encodeForwardBackwardOutput }[
        result.path.replace('_backward', '')
      ];
      if (!options.protobuf || !encode || 'error' in value) return json(response, value);
      response.writeHead(200, { 'content-type': PROTOBUF }).end(encode(value as never));
      return;
    }
    const { model_id, sampling_session_id, session_id } = body;
    const id = [path, model_id ?? sampling_session_id ?? session_id, body.model_seq_id, body.seq_id].join('-');
    if (!results.has(id)) {
      const value = begin(path, body).then((later) => ({ later }));
      // Whoever sends it again meanwhile meets the same call.
      results.set(id, { path, polls: 0, value: value.then(({ later }) => later) });
      results.get(id)!.value.catch(() => undefined);
      await value.catch((error) => {
        results.delete(id);
        throw error;
      });
      done[path] = (done[path] ?? 0) + 1;
    }
    if (options.lose?.(path, count)) return void response.destroy();
    json(response, { request_id: id });
  }

  const server: Server = createServer((request, response) => {
    const bits: Buffer[] = [];
    request.on('data', (bit: Buffer) => bits.push(bit));
    request.on('end', () => {
      answer(request, Buffer.concat(bits), response).catch((error: Error) =>
        json(response, { detail: error.message }, error instanceof Refused ? error.status : 500),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const restart = async () => {
    results = new Map();
    for (const { policy } of models.values()) await policy.close();
    models.clear();
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    done,
    order,
    restart,
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await restart();
    },
  };
}
