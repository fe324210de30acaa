/** Pages whose address begins with an allowed one. */
import { BodyTooLong, bodyWithin } from '../../base/body.js';
import { ReaderError } from '../../reader/errors.js';
import { convert, kindOfContent } from '../../reader/files/load.js';

/** Longest page that is fetched, in bytes. */
const LARGEST_PAGE = 64 * 2 ** 20;
const FETCH_TIMEOUT = 60_000;
const REDIRECTS = 5;
/** Percent codes within percent codes that are looked through; more of them are refused. */
const ENCODINGS = 5;

/**
 * Same scheme, host and port, and the path begins with the root's up to a slash, however a server reads it.
 * @param roots addresses
 */
export function isAllowed(url: URL, roots: readonly string[]): boolean {
  return roots.some((each) => {
    const root = new URL(each);
    if (url.origin !== root.origin) return false;
    return [false, true].every((merge) => {
      const ways = waysToRead(url.pathname, merge);
      const bases = waysToRead(root.pathname, merge) ?? [];
      return ways?.every((way) => bases.some((base) => way === base || way.startsWith(base.replace(/\/?$/, '/'))));
    });
  });
}

/**
 * The paths that servers may take it for: as it is, and with its percent codes decoded once, twice, … until nothing
 * changes. In each `\` separates like `/`, parameters as in `..;x` are dropped, and dots are resolved. Undefined for a
 * path that leads above the host's root, or that is encoded too often.
 * @param merge slashes that follow one another count as one, so that dots lead up from what is before them
 */
function waysToRead(pathname: string, merge: boolean): string[] | undefined {
  const ways: string[] = [];
  let path = pathname;
  for (let depth = 0; depth <= ENCODINGS; depth++) {
    const resolved = withoutDots(path, merge);
    if (resolved === undefined) return undefined;
    ways.push(resolved);
    const decoded = path.replaceAll(/%([0-9a-f]{2})/gi, (_, code: string) =>
      String.fromCharCode(Number.parseInt(code, 16)),
    );
    if (decoded === path) return ways;
    path = decoded;
  }
  return undefined;
}

function withoutDots(path: string, merge: boolean): string | undefined {
  const kept: string[] = [];
  for (const part of path.split(/[/\\]/).slice(1)) {
    const [name] = part.split(';');
    if (name === '..') {
      if (kept.pop() === undefined) return undefined;
    } else if (name !== '.' && !(merge && name === '')) kept.push(part);
  }
  return `/${kept.join('/')}`;
}

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

/**
 * The text of a page. Redirects are followed within the roots.
 * @param outside makes the refusal of an address outside of the roots
 * @throws ReaderError `input` if it is outside, cannot be fetched, or is too large.
 */
export async function page(
  source: string,
  roots: readonly string[],
  outside: (address: string) => ReaderError,
  signal: AbortSignal | undefined,
): Promise<string> {
  let url = addressOf(source);
  const limit = AbortSignal.timeout(FETCH_TIMEOUT);
  const both = signal ? AbortSignal.any([signal, limit]) : limit;
  for (let hops = 0; ; hops++) {
    // Each redirect is a new address, to be checked again.
    const name = shown(url.href);
    if (!isAllowed(url, roots)) throw outside(name);
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
      throw outside(url.href);
    }
    if (!response.ok) throw new ReaderError('input', `${name} answered ${status}.`);
    if (bytes.length === 0) throw new ReaderError('input', `${name} answered ${status} without any content.`);
    const type = headers.get('content-type') ?? '';
    if (type.includes('application/pdf')) return convert('pdf', bytes, name);
    if (type.includes('html')) return convert('html', bytes, name);
    return convert(kindOfContent(bytes.subarray(0, 4096), url.pathname), bytes, name);
  }
}

/** The bodies of redirects and refusals are not read. */
async function fetched(url: URL, signal: AbortSignal): Promise<{ response: Response; bytes: Uint8Array }> {
  const response = await fetch(url, { redirect: 'manual', signal });
  if (response.ok) return { response, bytes: await bodyWithin(response, LARGEST_PAGE) };
  await response.body?.cancel();
  return { response, bytes: new Uint8Array(0) };
}
