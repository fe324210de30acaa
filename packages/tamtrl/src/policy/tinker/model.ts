/** One model on a server: keeps its calls in order, splits its batches, and manages its samplers. */

import { Gate } from '../patience.js';
import type { TrainingRow } from '../types.js';
import type { TinkerClient } from './client.js';
import type { Datum } from './datum.js';
import { TinkerError } from './errors.js';
import { logProbabilitiesIn } from './replies.js';
import type { ForwardBackwardBody } from './wire.js';

export interface RemoteModelOptions {
  /** The server's name for the base model. */
  model: string;
  /** Rank of the LoRA adapter; 0 trains all weights if the server supports that. Default 32. */
  rank?: number;
  seed?: number;
}

/** AdamW, with the protocol's names. */
export interface AdamParameters {
  learning_rate: number;
  beta1: number;
  beta2: number;
  eps: number;
  weight_decay: number;
  grad_clip_norm: number;
}

/** Limits of one request: rows, and numbers in them (the official SDK splits at 1,024 rows and 5 MB). */
const ROWS = 1024;
const NUMBERS = 1_000_000;
/** Numbers for each token of a row: itself, its target, its old log-probability, its advantage. */
const NUMBERS_A_TOKEN = 4;
/** Requests of one batch in flight: enough that the server never waits, and few enough to hold in memory. */
const PIECES = 4;

/**
 * Create it with `RemoteModel.create`. You may make a call before the last has returned; calls reach the server in
 * order.
 */
export class RemoteModel {
  readonly id: string;
  readonly #client: TinkerClient;
  readonly #session: string;
  /** Increases by one with each call. Together with the model's id, it identifies the call to the server. */
  #sequence = 0;
  #tail: Promise<void> = Promise.resolve();
  readonly #pieces = new Gate(PIECES);
  /** The reason why the gradients on the server differ from those sent. */
  #lost: { error: unknown } | undefined;
  /** Sampler for the weights after the calls so far. */
  #sampler: Promise<string> | undefined;

  /** Use `RemoteModel.create`, which asks the server for the id. */
  constructor(client: TinkerClient, session: string, id: string) {
    this.#client = client;
    this.#session = session;
    this.id = id;
  }

  /** @param number of the model within its session, from 0 */
  static async create(
    client: TinkerClient,
    session: string,
    number: number,
    { model, rank = 32, seed }: RemoteModelOptions,
    signal?: AbortSignal,
  ): Promise<RemoteModel> {
    const lora = {
      rank,
      ...(seed === undefined ? {} : { seed }),
      train_unembed: true,
      train_mlp: true,
      train_attn: true,
    };
    const request = { session_id: session, model_seq_id: number, base_model: model, lora_config: lora };
    const made = await client.submit('create_model', request, { signal });
    if (typeof made.model_id === 'string') return new RemoteModel(client, session, made.model_id);
    throw client.unexpected('create_model', made, 'created a model without an id, with its answer');
  }

