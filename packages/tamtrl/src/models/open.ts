/** Opens a model by its address: the one function that every command and the reader use. */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { exists } from '../base/files.js';
import { given } from '../base/objects.js';
import { PolicyError } from '../policy/errors.js';
import { openLocalPolicy } from '../policy/local.js';
import { openOpenAIPolicy } from '../policy/openai/policy.js';
import { type SavedState, STATE_FILE } from '../policy/tinker/saved-state.js';
import type { Policy, TrainablePolicy } from '../policy/types.js';
import { loadTokenizer } from '../text/hugging-face-tokenizer.js';
import { loadChatFormat } from '../text/templates.js';
import { type AdapterFolder, adapterAt, baseNameOf } from './adapter.js';
import { ModelError } from './errors.js';
import { requireNamedServer } from './hosts.js';
import { checkOpening, type OpenOptions } from './open-options.js';
import { checkpointOf } from './run-checkpoints.js';
import { modelSource } from './source.js';
import {
  defaultBaseUrl,
  type LocalSpec,
  type OpenAISpec,
  originOf,
  parseModelSpec,
  shownSpec,
  type TinkerSpec,
} from './spec.js';
import { openTokenizer } from './tokenizer.js';

export type { NewAdapter, OpenOptions } from './open-options.js';

/**
 * Opens `mini`, `mini-random`, a model folder, a folder with an adapter that names its base, a folder that says where
 * at a server the weights are, the folder of a run (its best checkpoint, or the final one), a .gguf file,
 * `hf:owner/name[@revision][:file.gguf]`, `openai:URL#MODEL`, or `tinker:URL[?settings]#MODEL`, which can be trained.
 * @throws ModelError, PolicyError, TextError, EngineError saying what is wrong and what to do.
 */
export async function openModel(spec: string, options: OpenOptions = {}): Promise<Policy> {
  checkOpening(spec, options);
  const parsed = parseModelSpec(spec);
  if (parsed.kind === 'openai' || parsed.kind === 'tinker') refuseLocalOptions(spec, options);
  if (parsed.kind === 'openai') return openServer(parsed, options);
  if (parsed.kind === 'tinker') return openTinker(spec, parsed, options);
  if (parsed.kind === 'folder') {
    const folder = await checkpointOf(parsed.path);
    const trained = await trainedAtServer(folder);
    if (trained) return openTrainedAtServer(folder, trained, options);
  }
  return openLocal(spec, parsed, options);
}

async function openLocal(spec: string, parsed: LocalSpec, options: OpenOptions): Promise<Policy> {
  const { seed = 0, thinking, onDownload } = options;
  const chatOptions = { enableThinking: thinking };
  const folder = parsed.kind === 'folder' ? await checkpointOf(parsed.path) : undefined;
  const saved = folder === undefined ? undefined : await adapterAt(folder);
  const adapter = adapterFor(spec, saved, options);
  const source = await modelSource(saved?.base ?? spec, seed, { onDownload });
  const samplingPrecision = options.precision ?? options.engine?.samplingPrecision;
  const common = { name: spec, engine: { ...options.engine, ...given({ samplingPrecision }), adapter }, chatOptions };
  if (!saved || !(await exists(join(saved.folder, 'tokenizer.json')))) return openLocalPolicy(source, common);
  // Training programs save the tokenizer and chat template next to the adapter.
  const tokenizer = await loadTokenizer(saved.folder);
  const chat = await loadChatFormat(saved.folder, tokenizer, chatOptions);
  return openLocalPolicy(source, { ...common, tokenizer, chat });
}

/** The adapter that the engine trains instead of the weights: a saved one, a new one, or none. */
function adapterFor(spec: string, saved: AdapterFolder | undefined, { adapter, seed, engine }: OpenOptions) {
  if (!saved) return adapter ? { seed, base: baseNameOf(spec), ...adapter } : engine?.adapter;
  if (!adapter) return { path: saved.folder, base: saved.baseName };
  throw new ModelError(
    'adapter',
    `${spec} already holds an adapter of ${saved.baseName}, and training continues that one. Remove the setting "adapter", or train ${saved.baseName} to start a new one.`,
  );
}

