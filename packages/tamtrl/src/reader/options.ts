/** What a reader is asked to do. */
import type { Budgets } from '../memory/frames.js';
import type { PromptFormat } from '../memory/prompts.js';
import type { EmptyRule, MemoryModel } from '../memory/turn.js';
import type { OpenOptions } from '../models/open.js';
import type { ChunkOptions } from '../text/chunks.js';
import type { Wanted } from './extent.js';
import type { ReaderState } from './state.js';

export interface ReaderOptions extends Partial<Budgets> {
  /** An open policy, or anything that samples from token ids. */
  model: MemoryModel;
  /** One question, or several that share one reading of the text, each with its own memory. */
  question: string | readonly string[];
  /** Continue from this saved state. Its budgets apply. */
  state?: ReaderState;
  /** Wording of the prompts; by default it depends on the model. */
  prompts?: PromptFormat;
  /** What an empty output does to the memory; default `keep`. */
  empty?: EmptyRule;
  /** Where chunks end; default `token`. */
  align?: ChunkOptions['align'];
  /** 0 (default) is greedy. */
  temperature?: number;
  seed?: number;
  signal?: AbortSignal;
  /**
   * Receives what was assumed of a file or left out of it ("notes.txt was read as Windows-1252"), and once that the
   * model only repeats itself.
   */
  onNote?: (note: string) => void;
}

type OpeningOption = 'tokenizer' | 'thinking' | 'contextLength' | 'prediction' | 'cacheKey' | 'precision';

export interface NamedModelOptions
  extends Omit<ReaderOptions, 'model'>,
    Pick<OpenOptions, OpeningOption | 'allowHosts' | 'onDownload'> {
  /**
   * An open policy, or an address: `mini`, a model folder, a .gguf file, `hf:owner/name`, or `openai:URL#MODEL`. A
   * named model is opened for the reader; local ones need the packages @tamtrl/engine and onnxruntime-node. One that
   * was trained here reads with the limits, rules and wording of its training unless others are given.
   */
  model: string | MemoryModel;
}

export interface ReadingOptions {
  /**
   * The source is the whole text from its beginning. What has been read is skipped; where the text has changed, it is
   * read again as far as needed. By default, the source continues the text read so far.
   */
  whole?: boolean;
  /**
   * Chunks for which this is false are passed over, and the state remembers that. What was read before stays read.
   * `planReading` makes one.
   */
  only?: Wanted;
}
