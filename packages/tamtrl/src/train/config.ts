/** The configuration of a run: every switch with its default and its meaning. Unknown keys are refused. */
import { z } from 'zod';
import { BABI_TASKS } from '../data/babi/events.js';
import { metricSchema } from '../data/metrics.js';
import { memorySchema } from '../memory/settings.js';
import { PRECISIONS } from '../policy/precision.js';
import { rewardSchema } from '../reward/options.js';
import { advantageSchema } from './advantages.js';
import { returnsSchema } from './credit.js';
import { importanceSchema } from './importance.js';
import { learningRateScheduleSchema } from './learning-rate.js';
import { AGGREGATIONS } from './loss-weights.js';
import { objectiveSchema } from './objective.js';

const count = z.number().int().min(1);
/** Limits of what is held in memory at once: more can only be a mistake, and would end without a clear message. */
const many = count.max(1_000_000);
const whole = z.number().int().min(0);
const share = z.number().min(0).max(1);
const positive = z.number().positive();

const miniData = z.strictObject({
  kind: z.literal('mini'),
  /** See `MiniTaskOptions`. */
  chunks: many.default(4),
  factsPerChunk: many.default(6),
  queries: many.default(3),
  chained: share.default(0),
  /** Questions to train on, over and over; 0: always new ones. */
  questions: whole.default(0),
  /** Seed of the held-out questions. It is not the run's seed, so runs with other seeds have the same ones. */
  seed: z.number().int().default(1),
  /** Seed of the training questions; `run`: a different one for each seed of a run. */
  trainingSeed: z.union([z.literal('run'), z.number().int()]).default('run'),
});

const babilongData = z.strictObject({
  kind: z.literal('babilong'),
  /** One is drawn for each question; a task that is named twice is drawn twice as often. */
  tasks: z.array(z.enum(BABI_TASKS)).min(1).default(['qa1', 'qa2', 'qa3', 'qa4', 'qa5']),
  /**
   * Least and greatest number of chunks of a text, between which all orders of magnitude are equally likely. A story
   * that needs more gets more.
   */
  chunks: z
    .tuple([many, many])
    .refine(([least, most]) => least <= most, 'the least number of chunks exceeds the greatest')
    .default([16, 16]),
  /**
   * Least size of a chunk in training: a text is cut at a size of its own from this one to `memory.chunkTokens`,
   * between which all orders of magnitude are equally likely. Absent: always that one.
   */
  leastChunkTokens: count.optional(),
  /**
   * Share of the books' sentences that get names of the stories in training, so that the model learns to pass over
   * them.
   */
  decoys: share.default(0),
  /** Share of those that also tell what a person of the stories did elsewhere ("Princess Mary went to the door"). */
  nearFacts: share.default(0),
  /** Share of the other sentences that are cut off, or become a heading, in training. */
  fragments: share.default(0),
  /** What relevance marks stand for: facts that give the answer, or all that an ideal reader would note. */
  relevant: z.enum(['supporting', 'needed']).optional(),
  /** Text files, or folders of them, between whose sentences the stories are hidden; absent: those of the package. */
  books: z.array(z.string()).min(1).optional(),
  /** Seed of the held-out questions, apart from the run's seed: runs with other seeds meet the same ones. */
  seed: z.number().int().default(1),
  /** Seed of the training questions; `run`: one of its own for each seed of a run. */
  trainingSeed: z.union([z.literal('run'), z.number().int()]).default('run'),
});

const recordData = z.strictObject({
  kind: z.literal('records'),
  /** JSONL of question records. */
  train: z.string(),
  /**
   * JSONL of held-out records; absent: `evaluation.questions` records of `train`, which are then not trained on. Which
   * ones is settled when the run starts.
   */
  heldOut: z.string().optional(),
  /**
   * Draws the held-out records. It is not the run's seed, so runs with other seeds hold out the same ones.
   */
  seed: z.number().int().default(1),
  /** Records to do without, which are counted when the run starts. */
  leaveOut: z
    .strictObject({
      /** Records beyond the limits of `memory`, such as a question that is too long; otherwise they are refused. */
      unreadable: z.boolean().default(false),
      /** Training records that lose all of their relevant text to `memory.maxChunks`, or any of it. */
      lostEvidence: z.enum(['none', 'all', 'any']).default('none'),
    })
    .prefault({}),
});

export const evaluationSchema = z.strictObject({
  /**
   * Steps between evaluations; there is also one before the first step. 0: only before the first and after the last.
   */
  every: whole.default(10),
  /** Held-out questions. */
  questions: many.default(128),
  /** 0 is greedy. */
  temperature: z.number().min(0).default(0),
  topP: positive.max(1).default(1),
  /** Answers to each question; more than one makes sense above temperature 0. */
  samples: many.default(1),
  /** Questions read side by side. */
  batch: many.default(64),
  /** Also let the policy read the filtered chunks: how good a teacher it is. */
  teacher: z.boolean().default(false),
  /** Evaluations without a better score by `reward.outcome` after which the run stops; 0: it never stops early. */
  patience: whole.default(0),
  /** What counts as better. */
  minimumGain: z.number().min(0).default(0),
  /** Stop once that score, which is exact match in supervised training, is this high. */
  stopAt: share.optional(),
});

