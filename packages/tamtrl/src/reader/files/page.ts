/** Pages on the web: fetched with limits, redirects followed only to where they may lead. */
import { BodyTooLong, bodyWithin } from '../../base/body.js';
import { MAX_PAGE_BYTES } from '../../base/limits.js';
import { usableEncoding } from '../decoding.js';
import { ReaderError } from '../errors.js';
import { type Content, contentOfBytes } from './content.js';

const FETCH_TIMEOUT = 60_000;
const REDIRECTS = 5;

export const isAddress = (text: string): boolean => /^https?:\/\//i.test(text);

/** A source as messages and logs name it: an address without user, password and query, which may hold a key. */
export const shown = (source: string): string =>
  isAddress(source) ? source.replace(/\/\/[^/?#]*@/, '//').replace(/\?[^#]*/, '?…') : source;

/**
 * @throws ReaderError `input` for text that is not an address, and for an address with a user or password, which is not
 * repeated.
 */
export function addressOf(text: string): URL {
  let url: URL;
  try {
    url = new URL(text);
  } catch (error) {
    throw new ReaderError('input', `${shown(text)} is not an address that can be fetched.`, { cause: error });
  }
  if (url.username + url.password === '') return url;
  throw new ReaderError('input', `${shown(text)} contains a user name or password, which is never sent. Remove it.`);
}

/** What a server's content type says: the kind, and the encoding if it tells more than the bytes do. */
export function servedAs(contentType: string | null): { type: string; encoding?: string } {
  const [type, ...parameters] = (contentType ?? '').split(';').map((part) => part.trim());
  const charset = parameters.find((each) => /^charset=/i.test(each))?.slice('charset='.length);
  const encoding = charset && usableEncoding(charset.replaceAll('"', ''));
  return { type: type.toLowerCase(), ...(encoding && { encoding }) };
}

export interface FetchOptions {
  signal?: AbortSignal;
  /** @throws for an address that may not be fetched; asked for each redirect again */
  check?: (url: URL) => void;
  /** Makes the refusal of a redirect to what is no http(s) address. */
  refuse?: (address: string) => ReaderError;
}

/** A page that has been fetched, from where redirects led to. */
export interface Page {
  url: string;
  content: Content;
  /** What the server says of it. */
  served: { type: string; encoding?: string };
}

/**
 * @throws ReaderError `input` for what cannot be fetched, or is too large; what `check` throws; the signal's reason.
 */
export async function fetchPage(source: string, options: FetchOptions = {}): Promise<Page> {
  const { signal, check = () => {}, refuse = notOfTheWeb } = options;
  let url = addressOf(source);
  const limit = AbortSignal.timeout(FETCH_TIMEOUT);
  const both = signal ? AbortSignal.any([signal, limit]) : limit;
  for (let hops = 0; ; hops++) {
    // Each redirect is a new address, to be checked again.
    check(url);
    const name = shown(url.href);
    const { response, bytes } = await fetched(url, both).catch((error: unknown) => {
      signal?.throwIfAborted();
      if (error instanceof BodyTooLong) throw new ReaderError('input', `${name} has ${error.message}.`);
      const why = limit.aborted ? `no answer within ${FETCH_TIMEOUT / 1000} s` : (error as Error).message;
      throw new ReaderError('input', `Cannot fetch ${name}: ${why}.`, { cause: error });
    });
    const { status, headers } = response;
    const location = headers.get('location');
    if (status >= 300 && status < 400 && location !== null) {
      if (hops >= REDIRECTS) throw new ReaderError('input', `${shown(source)} redirects more than ${REDIRECTS} times.`);
      if (!URL.canParse(location, url.href)) {
        throw new ReaderError(
          'input',
          `${name} redirects to ${JSON.stringify(shown(location))}, which is not an address.`,
        );
      }
      url = addressOf(new URL(location, url).href);
      if (/^https?:$/.test(url.protocol)) continue;
      throw refuse(url.href);
    }
    if (!response.ok) throw new ReaderError('input', `${name} answered ${status}.`);
    if (bytes.length === 0) throw new ReaderError('input', `${name} answered ${status} without any content.`);
    return { url: url.href, content: contentOfBytes(bytes, name), served: servedAs(headers.get('content-type')) };
  }
}

const notOfTheWeb = (address: string) =>
  new ReaderError('input', `A redirect leads to ${address}, which is not followed: it is no http(s) address.`);

/** The bodies of redirects and refusals are not read. */
async function fetched(url: URL, signal: AbortSignal): Promise<{ response: Response; bytes: Uint8Array }> {
  const response = await fetch(url, { redirect: 'manual', signal });
  if (response.ok) return { response, bytes: await bodyWithin(response, MAX_PAGE_BYTES) };
  await response.body?.cancel();
  return { response, bytes: new Uint8Array(0) };
}
