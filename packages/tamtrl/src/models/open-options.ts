/** The options of `openModel`. */
import {
  atLeast,
  brokenRule,
  FLAG,
  FUNCTION,
  OBJECT,
  oneOf,
  type Rules,
  SIGNAL,
  TEXT,
  TEXTS,
  WHOLE,
} from '../base/option-rules.js';
import { valueText } from '../base/values.js';
import type { EngineSettings } from '../policy/engine.js';
import { PolicyError } from '../policy/errors.js';
import { PRECISIONS, type Precision } from '../policy/precision.js';
import { MODEL_SPECS } from './spec.js';

export interface NewAdapter {
  rank: number;
  /** The adapter's product is scaled by alpha / rank; default: twice the rank. */
  alpha?: number;
  /** Projections to adapt, such as `q_proj`; default: all of a layer's. */
  targets?: readonly string[];
}

export interface OpenOptions {
  /** Seed of random weights; default 0. */
  seed?: number;
  /**
   * For models on a server: the folder, .gguf file or hf:owner/name that holds the model's tokenizer, so that tokens
   * can be sent.
   */
  tokenizer?: string;
  /**
   * Turns thinking on or off for models that can think before they write, such as Qwen3. If absent, their chat template
   * decides.
   */
  thinking?: boolean;
  /** For a server that does not report the size of its window. */
  contextLength?: number;
  /** For models on a server: maximum number of requests at a time, and of attempts after the first. */
  concurrency?: number;
  retries?: number;
  /**
   * Servers that a folder may name (HOST, HOST:PORT or http://HOST:PORT) and that then get the API key and the text. A
   * server that the address itself names needs no entry.
   */
  allowHosts?: readonly string[];
  /**
   * For models on a server that supports predicted outputs: sends the old memory as the prediction of the new one. What
   * is predicted wrongly is charged as output. Default false.
   */
  prediction?: boolean;
  /** For models on a server: sends a `prompt_cache_key`; default: to OpenAI alone. */
  cacheKey?: boolean;
  /** For models at a server: called with what had to be adapted, and when the server does not answer for long. */
  note?: (text: string) => void;
  /** For local models: trains a new low-rank adapter instead of the weights, which then do not change. */
  adapter?: NewAdapter;
  /**
   * For local models: `int8` rounds the weights, and what they are multiplied by, to 8 bits while the model writes,
   * which is faster. Scoring and training stay in float32. Default `float32`.
   */
  precision?: Precision;
  /** For local models. */
  engine?: EngineSettings;
  signal?: AbortSignal;
  /** Called for each file that is downloaded. */
  onDownload?: (file: string) => void;
}

const OPEN_RULES: Rules<OpenOptions> = {
  seed: WHOLE,
  tokenizer: TEXT,
  thinking: FLAG,
  contextLength: atLeast(1),
  concurrency: atLeast(1),
  retries: atLeast(0),
  allowHosts: TEXTS,
  prediction: FLAG,
  cacheKey: FLAG,
  note: FUNCTION,
  adapter: OBJECT,
  precision: oneOf(...PRECISIONS),
  engine: OBJECT,
  signal: SIGNAL,
  onDownload: FUNCTION,
};

/** @throws PolicyError `invalid-argument` for an address that is no text, and for options that mean nothing. */
export function checkOpening(spec: unknown, options: unknown): void {
  if (typeof spec !== 'string' || spec.trim() === '') {
    const found = spec === undefined ? 'missing' : typeof spec === 'string' ? 'empty' : valueText(spec);
    throw new PolicyError('invalid-argument', `openModel: the model is ${found}, expected ${MODEL_SPECS}.`);
  }
  const broken = brokenRule(options, 'openModel', OPEN_RULES);
  if (broken !== undefined) throw new PolicyError('invalid-argument', broken);
}
