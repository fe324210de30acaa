/** Opens a model, whatever it is called by: the one function that every command and the reader use. */

import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { PolicyError } from '../policy/errors.js';
import type { LocalPolicyOptions } from '../policy/local.js';
import { openLocalPolicy } from '../policy/local.js';
import { openOpenAIPolicy } from '../policy/openai/policy.js';
import type { Policy, TrainablePolicy } from '../policy/policy.js';
import type { SavedState } from '../policy/tinker/policy.js';
import { parseTinkerSpec } from '../policy/tinker/spec.js';
import type { ChatFormat } from '../text/chat.js';
import { loadTokenizer } from '../text/hugging-face-tokenizer.js';
import { loadChatFormat } from '../text/templates.js';
import type { Tokenizer } from '../text/tokenizer.js';
import { requireNamedServer } from './hosts.js';
import { downloadModel, parseHubModel } from './hub-models.js';
import { MODEL_NAMES, modelSource } from './models.js';

export interface OpenOptions {
  /** Seed of weights that are made from nothing; default 0. */
  seed?: number;
  /** For models at a server: folder or .gguf file (or hf:owner/name) with the model's tokenizer, so that tokens can be sent. */
  tokenizer?: string;
  /** Whether models that can think before they write do (Qwen3 and its like); absent: what their chat template says. */
  thinking?: boolean;
  /** For models at a server that does not say how large its window is. */
  contextLength?: number;
  /** For models at a server: requests at a time, and attempts beyond the first. */
  concurrency?: number;
  retries?: number;
  /**
   * Servers that a folder may name (HOST, HOST:PORT or http://HOST:PORT): they get the API key and the text. A server that `spec` itself
   * names needs no entry.
   */
  allowHosts?: readonly string[];
  /** For local models. */
  engine?: LocalPolicyOptions['engine'];
  signal?: AbortSignal;
  /** Told of files that are downloaded. */
  onDownload?: (file: string) => void;
}

/** What --model takes, for help texts and messages. */
export const MODEL_SPECS = 'mini, a model folder, a .gguf file, hf:owner/name, openai:URL#MODEL, or tinker:URL#MODEL';

/** Beginnings of names that are no paths. */
const SCHEMES = ['openai:', 'tinker:', 'hf:'];

export const hasScheme = (spec: string): boolean => SCHEMES.some((scheme) => spec.startsWith(scheme));

/** Scheme, host and port of the server that a model's name stands for; undefined for models on this machine or on the hub. */
export function serverOf(spec: string): string | undefined {
  let address: string;
  if (spec.startsWith('openai:')) address = parseServerSpec(spec).baseUrl;
  else if (spec.startsWith('tinker:')) address = parseTinkerSpec(spec).baseUrl;
  else return undefined;
  return URL.canParse(address) ? new URL(address).origin : address;
}

/**
 * Opens `mini`, `mini-random`, a model folder, a folder that says where at a server the weights are (if that server is among
 * `allowHosts`), a .gguf file, `hf:owner/name[@revision][:file.gguf]`, `openai:URL#MODEL`, or `tinker:URL[?settings]#MODEL`, which can be
 * trained.
 * @throws ModelMissingError, PolicyError, TextError, EngineError saying what is wrong and what to do.
 */
export async function openModel(spec: string, options: OpenOptions = {}): Promise<Policy> {
  if (spec.startsWith('openai:')) return openServer(spec, options);
  if (spec.startsWith('tinker:')) return openTinker(spec, options);
  const trained = isPath(spec) ? await trainedAtServer(spec) : undefined;
  if (trained) {
    requireNamedServer({ origin: serverOf(trained.spec) ?? trained.spec, place: noteOf(spec) }, options.allowHosts);
    const policy = await openTinker(trained.spec, { ...options, tokenizer: options.tokenizer ?? trained.tokenizer });
    await policy.load(spec).catch(async (error) => {
      await policy.close();
      throw error;
    });
    return policy;
  }
  const hub = parseHubModel(spec);
  const source = hub ? await downloadModel(hub, options) : await modelSource(spec, options.seed ?? 0);
  const chatOptions = { enableThinking: options.thinking };
  return openLocalPolicy(source, { name: spec, engine: options.engine, chatOptions });
}

