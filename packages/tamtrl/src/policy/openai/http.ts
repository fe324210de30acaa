/**
 * JSON over HTTP, with retries and backoff, time limits, a limit on concurrent requests, and a clear message for every
 * failure.
 */
import { PolicyError } from '../errors.js';
import {
  displayAddress,
  exchange,
  masking,
  parseReply,
  requireSendable,
  shownWithout,
  TooDeep,
  textIn,
} from '../exchange.js';
import { backoffPause, Gate, pause, Vigil } from '../patience.js';

export interface HttpOptions {
  /** Up to and including the version: "http://127.0.0.1:8080/v1". */
  baseUrl: string;
  /** Sent as a bearer token; never part of any message. */
  apiKey?: string;
  /** Number of attempts after the first; default 4. */
  retries?: number;
  /** Milliseconds before the first retry, doubled for each further one; default 500. */
  backoff?: number;
  /** Milliseconds for one attempt, from sending to the last byte; default 300,000. */
  timeout?: number;
  /** Milliseconds for a request with all its attempts: later than this none begins; default 600,000. */
  patience?: number;
  /** Maximum number of concurrent requests; default 8. */
  concurrency?: number;
  /** Told that the server has not answered for long. */
  note?: (text: string) => void;
}

/** Longest wait that a server may request, in milliseconds. */
const LONGEST_WAIT = 60_000;
const AGAIN = new Set([408, 409, 425, 429, 500, 502, 503, 504, 529]);

/** A server refuses a request for what it asks. */
export class RefusedRequest extends PolicyError {
  readonly status: number;
  /** The server's own words. */
  readonly said: string;

  constructor(message: string, status: number, said: string) {
    super('refused', message);
    this.status = status;
    this.said = said;
  }
}

export class JsonClient {
  readonly baseUrl: string;
  /** Number of requests sent again so far. */
  retried = 0;
  readonly #options: Required<Pick<HttpOptions, 'retries' | 'backoff' | 'timeout' | 'patience'>>;
  readonly #headers: Record<string, string>;
  readonly #gate: Gate;
  readonly #vigil: Vigil;
  readonly #note: HttpOptions['note'];
  /** Requests at the same time have filled the server's window. */
  #crowded = false;
  readonly #mask: (text: string) => string;
  readonly #show: (text: string) => string;

  /** @throws PolicyError `invalid-argument` for anything but an http(s) address, and for a key that cannot be sent. */
  constructor(options: HttpOptions) {
    const { retries = 4, backoff = 500, timeout = 300_000, patience = 600_000, concurrency = 8, apiKey } = options;
    let url: URL;
    try {
      url = new URL(options.baseUrl);
    } catch {
      throw new PolicyError(
        'invalid-argument',
        `"${displayAddress(options.baseUrl)}" is not an address; expected something like http://127.0.0.1:8080/v1.`,
      );
    }
    if (!/^https?:$/.test(url.protocol) || url.username + url.password + url.search + url.hash !== '') {
      throw new PolicyError(
        'invalid-argument',
        'The address of a server must begin with http:// or https:// and contain no key: no user, password or query. ' +
          `Found one of ${url.protocol}//${url.host}. Put the key in TAMTRL_API_KEY or OPENAI_API_KEY.`,
      );
    }
    requireSendable(apiKey, 'TAMTRL_API_KEY or OPENAI_API_KEY');
    this.baseUrl = options.baseUrl.replace(/\/+$/, '');
    this.#options = { retries, backoff, timeout, patience };
    this.#gate = new Gate(concurrency);
    this.#vigil = new Vigil(this.baseUrl, options.note);
    this.#note = options.note;
    this.#mask = masking(apiKey);
    this.#show = shownWithout(apiKey);
    this.#headers = { 'content-type': 'application/json', ...(apiKey ? { authorization: `Bearer ${apiKey}` } : {}) };
  }

  get(path: string, signal?: AbortSignal): Promise<unknown> {
    return this.#patiently('GET', path, undefined, signal);
  }

