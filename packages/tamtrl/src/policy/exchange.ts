/**
 * Shared by the clients of servers: replies of bounded size and depth, no redirects, and messages without the
 * key and of a bounded length.
 */
import { z } from 'zod';
import { BodyTooLong, bodyWithin } from '../base/body.js';
import { PolicyError } from './errors.js';

/** Longest reply, in bytes after unpacking. Log-probabilities of 100,000 tokens in JSON take about 20 MB. */
export const LARGEST_REPLY = 64 * 2 ** 20;

/** Brackets within brackets in a reply. Those of the protocols are ten deep. */
export const DEEPEST_REPLY = 100;

/** Characters of a server's own words that are repeated in a message. */
const LONGEST_SAID = 500;

/** Keys shorter than this are masked as whole words only, since "none" may be one. */
const DISTINCT_KEY = 8;

/** A number of tokens as servers should say it; others do not parse. */
export const tokenSize = z.number().min(1).max(Number.MAX_SAFE_INTEGER).transform(Math.floor);

export interface Exchanged {
  response: Response;
  bytes: Uint8Array;
}

/**
 * Sends a request and reads the reply.
 * @param show what a message may show of a server's words
 * @throws PolicyError `refused` for a redirect, `protocol` for a reply that is too long; whatever `fetch` throws.
 */
export async function exchange(url: string, init: RequestInit, show: (text: string) => string): Promise<Exchanged> {
  const response = await fetch(url, { ...init, redirect: 'manual' });
  if ((response.status >= 300 && response.status < 400) || response.type === 'opaqueredirect') {
    await response.body?.cancel();
    const location = response.headers.get('location') ?? 'another address';
    throw new PolicyError(
      'refused',
      `${url} redirects to ${show(displayAddress(location))} (${response.status}); nothing was sent there. If that is the ` +
        'server you mean, use its address instead.',
    );
  }
  try {
    return { response, bytes: await bodyWithin(response, LARGEST_REPLY) };
  } catch (error) {
    if (!(error instanceof BodyTooLong)) throw error;
    throw new PolicyError('protocol', `${url} answered with ${error.message}. The rest was not read.`, {
      cause: error,
    });
  }
}

export const textIn = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** A reply has brackets within brackets within brackets. */
export class TooDeep extends Error {}

/** The value of a JSON text. @throws SyntaxError for other text, TooDeep for what could exhaust the stack. */
export function parseReply(text: string): unknown {
  if (isDeeper(text, DEEPEST_REPLY)) throw new TooDeep(`brackets that are nested more than ${DEEPEST_REPLY} deep`);
  return JSON.parse(text);
}

/** Whether brackets outside of strings are open within more than `limit` others. */
function isDeeper(text: string, limit: number): boolean {
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (quoted) {
      if (code === BACKSLASH) at++;
      else if (code === QUOTE) quoted = false;
    } else if (code === QUOTE) quoted = true;
    else if (code === OPEN_LIST || code === OPEN_OBJECT) {
      if (++depth > limit) return true;
    } else if (code === CLOSE_LIST || code === CLOSE_OBJECT) depth--;
  }
  return false;
}

const [QUOTE, BACKSLASH, OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [...'"\\[]{}'].map((character) =>
  character.charCodeAt(0),
);

/** @returns what makes a text fit for a message: the key is masked, and what is too long is cut. */
export function shownWithout(apiKey: string | undefined): (text: string) => string {
  const mask = masking(apiKey);
  return (text) => {
    const masked = mask(text);
    return masked.length > LONGEST_SAID ? `${masked.slice(0, LONGEST_SAID)}…` : masked;
  };
}

/** @returns what replaces the key in a text, also if it is encoded for an address. */
export function masking(apiKey: string | undefined): (text: string) => string {
  if (!apiKey) return (text) => text;
  const forms = [apiKey, encodeURIComponent(apiKey), JSON.stringify(apiKey).slice(1, -1)];
  const edge = apiKey.length < DISTINCT_KEY ? ['(?<![\\p{L}\\p{N}])', '(?![\\p{L}\\p{N}])'] : ['', ''];
  const escaped = [...new Set(forms)].map((form) => form.replaceAll(/[.*+?^${}()|[\]\\/]/g, '\\$&'));
  const found = new RegExp(`${edge[0]}(?:${escaped.join('|')})${edge[1]}`, 'gu');
  return (text) => text.replaceAll(found, '[the key]');
}

/**
 * @param variables where the key may come from, for the message
 * @throws PolicyError `invalid-argument` for a key that no header can hold. `fetch` would repeat it in its message.
 */
export function requireSendable(apiKey: string | undefined, variables: string): void {
  const at = apiKey?.search(/[^\x20-\x7e]|^ | $/) ?? -1;
  if (at < 0) return;
  throw new PolicyError(
    'invalid-argument',
    `The API key cannot be sent: character ${at + 1} of ${apiKey?.length} is a space, a line break or not ASCII. Check ` +
      `${variables}.`,
  );
}

/** An address as messages show it: without user, password and query, which may hold a key. */
export function displayAddress(address: string): string {
  return address.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i, '$1').replace(/[?#].*$/s, '');
}