/** "openai:http://127.0.0.1:8080/v1#model"; without an address OPENAI_BASE_URL, else OpenAI's own. */
export function parseServerSpec(spec: string): { baseUrl: string; model: string } {
  const rest = spec.slice('openai:'.length);
  const at = rest.lastIndexOf('#');
  const base = at < 0 ? '' : rest.slice(0, at);
  const model = rest.slice(at + 1);
  if (model === '' || (at < 0 && /^https?:/.test(rest))) {
    throw new PolicyError(
      'invalid-argument',
      `"${spec}" names no model; expected openai:URL#MODEL, for example openai:http://127.0.0.1:8080/v1#smollm2.`,
    );
  }
  return { baseUrl: base === '' ? process.env.OPENAI_BASE_URL || 'https://api.openai.com/v1' : base, model };
}

async function openServer(spec: string, options: OpenOptions): Promise<Policy> {
  const { baseUrl, model } = parseServerSpec(spec);
  const { contextLength, concurrency, retries, signal, thinking } = options;
  // vLLM, SGLang and llama.cpp hand this to the chat template; others pass over it.
  const extra = thinking === undefined ? undefined : { chat_template_kwargs: { enable_thinking: thinking } };
  const text = options.tokenizer === undefined ? {} : await tokenizerAndChat(options.tokenizer, options);
  return openOpenAIPolicy({ baseUrl, model, contextLength, concurrency, retries, signal, extra, ...text });
}

async function tokenizerAndChat(
  place: string,
  options: OpenOptions,
): Promise<{ tokenizer: Tokenizer; chat: ChatFormat }> {
  const chatOptions = { enableThinking: options.thinking };
  const hub = parseHubModel(place);
  const source = hub ? await downloadModel({ ...hub, weights: false }, options) : await modelSource(place, 0);
  if (typeof source === 'string' && !source.endsWith('.gguf')) {
    const tokenizer = await loadTokenizer(source);
    return { tokenizer, chat: await loadChatFormat(source, tokenizer, chatOptions) };
  }
  // A .gguf file's tokenizer comes with its weights.
  const { tokenizer, chat, close } = await openLocalPolicy(source, { name: place, chatOptions }).then((policy) => ({
    ...{ tokenizer: policy.tokenizer, chat: policy.chat, close: () => policy.close() },
  }));
  await close();
  return { tokenizer, chat };
}

async function openTinker(spec: string, options: OpenOptions): Promise<TrainablePolicy> {
  const parsed = parseTinkerSpec(spec);
  const { contextLength, concurrency, retries, signal, seed } = options;
  // Without a word on it, the tokenizer is that of the base model: a folder here, or the one of its name on the hub.
  const place = options.tokenizer ?? ((await isThere(parsed.model)) ? parsed.model : `hf:${parsed.model}`);
  const text = await tokenizerAndChat(place, options);
  const { openTinkerPolicy } = await import('../policy/tinker/policy.js');
  const opened = { spec, tokenizer: (await isThere(place)) ? resolve(place) : place };
  return openTinkerPolicy({ ...parsed, ...text, contextLength, concurrency, retries, seed, signal, opened });
}

/** Names that stand for something else are not looked for on disk. */
const isPath = (spec: string) => !hasScheme(spec) && !(MODEL_NAMES as readonly string[]).includes(spec);

const noteOf = (folder: string) => join(folder, 'tinker.json');

/** How to open what a training at a server left in its run's folder; undefined for everything else. */
async function trainedAtServer(folder: string): Promise<SavedState['opened']> {
  const text = await readFile(noteOf(folder), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const { opened } = JSON.parse(text) as Partial<SavedState>;
    if (typeof opened?.spec === 'string' && typeof opened.tokenizer === 'string') return opened;
  } catch {
    // The error below covers it.
  }
  throw new PolicyError(
    'invalid-argument',
    `${noteOf(folder)} does not say how to open its model. Resume its run, or name the server: tinker:URL#MODEL.`,
  );
}

const isThere = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );
