/**
 * Every policy has the same verbs, so the trainer does not know where the weights are. A policy states what it can do;
 * a method that needs more is refused at the start, with a message that names what is missing.
 *
 * The verbs' requests and results are the engine's. They are written out here because the engine is an optional peer
 * dependency, and programs without it need these types too. types.test.ts checks that the two are equal.
 *
 * Token ids in, token ids and log-probabilities out. Log-probabilities are natural logarithms.
 */
import type { ChatFormat } from '../text/chat.js';
import type { Tokenizer } from '../text/tokenizer.js';

/** Options that all long calls share. */
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
  /**
   * A guess at the continuation. A policy that can verify it saves time; others ignore it. It never changes the
   * distribution of the samples.
   */
  draft?: readonly number[];
  /** Number of tokens at the beginning of the prompt that other requests of the call are likely to share. */
  sharedTokens?: number;
}

export interface GenerateOptions extends LongCallOptions {
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
}

export interface Sample {
  /** New tokens, the stop token included. */
  tokens: number[];
  /**
   * Log-probability of each token under softmax(logits / temperature) over the tokens that are not masked, before top-k
   * and top-p; at temperature 0, under softmax(logits). Empty if the policy's server does not return them; NaN for a
   * stop token that it leaves out.
   */
  logProbabilities: number[];
  stopReason: 'stop' | 'length';
  /**
   * Number of tokens that are the request's draft, from its beginning; absent if there was none, or if the policy does
   * not verify drafts.
   */
  acceptedDraft?: number;
}

export interface ScoreRow {
  promptIds: readonly number[];
  completionIds: readonly number[];
}

export interface ScoreOptions extends LongCallOptions {
  /** Log-probabilities under softmax(logits / temperature); default 1. */
  temperature?: number;
  /** Tokens left out of the distribution, as in sampling. Not every server supports this. */
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

export interface ForwardBackwardOptions extends LongCallOptions {
  loss: PolicyGradientLoss | CrossEntropyLoss;
  /** Log-probabilities under softmax(logits / temperature); default 1. */
  temperature?: number;
  /** Tokens left out of the distribution, as in sampling. Not every server supports this. */
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
    /** All tokens of the rows, including prompts but not padding. */
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
  /** Whether the decay applies to normalisation weights and biases too; default true, as in torch. */
  decayNorms?: boolean;
  /** Largest global gradient norm; 0 or absent: no clipping. */
  gradientClipNorm?: number;
}

export interface OptimStepResult {
  /** Global norm before clipping; NaN if unknown. */
  gradientNorm: number;
  /** The gradient was not finite: weights and optimiser did not change, and the gradients are cleared. */
  skipped: boolean;
  /** Steps taken so far. */
  step: number;
}

export interface Capabilities {
  /** Can compute log-probabilities of given tokens (teacher alignment, process rewards by likelihood). */
  score: boolean;
  /** Can keep weights under a name and score with them (a frozen teacher, the KL reference). */
  snapshots: boolean;
  /** Can blend kept weights with the live ones (an EMA teacher). */
  averages: boolean;
  /** Has forwardBackward and optimStep. */
  train: boolean;
  /**
   * Sampler and trainer share weights and numerics, so that sampled log-probabilities can serve as the loss's old ones.
   */
  exactLogProbabilities: boolean;
  /**
   * A request that turns out not to be needed costs time and no money, and requests of one call are computed together,
   * so readers may ask for later chunks ahead; default false.
   */
  speculation?: boolean;
  /** Is a server that keeps the beginnings of prompts for later ones, and may charge less for them. */
  prefixCache?: boolean;
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

/** A policy whose weights can be changed; see `isTrainable`. */
export interface TrainablePolicy extends Policy {
  /**
   * Checks whether the policy can train with this loss, before any computing time is spent. A policy without this
   * method can.
   * @throws PolicyError that says why not.
   */
  checkTraining?(options: ForwardBackwardOptions): Promise<void>;
  /** Adds the gradient of the loss to the accumulated gradient. */
  forwardBackward(rows: readonly TrainingRow[], options: ForwardBackwardOptions): Promise<ForwardBackwardResult>;
  /** Updates the weights with the accumulated gradient and clears it. */
  optimStep(options: OptimStepOptions): Promise<OptimStepResult>;
  zeroGradients(): Promise<void>;
  /**
   * Keeps the current weights under `name`, replacing an earlier snapshot.
   * @param use `score` (default), or `sample` for a snapshot that is only sampled from, which is cheaper on servers.
   */
  snapshot(name: string, use?: 'score' | 'sample'): Promise<void>;
  /** snapshot = decay x snapshot + (1 - decay) x live weights (exponential moving average). */
  blendSnapshot(name: string, decay: number): Promise<void>;
  dropSnapshot(name: string): Promise<void>;
  /** Saves weights, optimiser and snapshots, from which training can continue. */
  save(folder: string): Promise<void>;
  load(folder: string): Promise<void>;
  /** Writes a model folder or, if the weights are on a server, a note that says where. `openModel` opens either. */
  exportModel(folder: string): Promise<void>;
}