const optimizerSchema = z.strictObject({
  beta1: share.default(0.9),
  beta2: share.default(0.95),
  epsilon: positive.default(1e-8),
  weightDecay: z.number().min(0).default(0),
  /** False: no decay of normalisation weights and biases; absent: of all weights, as torch does. */
  decayNorms: z.boolean().optional(),
  /** 0: no clipping. */
  gradientClipNorm: z.number().min(0).default(1),
});

const adapterSchema = z.strictObject({
  /** Rows of A and columns of B in the adapter's product B A. */
  rank: count,
  /** The product is scaled by alpha / rank; absent: twice the rank. */
  alpha: positive.optional(),
  /** Projections to adapt, such as `q_proj`; absent: all of a layer's. */
  targets: z.array(z.string()).min(1).optional(),
});

const commonShape = {
  seed: z.number().int().default(0),
  /** Model folder or GGUF file, or the name of an embedded model. */
  model: z.string().default('mini'),
  /** Whether models that can think before they write (such as Qwen3) do so; absent: as their chat template says. */
  thinking: z.boolean().optional(),
  /** Of a local model's weights in rollouts and validation; absent: float32. Updates and scores stay in float32. */
  samplingPrecision: z.enum(PRECISIONS).optional(),
  /** Trains a low-rank adapter (LoRA) instead of the weights of a local model; absent: trains all weights. */
  adapter: adapterSchema.optional(),
  data: z.discriminatedUnion('kind', [miniData, babilongData, recordData]).prefault({ kind: 'mini' }),
  /** Who marks what is relevant; `policy`: a copy of the model as it is, by where it changes its memory. */
  relevance: z.enum(['annotated', 'lexical', 'judge', 'policy']).default('annotated'),
  memory: memorySchema.prefault({}),
  steps: count.default(50),
  learningRate: positive.default(1e-6),
  /** Steps over which the learning rate grows before it stays. */
  warmupSteps: whole.default(0),
  /** How it falls after that, until the last step; absent: it does not. */
  learningRateSchedule: learningRateScheduleSchema.optional(),
  optimizer: optimizerSchema.prefault({}),
  evaluation: evaluationSchema.prefault({}),
  /** Steps between checkpoints. */
  checkpointEvery: count.default(1),
};

/** Reinforcement learning. */
export const runConfigSchema = z.strictObject({
  ...commonShape,
  method: z.string().default('tamtrl'),
  /** How rollouts are learned from; absent: `policy-gradient`. See objective.ts. */
  objective: objectiveSchema.optional(),
  reward: rewardSchema.prefault({}),
  /**
   * Whose likelihood scores the memories: the live weights, their moving average, the initial ones, or another model.
   */
  teacher: z.enum(['self', 'ema', 'frozen', 'other']).default('self'),
  /** Model folder, GGUF file or name of the teacher "other". */
  teacherModel: z.string().optional(),
  /** Per step, of the `ema` teacher. */
  emaDecay: share.default(0.99),
  groupSize: many.default(8),
  questionsPerStep: many.default(32),
  temperature: positive.default(1),
  topP: positive.max(1).default(1),
  advantage: advantageSchema.default('question-mean-std'),
  /** Rewards are summed up over the turns to come; absent: a turn earns its own reward only. See credit.ts. */
  returns: returnsSchema.optional(),
  aggregation: z.enum(AGGREGATIONS).default('token-mean'),
  turnCredit: z.enum(['share', 'split']).default('share'),
  /** Weights of memory turns and of answer turns in the loss; absent: 1. */
  turnWeights: z
    .strictObject({ memory: z.number().min(0).default(1), answer: z.number().min(0).default(1) })
    .refine(({ memory, answer }) => memory + answer > 0, 'one of the two weights must be above 0')
    .optional(),
  /** New over old probability in the loss: of each token (absent), of the sequence, or as in CISPO. See ratios.ts. */
  ratio: z.enum(['token', 'sequence', 'cispo']).optional(),
  clipLow: positive.default(0.2),
  clipHigh: positive.default(0.28),
  dualClip: positive.min(1).optional(),
  klCoefficient: z.number().min(0).default(1e-3),
  /** Of the entropy bonus: a token's loss is smaller by this times the entropy at its place, in nats; absent: 0. */
  entropyCoefficient: z.number().min(0).optional(),
  /** Updates per step: mini-batches that the rows are dealt into. */
  miniBatches: count.default(1),
  /** Times that the rows of a step are gone through. */
  epochs: count.default(1),
  /**
   * Old log-probabilities of the loss: the sampler's, or computed again; `auto` trusts the sampler if the policy is
   * exact.
   */
  oldLogProbabilities: z.enum(['auto', 'sampler', 'recompute']).default('auto'),
  /** Weighs tokens by trainer over sampler, where the two differ; absent: no. See importance.ts. */
  importanceSampling: importanceSchema.optional(),
  dynamicSampling: z
    .strictObject({
      enabled: z.boolean().default(true),
      /** Number of rounds in which groups are drawn, including the first. */
      maxRounds: count.default(2),
      /**
       * Which groups are dropped: those whose advantages are all 0 (absent), or all whose outcomes are equal, as in
       * DAPO.
       */
      criterion: z.enum(['advantage', 'outcome']).optional(),
    })
    .prefault({}),
  overlong: z
    .strictObject({
      buffer: whole.default(0),
      penalty: z.number().min(0).default(1),
      /** Leaves out of the loss what was cut off at its limit: the turn, or the whole rollout; absent: nothing. */
      filter: z.enum(['turn', 'rollout']).optional(),
    })
    .prefault({}),
  /**
   * Draw the next step's rollouts while this one trains, for policies that sample and train side by side; they are one
   * step older.
   */
  asyncRollouts: z.boolean().default(false),
  /** What a warning of the watchdog (watchdog.ts) does; absent: `warn`. `stop` ends the run, saved, with its report. */
  watchdog: z.enum(['warn', 'stop']).optional(),
  /** Rollouts written out in full, each step. */
  savedTrajectories: whole.default(1),
  /**
   * Groups kept for `tamtrl view`: all rollouts of a question with their text and the log-probability of each token.
   */
  savedGroups: z
    .strictObject({
      /** 0: none. */
      perStep: whole.default(4),
      /** Limit of the run's file, spread evenly over its steps. */
      megabytes: positive.default(64),
    })
    .prefault({}),
});

