/** Decides what a client may read: files, folders and addresses within the roots. Everything else is refused. */
import { realpath } from 'node:fs/promises';
import { isAbsolute, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ReaderError } from '../../reader/errors.js';
import { convert, kindOf, kindOfContent, loadText } from '../../reader/files/load.js';

/** Maximum size of a fetched page, in bytes. */
const LARGEST_PAGE = 64 * 2 ** 20;
const FETCH_TIMEOUT = 60_000;
const REDIRECTS = 5;

/** Folders or files (real paths) and prefixes of http(s) addresses. */
export interface Roots {
  paths: string[];
  urls: string[];
}

/**
 * Roots from the names that a client or a flag gives: paths, file:// and http(s):// addresses.
 * @throws ReaderError `input` for a path that does not exist or an address of another kind.
 */
export async function rootsOf(names: readonly string[]): Promise<Roots> {
  const roots: Roots = { paths: [], urls: [] };
  for (const name of names) {
    if (/^https?:\/\//i.test(name)) roots.urls.push(new URL(name).href);
    else {
      const path = pathOf(name);
      try {
        // Links are resolved here once: their target is what is allowed.
        roots.paths.push(await realpath(path));
      } catch (error) {
        throw new ReaderError('input', `The root ${name} cannot be found: ${(error as Error).message}.`, {
          cause: error,
        });
      }
    }
  }
  return roots;
}

function pathOf(name: string): string {
  if (/^file:\/\//i.test(name)) {
    try {
      return fileURLToPath(name);
    } catch (error) {
      throw new ReaderError('input', `${name} is not the address of a file: ${(error as Error).message}.`, {
        cause: error,
      });
    }
  }
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(name)) {
    throw new ReaderError('input', `${name} cannot be read: only paths, file:// and http(s):// addresses can.`);
  }
  return resolve(name);
}

const inside = (path: string, root: string) => {
  const way = relative(root, path);
  return way === '' || (!isAbsolute(way) && way !== '..' && !way.startsWith('../') && !way.startsWith('..\\'));
};

/**
 * The text of a file or page within the roots, in pieces.
 * @throws ReaderError `input` for anything outside of them, without revealing whether it exists.
 */
export async function* readWithin(source: string, roots: Roots, signal?: AbortSignal): AsyncGenerator<string> {
  if (/^https?:\/\//i.test(source)) {
    yield await page(source, roots, signal);
    return;
  }
  const named = pathOf(source);
  let path: string;
  try {
    path = await realpath(named);
  } catch (error) {
    // The client must not learn whether something outside exists.
    if (!roots.paths.some((root) => inside(named, root))) throw outside(source, roots);
    throw new ReaderError('input', `There is no file ${source}.`, { cause: error });
  }
  if (!roots.paths.some((root) => inside(path, root))) throw outside(source, roots);
  await kindOf(path);
  yield* loadText(path);
}

function outside(source: string, { paths, urls }: Roots): ReaderError {
  const allowed = [...paths, ...urls];
  return new ReaderError(
    'input',
    allowed.length === 0
      ? `${source} may not be read: no root is allowed. Start the server with --root FOLDER, or let the client name roots.`
      : `${source} may not be read: it is outside the allowed roots (${allowed.join(', ')}).`,
  );
}

/** Same scheme, host and port, and the path begins with the root's up to a slash. */
function allowed(url: URL, roots: Roots): boolean {
  return roots.urls.some((each) => {
    const root = new URL(each);
    const base = root.pathname.endsWith('/') ? root.pathname : `${root.pathname}/`;
    return url.origin === root.origin && (url.pathname === root.pathname || url.pathname.startsWith(base));
  });
}

async function page(source: string, roots: Roots, signal: AbortSignal | undefined): Promise<string> {
  let url = new URL(source);
  const limit = AbortSignal.timeout(FETCH_TIMEOUT);
  for (let hops = 0; ; hops++) {
    // Each redirect is a new address and must be checked again.
    if (!allowed(url, roots)) throw outside(url.href, roots);
    const response = await fetch(url, {
      redirect: 'manual',
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    }).catch((error: unknown) => {
      signal?.throwIfAborted();
      throw new ReaderError('input', `Cannot fetch ${url.href}: ${(error as Error).message}.`, { cause: error });
    });
    const location = response.headers.get('location');
    if (response.status >= 300 && response.status < 400 && location !== null) {
      await response.body?.cancel();
      if (hops >= REDIRECTS) throw new ReaderError('input', `${source} redirects more than ${REDIRECTS} times.`);
      url = new URL(location, url);
      continue;
    }
    if (!response.ok) throw new ReaderError('input', `${url.href} answered ${response.status}.`);
    const bytes = await limited(response, url.href);
    const type = response.headers.get('content-type') ?? '';
    if (type.includes('application/pdf')) return convert('pdf', bytes, url.href);
    if (type.includes('html')) return convert('html', bytes, url.href);
    return convert(kindOfContent(bytes.subarray(0, 4096), url.pathname), bytes, url.href);
  }
}

async function limited(response: Response, name: string): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of response.body as unknown as AsyncIterable<Uint8Array>) {
    size += piece.length;
    if (size > LARGEST_PAGE) throw new ReaderError('input', `${name} is larger than ${LARGEST_PAGE / 2 ** 20} MiB.`);
    pieces.push(piece);
  }
  return new Uint8Array(Buffer.concat(pieces));
}