  /**
   * @param read makes of the reply what is wanted; what it throws is shown without the key
   * @param server its address, for messages
   */
  async post<T>(
    path: string,
    body: object,
    read: (reply: unknown, server: string) => T,
    signal?: AbortSignal,
  ): Promise<T> {
    const reply = await this.#patiently('POST', path, JSON.stringify(body), signal);
    try {
      return read(reply, this.baseUrl);
    } catch (error) {
      if (PolicyError.isInstance(error)) throw new PolicyError(error.kind, this.#mask(error.message));
      throw error;
    }
  }

  /** The parsed reply, or undefined if the server has nothing at this path or does not answer. Sends one request. */
  async probe(path: string, signal?: AbortSignal): Promise<unknown> {
    try {
      return await this.#once('GET', path, undefined, signal, 5000);
    } catch {
      signal?.throwIfAborted();
      return undefined;
    }
  }

  async #patiently(
    method: string,
    path: string,
    body: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<unknown> {
    const { retries, timeout, patience } = this.#options;
    const attempts = async () => {
      const last = performance.now() + patience;
      for (let attempt = 0; ; attempt++) {
        const together = this.#gate.inside > 1;
        try {
          return await this.#vigil.during(() => this.#once(method, path, body, signal, timeout));
        } catch (error) {
          signal?.throwIfAborted();
          if (!(error instanceof Again)) throw error;
          if (SHARED_WINDOW.test(error.said) && (together || this.#gate.inside > 1)) throw new Crowded();
          if (attempt >= retries || performance.now() >= last) throw error.final(attempt + 1);
          this.retried++;
          const wait = Math.max(backoffPause(this.#options.backoff, attempt, LONGEST_WAIT), error.wait ?? 0);
          await pause(Math.min(LONGEST_WAIT, wait), signal);
        }
      }
    };
    for (;;) {
      try {
        return await this.#gate.run(signal, attempts);
      } catch (error) {
        if (!(error instanceof Crowded)) throw error;
        this.retried++;
        this.#tellCrowded();
      }
    }
  }

  /** From now on, each request has the window to itself. */
  #tellCrowded(): void {
    this.#gate.lower(1);
    if (this.#crowded) return;
    this.#crowded = true;
    this.#note?.(
      `${this.baseUrl} has one window for all requests together: from now on it gets one at a time. A larger window ` +
        '(-c) or one for each slot (--no-kv-unified) of llama.cpp lets it take several.',
    );
  }

  async #once(
    method: string,
    path: string,
    body: string | undefined,
    signal: AbortSignal | undefined,
    timeout: number,
  ): Promise<unknown> {
    const url = path.startsWith('/') ? `${this.baseUrl}${path}` : path;
    const limit = AbortSignal.timeout(timeout);
    const both = signal ? AbortSignal.any([signal, limit]) : limit;
    const { response, bytes } = await exchange(
      url,
      { method, headers: this.#headers, body, signal: both },
      this.#show,
    ).catch((error: unknown) => {
      signal?.throwIfAborted();
      if (PolicyError.isInstance(error)) throw error;
      const why = limit.aborted
        ? `gave no complete answer within ${timeout / 1000} s`
        : `cannot be reached: ${this.#show(reasonOf(error))}`;
      throw new Again(
        (tries) =>
          new PolicyError('unreachable', `${url} ${why} (${tries} attempts). Is the server running?`, { cause: error }),
      );
    });
    const text = textIn(bytes);
    if (response.ok) return this.#parsed(url, text);
    const said = this.#said(text);
    if (AGAIN.has(response.status)) {
      throw new Again(
        (tries) => new PolicyError('unreachable', `${url} answered ${response.status} ${tries} times: ${said}`),
        { said, wait: retryAfter(response.headers.get('retry-after')) },
      );
    }
    throw new RefusedRequest(refusal(url, response.status, said), response.status, said);
  }

  /** @throws Again for text that is not JSON, and for an error with status 200, as while a model is loading. */
  #parsed(url: string, text: string): unknown {
    let reply: unknown;
    try {
      reply = parseReply(text);
    } catch (error) {
      const found = error instanceof TooDeep ? error.message : this.#excerpt(text);
      throw new Again(
        (tries) =>
          new PolicyError(
            'protocol',
            `${url} answered with something other than JSON: ${found} (${tries} attempts). Is this the address of an ` +
              'OpenAI-compatible server?',
            { cause: error },
          ),
      );
    }
    if (isError(reply)) {
      const said = this.#said(text);
      throw new Again(
        (tries) => new PolicyError('unreachable', `${url} answered with an error ${tries} times: ${said}`),
        { said },
      );
    }
    return reply;
  }

  /** The server's own message, or the beginning of its reply. */
  #said(text: string): string {
    const found = messageIn(text);
    const sentence = found === undefined ? this.#excerpt(text) : this.#show(found);
    return /[.!?…]$/.test(sentence) ? sentence : `${sentence}.`;
  }

  #excerpt(text: string): string {
    // Masked first: a cut could leave a part of the key.
    const line = this.#mask(text).trim().replaceAll(/\s+/g, ' ');
    return line === '' ? 'nothing' : JSON.stringify(line.length > 200 ? `${line.slice(0, 200)}…` : line);
  }
}

/** An error without anything that an answer has. */
function isError(reply: unknown): boolean {
  if (typeof reply !== 'object' || reply === null || !('error' in reply)) return false;
  return Boolean(reply.error) && !['choices', 'data', 'tokens', 'content'].some((name) => name in reply);
}

/** A failure that may not happen again if the request is repeated, and the message if it does. */
class Again extends Error {
  readonly final: (attempts: number) => PolicyError;
  /** Milliseconds that the server asks for. */
  readonly wait: number | undefined;
  /** The server's own words, if there are any. */
  readonly said: string;

