/**
 * Every policy offers the same verbs, so the trainer does not know where the weights live. A policy says what it can
 * do; a method that needs more is refused at start with a sentence that names what is missing.
 */
import type {
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
  TrainingRow,
} from '@tamtrl/engine';
import type { ChatFormat } from '../text/chat.js';
import type { Tokenizer } from '../text/tokenizer.js';

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
  sample(requests: readonly GenerateRequest[], options: GenerateOptions): Promise<Sample[][]>;
  score(rows: readonly ScoreRow[], options?: ScoreOptions): Promise<ScoredRow[]>;
  close(): Promise<void>;
}

export interface TrainablePolicy extends Policy {
  /** Whether it can train with this loss, before anything is spent; a policy without it can. @throws PolicyError saying why not. */
  checkTraining?(options: ForwardBackwardOptions): Promise<void>;
  forwardBackward(rows: readonly TrainingRow[], options: ForwardBackwardOptions): Promise<ForwardBackwardResult>;
  optimStep(options: OptimStepOptions): Promise<OptimStepResult>;
  zeroGradients(): Promise<void>;
  /** Keeps the weights as they are now under a name, to be scored with, or only to be sampled from, which is cheaper at servers. */
  snapshot(name: string, use?: 'score' | 'sample'): Promise<void>;
  blendSnapshot(name: string, decay: number): Promise<void>;
  dropSnapshot(name: string): Promise<void>;
  save(folder: string): Promise<void>;
  load(folder: string): Promise<void>;
  exportModel(folder: string): Promise<void>;
}
