/**
 * JSON over HTTP, with retries and backoff, time limits, a limit on concurrent requests, and a clear message for every
 * failure.
 */
import { PolicyError } from '../errors.js';
import { backoffPause, Gate, pause } from '../patience.js';

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
  /** Maximum number of concurrent requests; default 8. */
  concurrency?: number;
}

/** Longest wait that a server may request, in milliseconds. */
const LONGEST_WAIT = 60_000;
const AGAIN = new Set([408, 409, 425, 429, 500, 502, 503, 504, 529]);

export class JsonClient {
  readonly baseUrl: string;
  /** Number of requests sent again so far. */
  retried = 0;
  readonly #options: Required<Pick<HttpOptions, 'retries' | 'backoff' | 'timeout'>>;
  readonly #headers: Record<string, string>;
  readonly #gate: Gate;

  /** @throws PolicyError `invalid-argument` if the address is not an http(s) address. */
  constructor(options: HttpOptions) {
    const { retries = 4, backoff = 500, timeout = 300_000, concurrency = 8, apiKey } = options;
    let url: URL;
    try {
      url = new URL(options.baseUrl);
    } catch {
      throw new PolicyError(
        'invalid-argument',
        `"${options.baseUrl}" is not an address; expected something like http://127.0.0.1:8080/v1.`,
      );
    }
    if (!/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
      throw new PolicyError(
        'invalid-argument',
        `The address of a server must begin with http:// or https:// and contain no key; found ${url.protocol}//` +
          `${url.host}. Put the key in TAMTRL_API_KEY or OPENAI_API_KEY.`,
      );
    }
    this.baseUrl = options.baseUrl.replace(/\/+$/, '');
    this.#options = { retries, backoff, timeout };
    this.#gate = new Gate(concurrency);
    this.#headers = { 'content-type': 'application/json', ...(apiKey ? { authorization: `Bearer ${apiKey}` } : {}) };
  }

  get(path: string, signal?: AbortSignal): Promise<unknown> {
    return this.#patiently('GET', path, undefined, signal);
  }

  post(path: string, body: object, signal?: AbortSignal): Promise<unknown> {
    return this.#patiently('POST', path, JSON.stringify(body), signal);
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
    return this.#gate.run(signal, async () => {
      for (let attempt = 0; ; attempt++) {
        try {
          return await this.#once(method, path, body, signal, this.#options.timeout);
        } catch (error) {
          signal?.throwIfAborted();
          if (!(error instanceof Again)) throw error;
          if (attempt >= this.#options.retries) throw error.final(attempt + 1);
          this.retried++;
          const wait = Math.max(backoffPause(this.#options.backoff, attempt, LONGEST_WAIT), error.wait ?? 0);
          await pause(Math.min(LONGEST_WAIT, wait), signal);
        }
      }
    });
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
    let response: Response;
    let text: string;
    try {
      response = await fetch(url, { method, headers: this.#headers, body, signal: both });
      text = await response.text();
    } catch (error) {
      signal?.throwIfAborted();
      const why = limit.aborted
        ? `gave no complete answer within ${timeout / 1000} s`
        : `cannot be reached: ${reasonOf(error)}`;
      throw new Again(
        (tries) =>
          new PolicyError('unreachable', `${url} ${why} (${tries} attempts). Is the server running?`, { cause: error }),
      );
    }
    if (response.ok) {
      try {
        return JSON.parse(text);
      } catch (error) {
        throw new Again(
          (tries) =>
            new PolicyError(
              'protocol',
              `${url} answered with something other than JSON: ${excerpt(text)} (${tries} attempts). Is this the ` +
                'address of an OpenAI-compatible server?',
              { cause: error },
            ),
        );
      }
    }
    const said = messageOf(text);
    if (AGAIN.has(response.status)) {
      throw new Again(
        (tries) => new PolicyError('unreachable', `${url} answered ${response.status} ${tries} times: ${said}`),
        retryAfter(response.headers.get('retry-after')),
      );
    }
    throw new PolicyError('refused', refusal(url, response.status, said));
  }
}

/** A failure that may not happen again if the request is repeated, and the message if it does. */
class Again extends Error {
  readonly final: (attempts: number) => PolicyError;
  readonly wait: number | undefined;

  constructor(final: (attempts: number) => PolicyError, wait?: number) {
    super('again');
    this.final = final;
    this.wait = wait;
  }
}

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
      return `${url} refused the request (${status}): ${said}`;
  }
}

/**
 * The server's own message: {"error": {"message"}}, {"error": "…"}, {"detail": …}, {"message": "…"}, or the beginning
 * of the reply.
 */
function messageOf(text: string): string {
  let found: unknown;
  try {
    const body = JSON.parse(text) as { error?: { message?: unknown } | string; detail?: unknown; message?: unknown };
    found = (typeof body.error === 'object' ? body.error?.message : body.error) ?? body.detail ?? body.message;
  } catch {
    // Text that is not JSON is shown unchanged.
  }
  const sentence = found === undefined ? excerpt(text) : typeof found === 'string' ? found : JSON.stringify(found);
  return /[.!?]$/.test(sentence) ? sentence : `${sentence}.`;
}

function excerpt(text: string): string {
  const line = text.trim().replaceAll(/\s+/g, ' ');
  return line === '' ? 'nothing' : JSON.stringify(line.length > 200 ? `${line.slice(0, 200)}…` : line);
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