/** Supervised warm-up on ideal memories and answers. */
export const sftConfigSchema = z
  .strictObject({
    ...commonShape,
    learningRate: positive.default(1e-3),
    /** Conversations a step. */
    batchSize: many.default(64),
    /** Share of updates that show the filtered chunk instead of the whole one, so that the model can be a teacher. */
    filteredShare: share.default(0),
    /** Share of conversations that change the ideal memory, if it has any; absent: as often as they come. */
    changingShare: share.optional(),
    /**
     * Draw the kind of a change before the change, so that rare ones are practised too. News that changes nothing is
     * a kind as well.
     */
    balanceChanges: z.boolean().default(false),
    /** Last steps, over which the learning rate falls linearly to 0. */
    cooldownSteps: whole.default(0),
  })
  .refine(({ balanceChanges, changingShare }) => !balanceChanges || changingShare !== undefined, {
    path: ['balanceChanges'],
    message:
      'expected false, or changingShare beside it (for example 0.5), because it chooses among the conversations that change the memory',
  })
  .refine(({ cooldownSteps, learningRateSchedule }) => cooldownSteps === 0 || learningRateSchedule === undefined, {
    path: ['cooldownSteps'],
    message: 'expected 0, or no learningRateSchedule beside it, because both let the learning rate fall',
  });

export type RunConfig = z.output<typeof runConfigSchema>;
export type RunConfigInput = z.input<typeof runConfigSchema>;
export type SftConfig = z.output<typeof sftConfigSchema>;
export type SftConfigInput = z.input<typeof sftConfigSchema>;
export type CommonConfig = Pick<RunConfig, keyof typeof commonShape>;

/**
 * A saved configuration with the names of today, whichever version saved it; anything else as it is. Settings that its
 * version did not have get the value that does what that version did.
 */
export function inPresentNames(saved: unknown): unknown {
  return [renamedMetric, earlierReward, earlierData].reduce((config, change) => change(config), saved);
}

function renamedMetric(saved: unknown): unknown {
  const names = z.looseObject({ reward: z.looseObject({ outcome: z.looseObject({ metric: metricSchema }) }) });
  const parsed = names.safeParse(saved);
  return parsed.success ? parsed.data : saved;
}

function earlierReward(saved: unknown): unknown {
  const parsed = z.looseObject({ reward: z.looseObject({ scope: z.string() }) }).safeParse(saved);
  if (!parsed.success) return saved;
  return { ...parsed.data, reward: { scoreSpan: 'all', teacherReads: 'chunk', ...parsed.data.reward } };
}

function earlierData(saved: unknown): unknown {
  const parsed = z.looseObject({ data: z.looseObject({ kind: z.literal('mini'), seed: z.number() }) }).safeParse(saved);
  if (!parsed.success) return saved;
  return { ...parsed.data, data: { trainingSeed: parsed.data.data.seed, ...parsed.data.data } };
}

/** The same with the defaults of settings that do nothing unless they are asked for. */
export function inPresentForm(saved: unknown): unknown {
  const present = inPresentNames(saved);
  const whole = [runConfigSchema, sftConfigSchema].map((schema) => schema.safeParse(present));
  return whole.find(({ success }) => success)?.data ?? present;
}
