/**
 * The parser of model addresses for `--model` and `openModel`. It only parses text: opening the model shows whether it
 * exists.
 */
import { isHubAddress, parseHubAddress } from '../base/hub.js';
import { PolicyError } from '../policy/errors.js';
import { displayAddress } from '../policy/exchange.js';
import { CHAT_APIS, type ChatApi } from '../policy/openai/responses.js';
import type { TinkerPolicyOptions } from '../policy/tinker/policy.js';
import { TINKER_SERVERS } from '../policy/tinker/servers.js';

/** The models that ship with the package. */
export const EMBEDDED_NAMES = ['mini', 'babi'] as const;
export type EmbeddedName = (typeof EMBEDDED_NAMES)[number];

/** Those, and random weights of the same shapes. */
export const MODEL_NAMES = ['mini', 'mini-random', 'babi', 'babi-random'] as const;

/** What --model takes, for help texts and messages. */
export const MODEL_SPECS =
  'mini, babi, a model folder, a .gguf file, hf:owner/name, openai:URL#MODEL, or tinker:URL#MODEL';

/** "mini" or "babi", which ship with the package. */
export interface EmbeddedSpec {
  kind: 'embedded';
  name: EmbeddedName;
}

/** "mini-random" or "babi-random", whose weights are made from a seed. */
export interface RandomSpec {
  kind: 'random';
  name: EmbeddedName;
}

/**
 * A model folder, or a folder that says where on a server its weights are. Every address that has none of the other
 * forms is a folder.
 */
export interface FolderSpec {
  kind: 'folder';
  path: string;
}

/** A file that ends in ".gguf". */
export interface GgufSpec {
  kind: 'gguf';
  path: string;
}

/** "hf:owner/name[@revision][:file.gguf]" */
export interface HubSpec {
  kind: 'hub';
  /** "owner/name" */
  repository: string;
  revision?: string;
  /** A .gguf file in the repository, instead of the whole model. */
  file?: string;
}

/** "openai:[URL#]MODEL" or "openai:[URL]?api=responses#MODEL" */
export interface OpenAISpec {
  kind: 'openai';
  /** If absent: OPENAI_BASE_URL of the environment, else OpenAI's own address. */
  baseUrl?: string;
  model: string;
  /** If absent: chat completions. */
  api?: ChatApi;
}

/** "tinker:URL[?settings]#MODEL" */
export interface TinkerSpec
  extends Pick<TinkerPolicyOptions, 'baseUrl' | 'model' | 'rank' | 'scaling' | 'loss' | 'padTo' | 'resend'> {
  kind: 'tinker';
}

/** Models whose weights are on this machine once they are open. */
export type LocalSpec = EmbeddedSpec | RandomSpec | FolderSpec | GgufSpec | HubSpec;

export type ModelSpec = LocalSpec | OpenAISpec | TinkerSpec;

