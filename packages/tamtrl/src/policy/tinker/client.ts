/**
 * The Tinker protocol over HTTP, in JSON or protobuf as the server requires. It has sessions with a heartbeat, calls
 * whose results are fetched by long polling, and call numbers that make it safe to repeat a call. It is Thinking
 * Machines' API; open servers such as SkyRL implement it too.
 */
import { backoffPause, pause, Vigil } from '../patience.js';
import { silenced } from './datum.js';
import { TinkerError } from './errors.js';
import { type Body, type Reply, TinkerTransport, UnreadableReply } from './transport.js';
import { encodeForwardBackward, type ForwardBackwardBody } from './wire.js';

export interface TinkerClientOptions {
  /** "http://127.0.0.1:8123" */
  baseUrl: string;
  apiKey?: string;
  /** Milliseconds for one HTTP request; a result that takes longer is requested again. Default 60,000. */
  timeout?: number;
  /** Milliseconds from the submission of a call to its result; default one hour. */
  patience?: number;
  /** Number of attempts after the first for one request; default 6. */
  retries?: number;
  /** Milliseconds before the first retry, doubled for each further one; default 500. */
  backoff?: number;
  /**
   * Whether the server recognises a repeated call by its number; default true. If not, gradients and updates are sent
   * only once.
   */
  resend?: boolean;
  /**
   * Milliseconds to wait before the next request for a result if the server replies immediately that it is pending;
   * default 100.
   */
  pollPause?: number;
  /** Milliseconds between heartbeats; default 10,000. */
  heartbeat?: number;
  /** Called once each: if the server does not answer for long, or samples in a way that needs compensation. */
  note?: (text: string) => void;
}

interface Patience {
  signal?: AbortSignal;
  /** Statuses that are returned instead of repeating the request. */
  pass?: readonly number[];
  /** The kind of call that a protobuf result belongs to. */
  of?: string;
  /** Send the call again only if it certainly did not arrive. */
  once?: boolean;
}

const AGAIN = new Set([408, 425, 429, 500, 502, 503, 504]);
const LONGEST_PAUSE = 30_000;

/** Milliseconds without a result before it is said. Training calls take long. */
const FIRST_NOTE = 60_000;

export interface SubmitOptions {
  signal?: AbortSignal;
  /** Running the call twice would corrupt the weights. */
  once?: boolean;
  /** Called when the server has accepted the call; its result comes later. */
  onAccepted?: () => void;
}

export class TinkerClient {
  readonly server: string;
  readonly #options: Required<Omit<TinkerClientOptions, 'apiKey' | 'baseUrl' | 'timeout' | 'note'>>;
  readonly #transport: TinkerTransport;
  readonly #vigil: Vigil;
  #beat: ReturnType<typeof setInterval> | undefined;
  #dialect: 'json' | 'protobuf' | 'no-forward' = 'json';

  /** @throws TinkerError `invalid-argument` unless the address is http(s) and contains no key. */
  constructor(options: TinkerClientOptions) {
    const {
      baseUrl,
      apiKey,
      timeout = 60_000,
      patience = 3_600_000,
      retries = 6,
      backoff = 500,
      heartbeat = 10_000,
      pollPause = 100,
      resend = true,
    } = options;
    this.#transport = new TinkerTransport({ baseUrl, apiKey, timeout });
    this.server = this.#transport.server;
    this.#options = { patience, retries, backoff, heartbeat, pollPause, resend };
    this.#vigil = new Vigil(this.server, options.note, FIRST_NOTE);
  }

  /** The refusal of a reply that is not the protocol's. See `TinkerTransport.unexpected`. */
  unexpected(path: string, body: unknown, what?: string): TinkerError {
    return this.#transport.unexpected(path, body, what);
  }