/** A server has its own adapters and numbers. */
function refuseLocalOptions(spec: string, { adapter, precision = 'float32' }: OpenOptions): void {
  if (precision !== 'float32') {
    throw new ModelError(
      'precision',
      `precision "${precision}" is for models on this machine, and ${shownSpec(spec)} is on a server, which computes as it was started. Leave it out.`,
    );
  }
  if (!adapter) return;
  throw new ModelError(
    'adapter',
    `The setting "adapter" is for models on this machine, and ${shownSpec(spec)} is on a server. For a training server, set the rank in the address: tinker:URL?rank=${adapter.rank}#MODEL.`,
  );
}

async function openServer({ baseUrl, model, api }: OpenAISpec, options: OpenOptions): Promise<Policy> {
  const { contextLength, concurrency, retries, signal, thinking, note, prediction, cacheKey } = options;
  // vLLM, SGLang and llama.cpp pass this to the chat template; others ignore it.
  const extra = thinking === undefined ? undefined : { chat_template_kwargs: { enable_thinking: thinking } };
  const text = options.tokenizer === undefined ? {} : await tokenizerAndChat(options.tokenizer, options);
  return openOpenAIPolicy({
    ...text,
    baseUrl: baseUrl ?? defaultBaseUrl(),
    model,
    api,
    contextLength,
    concurrency,
    retries,
    signal,
    note,
    extra,
    prediction,
    cacheKey,
  });
}

async function openTinker(spec: string, parsed: TinkerSpec, options: OpenOptions): Promise<TrainablePolicy> {
  const { contextLength, concurrency, retries, signal, seed, note } = options;
  // By default, the tokenizer is that of the base model: a folder of that name on this machine, or a repository on the
  // hub.
  const place = options.tokenizer ?? ((await exists(parsed.model)) ? parsed.model : `hf:${parsed.model}`);
  const text = await tokenizerAndChat(place, options);
  const { openTinkerPolicy } = await import('../policy/tinker/policy.js');
  const opened = { spec, tokenizer: (await exists(place)) ? resolve(place) : place };
  return openTinkerPolicy({ ...parsed, ...text, contextLength, concurrency, retries, seed, signal, note, opened });
}

async function tokenizerAndChat(place: string, options: OpenOptions) {
  const { tokenizer, chat } = await openTokenizer(place, options);
  return { tokenizer, chat: await chat() };
}

type Opened = NonNullable<SavedState['opened']>;

/** Connects to the server on which training left the weights, and loads them. */
async function openTrainedAtServer(folder: string, trained: Opened, options: OpenOptions): Promise<Policy> {
  const parsed = parseModelSpec(trained.spec);
  if (parsed.kind !== 'tinker') throw unopenable(folder);
  requireNamedServer({ origin: originOf(parsed.baseUrl), place: noteOf(folder) }, options.allowHosts);
  const policy = await openTinker(trained.spec, parsed, {
    ...options,
    tokenizer: options.tokenizer ?? trained.tokenizer,
  });
  try {
    await policy.load(folder);
    return policy;
  } catch (error) {
    await policy.close();
    throw error;
  }
}

const noteOf = (folder: string) => join(folder, STATE_FILE);

/** How to open the weights that training left on a server, from the run's folder; undefined for every other folder. */
async function trainedAtServer(folder: string): Promise<Opened | undefined> {
  const text = await readFile(noteOf(folder), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const { opened } = JSON.parse(text) as Partial<SavedState>;
    if (typeof opened?.spec === 'string' && typeof opened.tokenizer === 'string') return opened;
  } catch {
    // The error below covers this.
  }
  throw unopenable(folder);
}

function unopenable(folder: string): PolicyError {
  return new PolicyError(
    'invalid-argument',
    `${noteOf(folder)} does not say how to open its model. Resume its run, or name the server: tinker:URL#MODEL.`,
  );
}
