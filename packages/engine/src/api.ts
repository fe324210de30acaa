/**
 * The engine's verbs and their data. Token ids in, token ids and log-probabilities out: the engine knows nothing about
 * text, rewards or memories. Log-probabilities are natural logarithms.
 */
import type { ModelConfig } from './models/config.js';

/** One prompt to be continued `samples` times. The prompt's cache is computed once for all of them. */
export interface GenerateRequest {
  promptIds: readonly number[];
  /** Number of continuations; default 1. */
  samples?: number;
  /** Upper limit of new tokens, the stop token included; default: `GenerateOptions.maxTokens`. */
  maxTokens?: number;
  /** Random stream of this request; default: derived from the call's seed and the prompt's tokens. */
  seed?: number;
  /**
   * A guess at the continuation. It is read after the prompt in the same run, and its tokens are taken as far as
   * they are the ones that would be drawn anyway (speculative decoding, arXiv 2211.17192, with a given draft). It saves
   * time and changes nothing else: the samples have the model's distribution, whatever the draft says.
   */
  draft?: readonly number[];
  /**
   * Number of tokens at the beginning of the prompt that other requests of the call are likely to share. They are read
   * separately, once for all requests that begin with the same tokens. Pieces of 512 tokens are shared without it.
   */
  sharedTokens?: number;
}

export interface GenerateOptions {
  maxTokens: number;
  /** 0 takes the most probable token; default 1. */
  temperature?: number;
  /** Sample from the smallest set of most probable tokens whose total probability reaches this; default 1 (all). */
  topP?: number;
  /** Sample from this many most probable tokens; default 0 (all). */
  topK?: number;
  /** A sequence ends at the first of these tokens, which is included in the result. */
  stopIds?: readonly number[];
  /** Tokens that are never sampled. */
  maskedIds?: readonly number[];
  /** Same seed, same tokens, whatever the order or number of requests; default 0. */
  seed?: number;
  /** Maximum number of sequences decoded together; default: as many as the memory budget allows. */
  maxBatch?: number;
  /** Name of a snapshot to use instead of the live weights. */
  weights?: string;
  signal?: AbortSignal;
  onProgress?: (progress: { finished: number; total: number; tokens: number }) => void;
}

export interface Sample {
  /** New tokens, the stop token included. */
  tokens: number[];
  /**
   * Log-probability of each token under softmax(logits / temperature) over the tokens that are not masked, before top-k
   * and top-p; at temperature 0, under softmax(logits).
   */
  logProbabilities: number[];
  stopReason: 'stop' | 'length';
  /** Number of tokens that are the request's draft, from its beginning; absent if the request has no draft. */
  acceptedDraft?: number;
}

export interface ScoreRow {
  promptIds: readonly number[];
  completionIds: readonly number[];
}

export interface ScoreOptions {
  /** Log-probabilities under softmax(logits / temperature); default 1. */
  temperature?: number;
  /** Tokens left out of the distribution, as in sampling. */
  maskedIds?: readonly number[];
  weights?: string;
  signal?: AbortSignal;
  onProgress?: (progress: { finished: number; total: number; tokens: number }) => void;
}

export interface ScoredRow {
  /** [completionIds.length] */
  logProbabilities: number[];
  /** Entropy in nats of the distribution at each completion position. [completionIds.length] */
  entropies: number[];
}

/** One sequence to learn from. Arrays other than `promptIds` have the completion's length. */
export interface TrainingRow extends ScoreRow {
  /** Advantage of each token; required by the policy-gradient loss. */
  advantages?: readonly number[];
  /** Log-probability of each token when it was sampled; required by the policy-gradient loss. */
  oldLogProbabilities?: readonly number[];
  /** Log-probability of each token under the reference policy; required if `klCoefficient` > 0. */
  referenceLogProbabilities?: readonly number[];
  /**
   * Factor for each token's loss. The loss is the plain sum of factor x token loss, so the factors decide which mean it
   * is (token mean, sequence mean, turn weights). Default: 1 / (completion tokens of this call), the token mean.
   */
  lossWeights?: readonly number[];
}

/**
 * Loss of a token with ratio r = exp(logp - old), advantage A:
 * -min(r A, clip(r, 1 - clipLow, 1 + clipHigh) A), for A < 0 at most -dualClip A (PPO, arXiv 1707.06347; dual clip,
 * arXiv 1912.09729; separate bounds, DAPO, arXiv 2503.14476), plus klCoefficient (exp(d) - d - 1), d = ref - logp (the
 * k3 estimator), minus entropyCoefficient H, H the entropy of the distribution that the token is drawn from (PPO's
 * entropy bonus).
 */
export interface PolicyGradientLoss {
  kind: 'policy-gradient';
  clipLow: number;
  clipHigh: number;
  dualClip?: number;
  klCoefficient?: number;
  /** Default 0. */
  entropyCoefficient?: number;
}

/** Loss of a token: -logp. */
export interface CrossEntropyLoss {
  kind: 'cross-entropy';
}

export interface ForwardBackwardOptions {
  loss: PolicyGradientLoss | CrossEntropyLoss;
  temperature?: number;
  /** Tokens left out of the distribution, as in sampling. */
  maskedIds?: readonly number[];
  signal?: AbortSignal;
  onProgress?: (progress: { finished: number; total: number; tokens: number }) => void;
}

export interface ForwardBackwardResult {
  /** Sum over tokens of loss weight x token loss. */
  loss: number;
  /** [rows][completion tokens] under the weights before the step. */
  logProbabilities: number[][];
  metrics: {
    /** Completion tokens that were trained on. */
    tokens: number;
    /** All tokens of the rows, including prompts but not padding. */
    totalTokens: number;
    /** Mean entropy in nats over completion tokens. */
    entropy: number;
    /** Share of tokens whose clipped term was the smaller one (0 for cross-entropy). */
    clipFraction: number;
    ratioMean: number;
    ratioMax: number;
    /** Mean k3 estimate of KL(policy || reference); 0 without reference. */
    kl: number;
    /** Mean of old - new log-probability (k1 estimate of KL(old || new)). */
    approximateKl: number;
    microBatches: number;
  };
}

export interface OptimStepOptions {
  learningRate: number;
  /** Default 0.9. */
  beta1?: number;
  /** Default 0.95. */
  beta2?: number;
  /** Default 1e-8. */
  epsilon?: number;
  /** Decoupled (AdamW); default 0. */
  weightDecay?: number;
  /** Whether the decay applies to normalisation weights and biases too; default true, as in torch. */
  decayNorms?: boolean;
  /** Largest global gradient norm; 0 or absent: no clipping. */
  gradientClipNorm?: number;
}

export interface OptimStepResult {
  /** Global norm before clipping. */
  gradientNorm: number;
  /** The gradient was not finite: weights and optimiser did not change, and the gradients are cleared. */
  skipped: boolean;
  /** Steps taken so far. */
  step: number;
}

/** A loaded model with its optimiser, in a worker thread. Calls are queued and run one after another. */
export interface Engine {
  /** With the shape of the adapter, if there is one. */
  readonly config: ModelConfig;
  /** Of the model, without the adapter's. */
  readonly parameters: number;
  /** The adapter's, or all. */
  readonly trainedParameters: number;
  /**
   * Contents of the model's other files (tokenizer.json, tokenizer_config.json and so on), by name. For a GGUF file
   * they are made from its metadata.
   */
  readonly files: ReadonlyMap<string, Uint8Array>;
  generate(requests: readonly GenerateRequest[], options: GenerateOptions): Promise<Sample[][]>;
  score(rows: readonly ScoreRow[], options?: ScoreOptions): Promise<ScoredRow[]>;
  /** Adds the gradient of the loss to the accumulated gradient. */
  forwardBackward(rows: readonly TrainingRow[], options: ForwardBackwardOptions): Promise<ForwardBackwardResult>;
  /** Updates what is trained with the accumulated gradient and clears it. */
  optimStep(options: OptimStepOptions): Promise<OptimStepResult>;
  zeroGradients(): Promise<void>;
  /**
   * Keeps a copy of the live weights under `name`, replacing an earlier one; with an adapter, a copy of the adapter
   * alone. The weights without the adapter are always there as "base", which needs no snapshot.
   */
  snapshot(name: string): Promise<void>;
  /** snapshot = decay x snapshot + (1 - decay) x live weights (exponential moving average). */
  blendSnapshot(name: string, decay: number): Promise<void>;
  dropSnapshot(name: string): Promise<void>;
  /** Writes weights, optimiser and snapshots to a folder, so that training continues bit for bit after `load`. */
  save(folder: string): Promise<void>;
  /** Restores the state that `save` wrote, completely or not at all. */
  load(folder: string): Promise<void>;
  /** Writes a folder that transformers and vLLM load, with the adapter merged into the weights. */
  exportModel(folder: string, options?: { dtype?: 'F32' | 'BF16' | 'F16' }): Promise<void>;
  /** Writes the adapter alone, in the format of PEFT. Fails for an engine without one. */
  exportAdapter(folder: string): Promise<void>;
  /** Ends the worker thread and aborts any running call. */
  close(): Promise<void>;
}