  /**
   * A forward pass, with gradients or without. Batches that are too large for one request are split into several, whose
   * gradients add up.
   * @returns log-probabilities of all positions of each row, as the server returns them
   */
  async forward(
    rows: readonly TrainingRow[],
    toDatum: (row: TrainingRow, at: number) => Datum,
    loss: Pick<ForwardBackwardBody, 'loss_fn' | 'loss_fn_config' | 'forward_only'>,
    signal?: AbortSignal,
  ): Promise<number[][]> {
    const pieces = cutToSize(rows).map(([start, end]) =>
      this.#inOrder((seq_id, onAccepted) =>
        this.#pieces.run(signal, async () => {
          try {
            const data = rows.slice(start, end).map((row, at) => toDatum(row, start + at));
            const body = { ...loss, data, model_id: this.id, seq_id };
            return this.#logProbabilities(end - start, await this.#client.forward(body, { signal, onAccepted }));
          } catch (error) {
            if (!loss.forward_only) this.#lost = { error };
            throw error;
          }
        }),
      ),
    );
    return (await Promise.all(pieces)).flat();
  }

  /** @throws the error that kept the gradients from arriving, if any. */
  optimStep(adam_params: AdamParameters): Promise<Record<string, unknown>> {
    this.#sampler = undefined;
    return this.#inOrder(async (seq_id, onAccepted) => {
      if (this.#lost) throw this.#lost.error;
      return this.#client.submit('optim_step', { model_id: this.id, adam_params, seq_id }, { onAccepted, once: true });
    });
  }

  /** Saves under a name on the server, and returns its full name there. */
  async save(path: string, what: 'weights' | 'weights_for_sampler'): Promise<string> {
    const reply = await this.#inOrder((seq_id, onAccepted) => {
      const body = {
        model_id: this.id,
        path,
        seq_id,
        ...(what === 'weights' ? { overwrite: true, include_optimizer: true } : {}),
      };
      return this.#client.submit(`save_${what}`, body, { onAccepted });
    });
    return typeof reply.path === 'string' ? reply.path : path;
  }

  /** Servers load only into a model that has not been used. */
  async load(path: string, optimizer: boolean): Promise<void> {
    await this.#inOrder((seq_id, onAccepted) =>
      this.#client.submit('load_weights', { model_id: this.id, path, optimizer, seq_id }, { onAccepted }),
    );
  }

  /** Frees the model's place on the server. Stops waiting if the server does not answer within seconds. */
  async unload(): Promise<void> {
    await this.#client.call('unload_model', { model_id: this.id }, AbortSignal.timeout(3000)).catch(() => undefined);
  }

  /**
   * @param nextNumber of a sampling session within the session
   * @returns the sampling session of the current weights
   */
  sampler(nextNumber: () => number, signal?: AbortSignal): Promise<string> {
    if (!this.#sampler) {
      const fresh = this.#newSampler(nextNumber, signal);
      this.#sampler = fresh;
      fresh.catch(() => {
        if (this.#sampler === fresh) this.#sampler = undefined;
      });
    }
    return this.#sampler;
  }

  async #newSampler(nextNumber: () => number, signal: AbortSignal | undefined): Promise<string> {
    const { sampling_session_id, path } = await this.#inOrder((seq_id, onAccepted) => {
      const body = { model_id: this.id, sampling_session_seq_id: nextNumber(), seq_id };
      return this.#client.submit('save_weights_for_sampler', body, { signal, onAccepted });
    });
    if (typeof sampling_session_id === 'string') return sampling_session_id;
    const body = { session_id: this.#session, sampling_session_seq_id: nextNumber(), model_path: path };
    const made = await this.#client.call('create_sampling_session', body, signal);
    if (typeof made.sampling_session_id === 'string') return made.sampling_session_id;
    throw this.#client.unexpected('create_sampling_session', made, 'gave no session id');
  }

  /** Whether the model has been used. */
  get used(): boolean {
    return this.#sequence > 0;
  }

  /**
   * Calls reach the server one after another, even if messages are lost on the way: an update that overtook its
   * gradients would run without them.
   */
  async #inOrder<T>(send: (sequence: number, accepted: () => void) => Promise<T>): Promise<T> {
    const before = this.#tail;
    let accepted = () => {};
    this.#tail = new Promise((resolve) => {
      accepted = resolve;
    });
    await before;
    try {
      return await send(++this.#sequence, accepted);
    } finally {
      accepted();
    }
  }

  #logProbabilities(rows: number, reply: Record<string, unknown>): number[][] {
    const lists = logProbabilitiesIn(reply, rows);
    if (lists === undefined) {
      const what = `did not give log-probabilities of the ${rows} rows that were sent`;
      throw this.#client.unexpected('forward_backward', reply, `${what}, in its answer`);
    }
    // SkyRL's reply to a token that the model does not have.
    if (lists.some((list) => list.some((value) => !Number.isFinite(value)))) {
      throw new TinkerError(
        'protocol',
        `${this.#client.server} returned log-probabilities that are not numbers. Does the tokenizer belong to the ` +
          'model there? Have the weights diverged?',
        { server: this.#client.server, path: 'forward_backward', body: Object.keys(reply) },
      );
    }
    return lists;
  }
}

/** Ranges of rows, each [start, end). */
function cutToSize(rows: readonly TrainingRow[]): [start: number, end: number][] {
  const cuts: [number, number][] = [];
  let numbers = 0;
  rows.forEach(({ promptIds, completionIds }, at) => {
    const size = NUMBERS_A_TOKEN * (promptIds.length + completionIds.length);
    const last = cuts.at(-1);
    numbers += size;
    if (last && at - last[0] < ROWS && numbers <= NUMBERS) last[1] = at + 1;
    else {
      cuts.push([at, at + 1]);
      numbers = size;
    }
  });
  return cuts;
}
