/** A policy whose weights live in this process: the engine, with the model's own tokenizer and chat format. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ChatFormat } from '../text/chat.js';
import { chatFormatFromContents, tokenizerFromContents } from '../text/file-contents.js';
import { loadTokenizer } from '../text/hugging-face-tokenizer.js';
import { type ChatFormatOptions, loadChatFormat } from '../text/templates.js';
import type { Tokenizer } from '../text/tokenizer.js';
import type { Engine, EngineSettings, LocalModel } from './engine.js';
import { PolicyError } from './errors.js';
import { loadEngine } from './load-engine.js';
import type {
  Capabilities,
  ForwardBackwardOptions,
  ForwardBackwardResult,
  GenerateOptions,
  GenerateRequest,
  OptimStepOptions,
  OptimStepResult,
  Sample,
  ScoredRow,
  ScoreOptions,
  ScoreRow,
  TrainablePolicy,
  TrainingRow,
} from './types.js';

/** In the folder of an exported model: the adapter alone, if it was trained with one. */
export const ADAPTER_FOLDER = 'adapter';

export interface LocalPolicyOptions {
  /** Replaces the model's own; required for random weights without files. */
  tokenizer?: Tokenizer;
  chat?: ChatFormat;
  /** Options for the folder's chat template. */
  chatOptions?: ChatFormatOptions;
  /** Threads, memory and similar options. */
  engine?: EngineSettings;
  /** Shown in reports; default: the model's path. */
  name?: string;
}

/**
 * Opens a model folder, a GGUF file, or random weights of a given shape.
 * @throws PolicyError `runtime-missing` without the engine; `tokenizer` if tokenizer and model do not fit together;
 *   TextError or EngineError for files that cannot be read.
 */
export async function openLocalPolicy(model: LocalModel, options: LocalPolicyOptions = {}): Promise<LocalPolicy> {
  const { createEngine } = await loadEngine();
  const name = options.name ?? (typeof model === 'string' ? model : 'random weights');
  // A folder's tokenizer is read before its weights, which take longer; a GGUF file's tokenizer comes with the weights.
  const folder = typeof model === 'string' && (await isFolder(model)) ? model : undefined;
  let tokenizer = options.tokenizer ?? (folder === undefined ? undefined : await loadTokenizer(folder));
  let chat = options.chat;
  if (!chat && folder !== undefined && tokenizer) chat = await loadChatFormat(folder, tokenizer, options.chatOptions);
  const engine = await createEngine({ ...options.engine, model });
  try {
    tokenizer ??= tokenizerFromContents(engine.files);
    if (!tokenizer) throw new PolicyError('tokenizer', `${name} has no tokenizer. Pass one with its chat format.`);
    chat ??= chatFormatFromContents(engine.files, tokenizer, { model: name, ...options.chatOptions });
    return new LocalPolicy(name, engine, tokenizer, chat);
  } catch (error) {
    await engine.close();
    throw error;
  }
}

function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

export class LocalPolicy implements TrainablePolicy {
  readonly name: string;
  readonly capabilities: Capabilities = {
    score: true,
    snapshots: true,
    averages: true,
    train: true,
    exactLogProbabilities: true,
    speculation: true,
  };
  readonly tokenizer: Tokenizer;
  readonly chat: ChatFormat;
  readonly contextLength: number;
  readonly engine: Engine;
  /** Rows of the embedding that belong to no token. If they were sampled, they would have no text. */
  readonly #paddingIds: readonly number[];

  /** @throws PolicyError `tokenizer` if the tokenizer has ids that the model lacks. */
  constructor(name: string, engine: Engine, tokenizer: Tokenizer, chat: ChatFormat) {
    const { vocabularySize, contextLength } = engine.config;
    if (tokenizer.vocabularySize > vocabularySize) {
      throw new PolicyError(
        'tokenizer',
        `The tokenizer of ${name} has ids up to ${tokenizer.vocabularySize - 1}, but the model's vocabulary ends at ` +
          `${vocabularySize - 1}. Use the tokenizer that belongs to the model.`,
      );
    }
    this.name = name;
    this.engine = engine;
    this.tokenizer = tokenizer;
    this.chat = chat;
    this.contextLength = contextLength;
    const padding = vocabularySize - tokenizer.vocabularySize;
    this.#paddingIds = Array.from({ length: padding }, (_, at) => tokenizer.vocabularySize + at);
  }

  sample(requests: readonly GenerateRequest[], options: GenerateOptions): Promise<Sample[][]> {
    return this.engine.generate(requests, this.#masked(options));
  }

  score(rows: readonly ScoreRow[], options: ScoreOptions = {}): Promise<ScoredRow[]> {
    return this.engine.score(rows, this.#masked(options));
  }

  forwardBackward(rows: readonly TrainingRow[], options: ForwardBackwardOptions): Promise<ForwardBackwardResult> {
    return this.engine.forwardBackward(rows, this.#masked(options));
  }

  /** Sampled, scored and trained tokens have one distribution, or the ratios of the loss would not be those of pi. */
  #masked<Options extends { maskedIds?: readonly number[] }>(options: Options): Options {
    return { ...options, maskedIds: [...this.#paddingIds, ...(options.maskedIds ?? [])] };
  }

  optimStep(options: OptimStepOptions): Promise<OptimStepResult> {
    return this.engine.optimStep(options);
  }

  zeroGradients(): Promise<void> {
    return this.engine.zeroGradients();
  }

  snapshot(name: string): Promise<void> {
    return this.engine.snapshot(name);
  }

  blendSnapshot(name: string, decay: number): Promise<void> {
    return this.engine.blendSnapshot(name, decay);
  }

  dropSnapshot(name: string): Promise<void> {
    return this.engine.dropSnapshot(name);
  }

  save(folder: string): Promise<void> {
    return this.engine.save(folder);
  }

  load(folder: string): Promise<void> {
    return this.engine.load(folder);
  }

  /** With an adapter: merged into the weights, and alone in the folder `adapter` next to them. */
  async exportModel(folder: string): Promise<void> {
    await this.engine.exportModel(folder);
    if (this.engine.config.adapter) await this.engine.exportAdapter(join(folder, ADAPTER_FOLDER));
  }

  close(): Promise<void> {
    return this.engine.close();
  }
}
