/**
 * Decides which servers may get a key and text: only those that the user has named, on the command line, in the
 * environment or in the program. A file on disk (a model folder, a run, a configuration) may come from somebody else,
 * so a server that only a file names is refused.
 */
import { PolicyError } from '../policy/errors.js';

/**
 * The origins that an allowed host stands for: HOST means https, HOST:PORT means both http and https, and an address
 * means exactly its scheme, host and port.
 * @throws PolicyError `invalid-argument` for anything else.
 */
export function allowedOrigins(host: string): string[] {
  if (/^https?:\/\//i.test(host) && URL.canParse(host)) return [new URL(host).origin];
  const schemes = /:\d+$/.test(host) ? ['http', 'https'] : ['https'];
  const addresses = schemes.map((scheme) => `${scheme}://${host}`);
  if (/^[^/\\@?#\s]+$/.test(host) && addresses.every((address) => URL.canParse(address))) {
    return addresses.map((address) => new URL(address).origin);
  }
  throw new PolicyError(
    'invalid-argument',
    `${JSON.stringify(host)} is not a host; expected HOST, HOST:PORT or http://HOST:PORT.`,
  );
}

/** A server that a file names, and where. */
export interface FoundServer {
  /** Scheme, host and port. */
  origin: string;
  /** The file, and the setting in it if there are several. */
  place: string;
}

/**
 * @param allowed hosts that the user has named, in the form that `allowedOrigins` takes
 * @throws PolicyError `invalid-argument` with the server's name and what to do, if it is not among them.
 */
export function requireNamedServer({ origin, place }: FoundServer, allowed: readonly string[] = []): void {
  const base = process.env.OPENAI_BASE_URL ?? '';
  const named = [...allowed, ...(URL.canParse(base) ? [new URL(base).origin] : [])];
  if (named.flatMap(allowedOrigins).includes(origin)) return;
  throw new PolicyError(
    'invalid-argument',
    `${place} names the server ${origin}, but you have not named it. It would get your API key and your text, so nothing was sent. If you trust it, add --allow-host ${origin} (in a program: allowHosts: ["${origin}"]).`,
  );
}