  constructor(final: (attempts: number) => PolicyError, { wait, said = '' }: { wait?: number; said?: string } = {}) {
    super('again');
    this.final = final;
    this.wait = wait;
    this.said = said;
  }
}

/** A request failed because it shared the server's window with others. */
class Crowded extends Error {}

/**
 * llama.cpp's words if its slots, which share one window by default (--kv-unified), need more than there is. All
 * requests under way fail then, with status 500. A single request that is too long is refused with other words (400).
 */
const SHARED_WINDOW = /context size has been exceeded/i;

/** How servers say that a prompt does not fit their window. */
const TOO_LONG = /context (?:length|size|window)|exceeds? .*\bcontext|too many tokens|prompt is too long/i;
const ADVICE = ' Set contextLength (--context-length) to the window that the server has.';

function refusal(url: string, status: number, said: string): string {
  switch (status) {
    case 401:
    case 403:
      return (
        `${url} does not accept the key (${status}): ${said} Set TAMTRL_API_KEY or OPENAI_API_KEY to one that it ` +
        'accepts.'
      );
    case 404:
      return `${url} was not found (404): ${said} Check the address (does it end in /v1?) and the model's name.`;
    case 413:
      return `${url} refused the request as too large (413): ${said} Lower the chunk size.`;
    default:
      return `${url} refused the request (${status}): ${said}${TOO_LONG.test(said) ? ADVICE : ''}`;
  }
}

/** {"error": {"message"}} , {"error": "…"}, {"detail": …}, {"message": "…"}; undefined for anything else. */
function messageIn(text: string): string | undefined {
  let body: { error?: { message?: unknown } | string; detail?: unknown; message?: unknown } | null;
  try {
    body = parseReply(text) as typeof body;
  } catch {
    return undefined;
  }
  const error = body?.error;
  const found = (typeof error === 'object' ? error?.message : error) ?? body?.detail ?? body?.message;
  return found === undefined || typeof found === 'string' ? found : JSON.stringify(found);
}

/** fetch hides the reason in the cause. */
function reasonOf(error: unknown): string {
  const { cause, message } = error as { cause?: { code?: string; message?: string }; message?: string };
  return cause?.code ?? cause?.message ?? message ?? String(error);
}

/** Seconds, or a date. */
function retryAfter(value: string | null): number | undefined {
  if (value === null) return undefined;
  const milliseconds = /^\d+$/.test(value) ? 1000 * Number(value) : Date.parse(value) - Date.now();
  return Number.isFinite(milliseconds) ? Math.max(0, milliseconds) : undefined;
}
