/**
 * Which servers may get a key and text: those that the user has named, on the command line, in the environment or in the program. A file
 * that was found on disk (a model folder, a run, a configuration) may come from somebody else, so what it names does not count.
 */
import { PolicyError } from '../policy/errors.js';

/**
 * Origins that an allowed host stands for: HOST is https, HOST:PORT both http and https, an address is its own scheme, host and port.
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

/** What a file names, and where. */
export interface FoundServer {
  /** Scheme, host and port. */
  origin: string;
  /** The file, and the setting in it where there are several. */
  place: string;
}

/**
 * @param allowed hosts that the user has named, as `allowedOrigins` takes them
 * @throws PolicyError `invalid-argument` with the host and what to do, if it is not among them.
 */
export function requireNamedServer({ origin, place }: FoundServer, allowed: readonly string[] = []): void {
  const base = process.env.OPENAI_BASE_URL ?? '';
  const named = [...allowed, ...(URL.canParse(base) ? [new URL(base).origin] : [])];
  if (named.flatMap(allowedOrigins).includes(origin)) return;
  throw new PolicyError(
    'invalid-argument',
    `${place} names the server ${origin}, and you have not: it would get your API key and the text. Nothing was sent. If you trust it, add --allow-host ${origin} (in a program: allowHosts: ["${origin}"]).`,
  );
}
