/** One exchange with a Tinker server: what is sent, what may come back, and what its refusals say. */
import { PolicyError } from '../errors.js';
import { displayAddress, exchange, masking, parseReply, requireSendable, shownWithout, textIn } from '../exchange.js';
import { TinkerError } from './errors.js';
import { decodeResult, PROTOBUF } from './wire.js';

export interface Reply {
  status: number;
  body: Record<string, unknown>;
}

export type Body = object | Uint8Array<ArrayBuffer>;

export interface TransportOptions {
  baseUrl: string;
  apiKey?: string;
  /** Milliseconds for one exchange. */
  timeout: number;
}

/** A reply that was spoilt on its way, so it is worth asking again. */
export class UnreadableReply extends Error {}

export class TinkerTransport {
  readonly server: string;
  readonly #timeout: number;
  readonly #headers: Record<string, string>;
  readonly #mask: (text: string) => string;
  /** The part of a server's text that a message may show: without the key, and shortened. */
  readonly show: (text: string) => string;

  /** @throws TinkerError `invalid-argument` for anything but an http(s) address without a key in it. */
  constructor({ baseUrl, apiKey, timeout }: TransportOptions) {
    this.server = baseUrl.replace(/\/+$/, '').replace(/\/api\/v1$/, '');
    if (!URL.canParse(this.server) || !/^https?:$/.test(new URL(this.server).protocol)) {
      const server = displayAddress(baseUrl);
      throw new TinkerError(
        'invalid-argument',
        `"${server}" is not the address of a server; expected something like http://127.0.0.1:8123.`,
        { server, path: '' },
      );
    }
    const { username, password, search, hash, protocol, host } = new URL(this.server);
    if (username + password + search + hash !== '') {
      // Run folders and messages contain the address.
      const server = `${protocol}//${host}`;
      throw new TinkerError(
        'invalid-argument',
        `The address of a server must not contain a key, password or query; found one at ${host}. Put the key in ` +
          'TINKER_API_KEY.',
        { server, path: '' },
      );
    }
    requireSendable(apiKey, 'TINKER_API_KEY or TAMTRL_API_KEY');
    this.#timeout = timeout;
    this.#mask = masking(apiKey);
    this.show = shownWithout(apiKey);
    // Servers use either name and ignore the other.
    this.#headers = {
      'content-type': 'application/json',
      accept: `application/json, ${PROTOBUF}`,
      ...(apiKey ? { 'x-api-key': apiKey, authorization: `Bearer ${apiKey}` } : {}),
    };
  }

  /**
   * @param of the kind of result, for protobuf
   * @throws UnreadableReply; TinkerError for a redirect or a reply that is too long; whatever `fetch` throws.
   */
  async send(method: string, path: string, body: Body | undefined, signal?: AbortSignal, of = ''): Promise<Reply> {
    const limit = AbortSignal.timeout(this.#timeout);
    const inBytes = body instanceof Uint8Array;
    const init = {
      method,
      headers: inBytes ? { ...this.#headers, 'content-type': PROTOBUF } : this.#headers,
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
      ...(body === undefined ? {} : { body: inBytes ? body : JSON.stringify(body) }),
    };
    const url = `${this.server}/api/v1/${path}`;
    const { response, bytes } = await exchange(url, init, this.show).catch((error: unknown) => {
      if (!PolicyError.isInstance(error)) throw error;
      throw new TinkerError(error.kind, error.message, { server: this.server, path, cause: error });
    });
    const { status } = response;
    if (response.ok && response.headers.get('content-type')?.startsWith(PROTOBUF)) {
      return { status, body: readable(() => decodeResult(of, bytes), 'something other than the expected protobuf') };
    }
    const text = textIn(bytes);
    if (response.ok) return { status, body: readable(() => objectIn(text), 'something other than an object in JSON') };
    try {
      return { status, body: objectIn(this.#mask(text)) };
    } catch {
      return { status, body: { detail: this.show(text) } };
    }
  }

  refusal(path: string, status: number, body: Record<string, unknown>): TinkerError {
    const about = { server: this.server, path, status, body: this.#masked(body) };
    const said = this.said(body);
    if (status === 401 || status === 403) {
      return new TinkerError(
        'refused',
        `${this.server} does not accept the key (${status}): ${said} Set TINKER_API_KEY to a key that it accepts.`,
        about,
      );
    }
    // A restarted server has lost its models.
    const gone = /model\b.*\bnot (found|loaded)/i.test(said) && path !== 'create_model';
    const advice = gone ? ' Was the server restarted? You can resume from the last saved step.' : '';
    return new TinkerError('refused', `${this.server} refused ${path} (${status}): ${said}${advice}`, about);
  }

  /** A reply of another shape than the protocol's. @param what it has or lacks, as the end of a sentence */
  unexpected(path: string, body: unknown, what = 'answered with something unexpected'): TinkerError {
    const found = this.show(JSON.stringify(body) ?? 'nothing');
    const about = { server: this.server, path, status: 200, body: this.#masked(body) };
    return new TinkerError('protocol', `${this.server} ${what} to ${path}: ${found}`, about);
  }

  /** The server's own sentence. */
  said({ error, error_message, detail, message }: Record<string, unknown>): string {
    const said = error ?? error_message ?? detail ?? message ?? 'no reason';
    const text = this.show(typeof said === 'string' ? said : JSON.stringify(said));
    return /[.!?…]$/.test(text) ? text : `${text}.`;
  }

  #masked(body: unknown): unknown {
    return body === undefined ? undefined : (JSON.parse(this.#mask(JSON.stringify(body))) as unknown);
  }
}

/** @throws SyntaxError for text that is not JSON, or JSON of anything but an object. */
function objectIn(text: string): Record<string, unknown> {
  const value = parseReply(text);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new SyntaxError('not an object');
}

function readable(read: () => Record<string, unknown>, otherwise: string): Record<string, unknown> {
  try {
    return read();
  } catch (cause) {
    throw new UnreadableReply(otherwise, { cause });
  }
}
