/**
 * Supervised warm-up: conversations with ideal memories and right answers, learned by cross-entropy. A step shares
 * everything with reinforcement but what it learns from.
 */

import { SeededRandom } from '../base/random.js';
import { exampleAt } from '../data/examples.js';
import { parallelOf } from '../memory/settings.js';
import type { TrainingRow } from '../policy/types.js';
import type { SftConfig } from './config.js';
import { TrainError } from './errors.js';
import { learningRateAt } from './learning-rate.js';
import {
  type Run,
  runTraining,
  type StepResult,
  type TrainingEvent,
  type TrainingSetup,
  type TrainingSummary,
} from './loop.js';
import { PhaseClock } from './metrics.js';
import { parallelRow } from './sft-parallel.js';
import { drawnTurn, supervisedRow } from './sft-rows.js';

/** Trains on ideal memories. @throws TrainError `no-data` if an example has none. */
export function warmUp(setup: TrainingSetup<SftConfig>): AsyncGenerator<TrainingEvent, TrainingSummary> {
  return runTraining(setup, {
    kind: 'supervised',
    prepare: async ({ policy }) => {
      if (policy.capabilities.train) return [];
      throw new TrainError('capability', `${policy.name} cannot be trained, because its weights are not accessible.`);
    },
    step: learn,
  });
}

/** The next step's rows, for each run. */
const PREPARED = new WeakMap<Run<SftConfig>, { position: number; rows: Promise<TrainingRow[]> }>();

function prepare(run: Run<SftConfig>, position: number): void {
  const rows = rowsAt(run, position);
  // Whoever takes the rows meets the error; a run that ends before has no use for it.
  rows.catch(() => {});
  PREPARED.set(run, { position, rows });
}

function prepared(run: Run<SftConfig>, position: number): Promise<TrainingRow[]> {
  const next = PREPARED.get(run);
  PREPARED.delete(run);
  return next?.position === position ? next.rows : rowsAt(run, position);
}

/** One turn of each of `batchSize` examples: more different questions in a batch than all turns of a few. */
function rowsAt(run: Run<SftConfig>, first: number): Promise<TrainingRow[]> {
  const { config } = run;
  return Promise.all(
    Array.from({ length: config.batchSize }, async (_, at) => {
      const position = first + at;
      const example = await exampleAt(run.train, config.seed, position);
      const random = new SeededRandom('sft', config.seed, position);
      const parallel = parallelOf(config.memory);
      if (parallel) return parallelRow(example, parallel, random, config.filteredShare, run);
      const turn = drawnTurn(example, config, random);
      return supervisedRow(example, turn, random.next() < config.filteredShare, run);
    }),
  );
}

async function learn(run: Run<SftConfig>, step: number): Promise<StepResult> {
  const { config, policy } = run;
  const clock = new PhaseClock();
  const rows = await clock.time('rollout', () => prepared(run, run.state.position));
  const learningRate = learningRateAt(step, config);
  const learned = clock.time('train', () => policy.forwardBackward(rows, { loss: { kind: 'cross-entropy' } }));
  // The model works in a thread of its own; meanwhile, this one prepares the next step.
  if (step < config.steps) prepare(run, run.state.position + config.batchSize);
  const result = await learned;
  const optim = await clock.time('train', () => policy.optimStep({ ...config.optimizer, learningRate }));
  return {
    metrics: {
      kind: 'sft',
      step,
      learning_rate: learningRate,
      loss: result.loss,
      entropy: result.metrics.entropy,
      gradient_norm: optim.gradientNorm,
      skipped_updates: Number(optim.skipped),
      rows: rows.length,
      tokens: { prompt: 0, sampled: 0, scored: 0, trained: result.metrics.totalTokens },
      seconds: { ...clock.seconds },
    },
    position: run.state.position + config.batchSize,
    trajectories: [],
  };
}