/** An address as messages show it: without user, password and settings, which may hold a key. */
export const shownSpec = (spec: string): string =>
  spec.replace(/\/\/[^/?#]*@/, '//').replace(/\?[^#]*/, (query) => (query === '?' ? query : '?…'));

export const isGguf = (path: string): boolean => /\.gguf$/i.test(path);

/** @throws PolicyError `invalid-argument` for an address that begins like a server's or the hub's but is not valid. */
export function parseModelSpec(spec: string): ModelSpec {
  for (const name of EMBEDDED_NAMES) {
    if (spec === name) return { kind: 'embedded', name };
    if (spec === `${name}-random`) return { kind: 'random', name };
  }
  if (spec.startsWith('openai:')) return parseOpenAI(spec);
  if (spec.startsWith('tinker:')) return parseTinker(spec);
  if (isHubAddress(spec)) return parseHub(spec);
  return { kind: isGguf(spec) ? 'gguf' : 'folder', path: spec };
}

/** Scheme, host and port of an address. */
export const originOf = (address: string): string => (URL.canParse(address) ? new URL(address).origin : address);

/** The server of an address that names none: OPENAI_BASE_URL of the environment, else OpenAI. */
export const defaultBaseUrl = (): string => process.env.OPENAI_BASE_URL || 'https://api.openai.com/v1';

/**
 * Scheme, host and port of the server that a model's address names; undefined for models on this machine or on the hub.
 */
export function serverOf(spec: string): string | undefined {
  const parsed = parseModelSpec(spec);
  if (parsed.kind !== 'openai' && parsed.kind !== 'tinker') return undefined;
  return originOf(parsed.baseUrl ?? defaultBaseUrl());
}

function parseHub(spec: string): HubSpec {
  const { repository, revision, path: file } = parseHubAddress(spec) ?? {};
  if (repository !== undefined && (file === undefined || isGguf(file))) {
    return { kind: 'hub', repository, revision, file };
  }
  throw new PolicyError(
    'invalid-argument',
    `"${spec}" is not a model on the hub; expected hf:owner/name, hf:owner/name@revision or hf:owner/name:file.gguf.`,
  );
}

function parseOpenAI(spec: string): OpenAISpec {
  const rest = spec.slice('openai:'.length);
  const at = rest.lastIndexOf('#');
  const model = rest.slice(at + 1);
  if (model === '' || (at < 0 && /^https?:/.test(rest))) {
    throw new PolicyError(
      'invalid-argument',
      `"${shownSpec(spec)}" names no model; expected openai:URL#MODEL, for example openai:http://127.0.0.1:8080/v1#smollm2.`,
    );
  }
  const [, url = '', api] = /^(.*?)(?:\?api=([^&]*))?$/s.exec(rest.slice(0, Math.max(0, at))) ?? [];
  const baseUrl = url === '' ? undefined : url;
  // Addresses are written into run folders and messages.
  if (baseUrl !== undefined && (baseUrl.includes('?') || displayAddress(baseUrl) !== baseUrl.replace(/[?#].*$/s, ''))) {
    throw new PolicyError(
      'invalid-argument',
      `"${shownSpec(spec)}": the address of a server must not contain a key, password or query. Put the key in ` +
        'TAMTRL_API_KEY or OPENAI_API_KEY.',
    );
  }
  if (api === undefined) return { kind: 'openai', baseUrl, model };
  const known = CHAT_APIS.find((name) => name === api);
  if (known !== undefined) return { kind: 'openai', baseUrl, model, api: known };
  throw new PolicyError(
    'invalid-argument',
    `"${shownSpec(spec)}" names an unknown API; expected ?api=${CHAT_APIS.join(' or ?api=')} before the #.`,
  );
}

const SETTINGS = ['rank', 'scaling', 'loss', 'pad', 'server'];
const SCALINGS = ['sum', 'average'] as const;
const LOSSES = ['ppo', 'importance_sampling', 'cispo'] as const;

/**
 * "tinker:http://127.0.0.1:8123?rank=8&scaling=average#Qwen/Qwen3-0.6B". `server=NAME` stands for the settings of a
 * known server.
 */
function parseTinker(spec: string): TinkerSpec {
  const wrong = (what: string) =>
    new PolicyError(
      'invalid-argument',
      `"${shownSpec(spec)}": ${what}; expected tinker:http://HOST:PORT#MODEL, with settings such as ?rank=32&scaling=average ` +
        'before the #.',
    );
  const [, baseUrl, query = '', model] = /^tinker:([^?#]+)(?:\?([^#]*))?#(.+)$/.exec(spec) ?? [];
  if (baseUrl === undefined) throw wrong('names no address and model');
  const settings = new URLSearchParams(query);
  const unknown = [...settings.keys()].find((key) => !SETTINGS.includes(key));
  if (unknown !== undefined) throw wrong(`there is no setting "${unknown}" (there are ${SETTINGS.join(', ')})`);
  const choice = <T extends string>(name: string, known: readonly T[]): T | undefined => {
    const text = settings.get(name);
    if (text === null) return undefined;
    const found = known.find((each) => each === text);
    if (found === undefined) throw wrong(`${name} is "${text}", not one of ${known.join(', ')}`);
    return found;
  };
  const number = (name: string, least: number): number | undefined => {
    const text = settings.get(name);
    if (text === null) return undefined;
    if (!/^\d+$/.test(text) || Number(text) < least) throw wrong(`${name} is "${text}", not a number from ${least}`);
    return Number(text);
  };
  const server = choice('server', Object.keys(TINKER_SERVERS));
  const known = server === undefined ? {} : TINKER_SERVERS[server];
  return {
    kind: 'tinker',
    baseUrl,
    model,
    rank: number('rank', 0),
    scaling: choice('scaling', SCALINGS) ?? known.scaling ?? 'sum',
    loss: choice('loss', LOSSES) ?? known.loss,
    padTo: number('pad', 1) ?? known.padTo ?? 1,
    ...(known.resend === undefined ? {} : { resend: known.resend }),
  };
}
