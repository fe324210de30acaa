/**
 * Every policy offers the same verbs, so the trainer does not know where the weights live. A policy says what it can
 * do; a method that needs more is refused at start with a sentence that names what is missing.
 *
 * The verbs' requests and results are those of the engine, written out here: the engine is an optional peer, and
 * programs that do without it need these types all the same. types.test.ts holds that the two stay equal.
 *
 * Token ids in, token ids and log-probabilities out. Log-probabilities are natural logarithms.
 */
import type { ChatFormat } from '../text/chat.js';
import type { Tokenizer } from '../text/tokenizer.js';

/** What long calls have in common. */
export interface LongCallOptions {
  /** Stops the call: it rejects with the engine's "aborted" error, or with the signal's reason. */
  signal?: AbortSignal;
  /** `finished` and `total` count requests or rows; `tokens` counts what has been sampled or read. */
  onProgress?: (progress: { finished: number; total: number; tokens: number }) => void;
}

/** One prompt to be continued `samples` times. */
export interface GenerateRequest {
  promptIds: readonly number[];
  /** Continuations wanted; default 1. */
  samples?: number;
  /** Upper limit of new tokens, the stop token included; default: `GenerateOptions.maxTokens`. */
  maxTokens?: number;
  /** Random stream of this request; default: derived from the call's seed and the prompt's tokens. */
  seed?: number;
}

export interface GenerateOptions extends LongCallOptions {
  maxTokens: number;
  /** 0 takes the most probable token; default 1. */
  temperature?: number;
  /** Keep the smallest set of most probable tokens whose probability reaches this; default 1 (all). */
  topP?: number;
  /** Keep this many most probable tokens; default 0 (all). */
  topK?: number;
  /** A sequence ends with the first of these; it is part of the returned tokens. */
  stopIds?: readonly number[];
  /** Never sampled. */
  maskedIds?: readonly number[];
  /** Same seed, same tokens, whatever the order or number of requests; default 0. */
  seed?: number;
  /** Most sequences decoded together; default: as many as the memory budget allows. */
  maxBatch?: number;
  /** Name of a snapshot to use instead of the live weights. */
  weights?: string;
}

export interface Sample {
  /** New tokens, the stop token included. */
  tokens: number[];
  /**
   * Log-probability of each token under softmax(logits / temperature) over the tokens that are not masked, before top-k
   * and top-p; at temperature 0 under softmax(logits). Empty if the policy's server does not give them.
   */
  logProbabilities: number[];
  stopReason: 'stop' | 'length';
}

export interface ScoreRow {
  promptIds: readonly number[];
  completionIds: readonly number[];
}

export interface ScoreOptions extends LongCallOptions {
  /** Log-probabilities under softmax(logits / temperature); default 1. */
  temperature?: number;
  /** Left out of the distribution, as in sampling. Not every server can. */
  maskedIds?: readonly number[];
  /** Name of a snapshot to use instead of the live weights. */
  weights?: string;
}

export interface ScoredRow {
  /** [completionIds.length] */
  logProbabilities: number[];
  /** Entropy in nats of the distribution at each completion position; NaN if unknown. [completionIds.length] */
  entropies: number[];
}

/** One sequence to learn from. Arrays other than `promptIds` have the completion's length. */
export interface TrainingRow extends ScoreRow {
  /** Advantage of each token; needed by the policy-gradient loss. */
  advantages?: readonly number[];
  /** Log-probability of each token when it was sampled; needed by the policy-gradient loss. */
  oldLogProbabilities?: readonly number[];
  /** Log-probability of each token under the reference policy; needed if `klCoefficient` > 0. */
  referenceLogProbabilities?: readonly number[];
  /**
   * Factor of each token's loss: the loss is the plain sum of factor x token loss, so the caller chooses the mean
   * (token mean, sequence mean, turn weights). Default: 1 / (completion tokens of this call), the token mean.
   */
  lossWeights?: readonly number[];
}

/**
 * Loss of a token with ratio r = exp(logp - old), advantage A:
 * -min(r A, clip(r, 1 - clipLow, 1 + clipHigh) A), for A < 0 at most -dualClip A (PPO, arXiv 1707.06347; dual clip,
 * arXiv 1912.09729; separate bounds, DAPO, arXiv 2503.14476), plus klCoefficient (exp(d) - d - 1), d = ref - logp (the
 * k3 estimator).
 */
export interface PolicyGradientLoss {
  kind: 'policy-gradient';
  clipLow: number;
  clipHigh: number;
  dualClip?: number;
  klCoefficient?: number;
}

/** Loss of a token: -logp. */
export interface CrossEntropyLoss {
  kind: 'cross-entropy';
}

export interface ForwardBackwardOptions extends LongCallOptions {
  loss: PolicyGradientLoss | CrossEntropyLoss;
  /** Log-probabilities under softmax(logits / temperature); default 1. */
  temperature?: number;
  /** Left out of the distribution, as in sampling. Not every server can. */
  maskedIds?: readonly number[];
}

export interface ForwardBackwardResult {
  /** Sum over tokens of loss weight x token loss. */
  loss: number;
  /** [rows][completion tokens] under the weights before the step. */
  logProbabilities: number[][];
  metrics: {
    /** Completion tokens that were trained on. */
    tokens: number;
    /** All tokens of the rows: prompts included, padding not. */
    totalTokens: number;
    /** Mean entropy in nats over completion tokens; NaN if unknown. */
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

/** AdamW (arXiv 1711.05101). */
export interface OptimStepOptions {
  learningRate: number;
  /** Default 0.9. */
  beta1?: number;
  /** Default 0.95. */
  beta2?: number;
  /** Default 1e-8. */
  epsilon?: number;
  /** Decoupled; default 0. */
  weightDecay?: number;
  /** Largest global gradient norm; 0 or absent: no clipping. */
  gradientClipNorm?: number;
}

export interface OptimStepResult {
  /** Global norm before clipping; NaN if unknown. */
  gradientNorm: number;
  /** The gradient was not finite: weights and optimiser are as before, gradients are cleared. */
  skipped: boolean;
  /** Steps taken so far. */
  step: number;
}

export interface Capabilities {
  /** Log-probabilities of given tokens (teacher alignment, process rewards by likelihood). */
  score: boolean;
  /** Weights can be kept under a name and scored with (a frozen teacher, the KL reference). */
  snapshots: boolean;
  /** Kept weights can be blended with the live ones (an EMA teacher). */
  averages: boolean;
  /** forwardBackward and optimStep. */
  train: boolean;
  /** Sampler and trainer share weights and numerics, so that sampled log-probabilities are the old ones of the loss. */
  exactLogProbabilities: boolean;
}

export interface Policy {
  /** Shown in reports: model and place. */
  readonly name: string;
  readonly capabilities: Capabilities;
  readonly tokenizer: Tokenizer;
  readonly chat: ChatFormat;
  /** Prompt and completion together, in tokens. */
  readonly contextLength: number;
  /** [requests][samples] */
  sample(requests: readonly GenerateRequest[], options: GenerateOptions): Promise<Sample[][]>;
  score(rows: readonly ScoreRow[], options?: ScoreOptions): Promise<ScoredRow[]>;
  close(): Promise<void>;
}

/** A policy whose weights can be changed; `isTrainable` tells it apart. */
export interface TrainablePolicy extends Policy {
  /**
   * Asks, before anything is spent, whether the policy can train with this loss. A policy without this method can.
   * @throws PolicyError saying why not.
   */
  checkTraining?(options: ForwardBackwardOptions): Promise<void>;
  /** Adds the gradient of the loss to the accumulated gradient. */
  forwardBackward(rows: readonly TrainingRow[], options: ForwardBackwardOptions): Promise<ForwardBackwardResult>;
  /** Updates the weights with the accumulated gradient and clears it. */
  optimStep(options: OptimStepOptions): Promise<OptimStepResult>;
  zeroGradients(): Promise<void>;
  /**
   * Keeps the weights as they are now under `name`, replacing an earlier snapshot.
   * @param use `score` (default), or `sample`: only sampled from, which is cheaper at servers.
   */
  snapshot(name: string, use?: 'score' | 'sample'): Promise<void>;
  /** snapshot = decay x snapshot + (1 - decay) x live weights (exponential moving average). */
  blendSnapshot(name: string, decay: number): Promise<void>;
  dropSnapshot(name: string): Promise<void>;
  /** Weights, optimiser and snapshots, to go on from. */
  save(folder: string): Promise<void>;
  load(folder: string): Promise<void>;
  /** Writes a model folder, or for weights at a server a note of where they are. `openModel` opens either. */
  exportModel(folder: string): Promise<void>;
}