  /** Begins a session that stays alive until `close`. */
  async createSession(tags: readonly string[], signal?: AbortSignal): Promise<string> {
    const body = { tags, user_metadata: {}, sdk_version: '0.24.0' };
    const { session_id } = await this.call('create_session', body, signal);
    if (typeof session_id !== 'string') throw this.unexpected('create_session', { session_id });
    this.#beat = setInterval(() => {
      // A lost heartbeat does not matter: the next comes soon, and the next call fails if the session is gone.
      this.#transport.send('POST', 'session_heartbeat', { session_id }).catch(() => undefined);
    }, this.#options.heartbeat);
    this.#beat.unref?.();
    return session_id;
  }

  close(): void {
    clearInterval(this.#beat);
  }

  /** A call that the server answers immediately. It is repeated if that is safe. */
  call(path: string, body: Body | undefined, signal?: AbortSignal): Promise<Record<string, unknown>> {
    return this.#called(path, body, { signal });
  }

  async #called(path: string, body: Body | undefined, options: Patience): Promise<Record<string, unknown>> {
    const method = body === undefined ? 'GET' : 'POST';
    const { status, body: reply } = await this.#vigil.during(() => this.#patiently(method, path, body, options));
    if (status >= 400 || isFailure(reply)) throw this.#transport.refusal(path, status, reply);
    return reply;
  }

  /**
   * A call whose result comes later. The server recognises a repeated call by the sequence number in its body.
   * @throws TinkerError with the server's message if the call fails there.
   */
  submit(path: string, body: object, options: SubmitOptions = {}): Promise<Record<string, unknown>> {
    return this.#submitted(path, path, body, options);
  }

  /**
   * @param path of the call, which determines the kind of its result
   * @param place the path that it is sent to
   */
  async #submitted(
    path: string,
    place: string,
    body: Body,
    { signal, once = false, pass, onAccepted }: SubmitOptions & { pass?: readonly number[] },
  ): Promise<Record<string, unknown>> {
    // Not by the clock of the day, which may be set while a result is waited for.
    const deadline = performance.now() + this.#options.patience;
    const settings = { signal, once: once && !this.#options.resend, pass };
    for (let forgotten = 0; ; forgotten++) {
      const { request_id, ...rest } = await this.#called(place, body, settings);
      onAccepted?.();
      if (request_id === undefined || request_id === null) return rest;
      const result = await this.#vigil.during(() => this.#result(path, request_id, deadline, signal));
      if (result !== undefined) return result;
      // The server has forgotten the result. If it has forgotten the call too, it runs the call again.
      if (settings.once) {
        throw new TinkerError(
          'unreachable',
          `${this.server} has forgotten the result of ${path}, and does not recognise repeated calls. ` +
            'You can resume from the last saved step.',
          { server: this.server, path, status: 410 },
        );
      }
      const { retries, backoff } = this.#options;
      if (forgotten >= retries) {
        throw new TinkerError(
          'unreachable',
          `${this.server} has forgotten the result of ${path} ${forgotten + 1} times. Does it run out of memory? You ` +
            'can resume from the last saved step.',
          { server: this.server, path, status: 410 },
        );
      }
      await pause(backoffPause(backoff, forgotten, LONGEST_PAUSE), signal);
    }
  }

  /**
   * A forward pass, with gradients or without. JSON is tried first. A server that requires protobuf says so once (415,
   * or no `forward` at all), and gets protobuf from then on. On a server that has neither, forward passes run with
   * gradients of 0.
   */
  async forward(body: ForwardBackwardBody, options: SubmitOptions = {}): Promise<Record<string, unknown>> {
    const { forward_only } = body;
    const path = forward_only ? 'forward' : 'forward_backward';
    const settings = { ...options, once: !forward_only };
    const inProtobuf = (pass?: readonly number[]) =>
      this.#submitted(path, 'forward_backward', encodeForwardBackward(body), { ...settings, pass });
    if (this.#dialect === 'protobuf') return inProtobuf();
    if (this.#dialect === 'no-forward' && forward_only) {
      return this.#forwardInJson(withoutGradient(body), 'forward_backward', settings);
    }
    try {
      return await this.#forwardInJson(body, path, settings);
    } catch (error) {
      const status = statusOf(error);
      if (status === 415) {
        this.#dialect = 'protobuf';
        return inProtobuf();
      }
      if (!forward_only || (status !== 404 && status !== 405) || isModelMissing(error)) throw error;
    }
    // There is no `forward`: the server requires protobuf, or has no forward pass without gradients.
    try {
      const reply = await inProtobuf([500]);
      this.#dialect = 'protobuf';
      return reply;
    } catch (error) {
      if (![400, 415, 422, 500].includes(statusOf(error) ?? 0)) throw error;
      this.#dialect = 'no-forward';
      return this.#forwardInJson(withoutGradient(body), 'forward_backward', settings);
    }
  }

  async #forwardInJson(
    { model_id, seq_id, data, loss_fn, loss_fn_config }: ForwardBackwardBody,
    path: 'forward' | 'forward_backward',
    options: SubmitOptions,
  ): Promise<Record<string, unknown>> {
    const input = { data, loss_fn, ...(loss_fn_config ? { loss_fn_config } : {}) };
    return this.submit(path, { model_id, seq_id, [`${path}_input`]: input }, options);
  }

  async #result(
    path: string,
    id: unknown,
    deadline: number,
    signal: AbortSignal | undefined,
  ): Promise<Record<string, unknown> | undefined> {
    for (;;) {
      signal?.throwIfAborted();
      if (performance.now() > deadline) {
        throw new TinkerError(
          'unreachable',
          `${this.server} gave no result of ${path} within ${Math.round(this.#options.patience / 1000)} s.`,
          { server: this.server, path },
        );
      }
      const { status, body } = await this.#patiently(
        'POST',
        'retrieve_future',
        { request_id: id, allow_metadata_only: false },
        { signal, pass: [408, 410], of: path },
      );
      if (status === 410) return undefined;
      if (status === 408 || body.type === 'try_again' || body.status === 'complete_metadata') {
        await pause(this.#options.pollPause, signal);
        continue;
      }
      if (status >= 400 || isFailure(body)) throw this.#transport.refusal(path, status, body);
      return body;
    }
  }

  async #patiently(
    method: string,
    path: string,
    body: Body | undefined,
    { signal, pass = [], of = '', once = false }: Patience,
  ): Promise<Reply> {
    for (let attempt = 0; ; attempt++) {
      let problem: string;
      let cause: unknown;
      let status: number | undefined;
      try {
        const reply = await this.#transport.send(method, path, body, signal, of);
        if (pass.includes(reply.status) || !AGAIN.has(reply.status)) return reply;
        status = reply.status;
        problem = `answered ${path} with ${reply.status}: ${this.#transport.said(reply.body)}`;
      } catch (error) {
        signal?.throwIfAborted();
        if (TinkerError.isInstance(error)) throw error;
        cause = error;
        problem =
          error instanceof UnreadableReply
            ? `answered ${path} with ${error.message}`
            : `cannot be reached for ${path}: ${this.#transport.show(reasonOf(error))}`;
        if (once && reasonOf(error) !== 'ECONNREFUSED') {
          throw new TinkerError(
            'unreachable',
            `${this.server} ${problem}. The call may or may not have run, and the server does not recognise ` +
              'repeated calls, so it is not sent again. You can resume from the last saved step.',
            { server: this.server, path, cause },
          );
        }
      }
      if (attempt >= this.#options.retries) {
        const unreadable = cause instanceof UnreadableReply;
        throw new TinkerError(
          unreadable ? 'protocol' : 'unreachable',
          `${this.server} ${problem} (${attempt + 1} attempts). Is ${unreadable ? 'this a Tinker server' : 'the server running'}? ` +
            'You can resume from the last saved step.',
          { server: this.server, path, status, cause },
        );
      }
      await pause(backoffPause(this.#options.backoff, attempt, LONGEST_PAUSE), signal);
    }
  }
}

/**
 * Failures also come with status 200: {"error", "category"}, or {"type": "RequestFailedResponse"}. Successes may have
 * the same fields as null.
 */
function isFailure(body: Record<string, unknown>): boolean {
  const said = (value: unknown) => value !== undefined && value !== null;
  return said(body.error) || said(body.error_message) || body.type === 'RequestFailedResponse';
}

const statusOf = (error: unknown): number | undefined => (TinkerError.isInstance(error) ? error.status : undefined);

/** A 404 can also mean that the model is gone; its message differs from that of an unknown path. */
function isModelMissing(error: unknown): boolean {
  const { detail } = (error as TinkerError).body as { detail?: unknown };
  return typeof detail === 'string' && /model/i.test(detail);
}

/** The same forward pass; its loss is 0 whatever the weights. */
const withoutGradient = (body: ForwardBackwardBody): ForwardBackwardBody => ({
  ...body,
  data: body.data.map(silenced),
});

function reasonOf(error: unknown): string {
  const { cause, message, name } = error as { cause?: { code?: string }; message?: string; name?: string };
  return name === 'TimeoutError' ? 'no answer in time' : (cause?.code ?? message ?? String(error));
}
