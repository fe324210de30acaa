/** Pages whose address begins with an allowed one. */
import type { ReaderError } from '../../reader/errors.js';
import { loadContent } from '../../reader/files/load.js';
import { fetchPage, shown } from '../../reader/files/page.js';
import type { PlacedText } from '../../reader/places.js';

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

/**
 * The text of a page. Redirects are followed within the roots.
 * @param outside makes the refusal of an address outside of the roots
 * @throws ReaderError `input` if it is outside, cannot be fetched, or is too large.
 */
export async function* page(
  source: string,
  roots: readonly string[],
  outside: (address: string) => ReaderError,
  signal: AbortSignal | undefined,
  onNote: ((note: string) => void) | undefined,
): AsyncGenerator<PlacedText> {
  const { content, served } = await fetchPage(source, {
    ...(signal && { signal }),
    refuse: outside,
    check: (url) => {
      if (!isAllowed(url, roots)) throw outside(shown(url.href));
    },
  });
  yield* loadContent(content, { ...served, ...(onNote && { onNote }) });
}
