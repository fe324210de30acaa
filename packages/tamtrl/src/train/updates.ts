/** What a step does with its rows: log-probabilities under other weights than the sampler's, then updates. */
import type { ForwardBackwardResult, OptimStepResult } from '../policy/types.js';
import type { RunConfig } from './config.js';
import { TrainError } from './errors.js';
import type { Run } from './loop.js';
import type { PhaseClock } from './metrics.js';
import { imitates } from './objective.js';
import { comparesWithStart, INITIAL, lossOf, recomputes } from './requirements.js';
import { assertCount, miniBatches, type Row, trainingRows } from './rows.js';

/** One mini-batch and what its update gave. */
export interface Update {
  batch: Row[];
  result: ForwardBackwardResult;
  optim: OptimStepResult;
}

/**
 * Gives each row the log-probabilities that the loss needs: those of the initial weights for the KL term, and the old
 * ones of the ratio, which are the sampler's or computed again. Returns how often the rows were scored.
 */
export async function addLogProbabilities(
  run: Run<RunConfig>,
  rows: readonly Row[],
  clock: PhaseClock,
): Promise<number> {
  const { config, policy, signal } = run;
  const { temperature } = config;
  const inputs = rows.map(({ promptIds, completionIds }) => ({ promptIds, completionIds }));
  const score = async (weights?: string) => {
    const scored = await clock.time('score', () => policy.score(inputs, { temperature, weights, signal }));
    return scored.map(({ logProbabilities }) => logProbabilities);
  };
  const references = comparesWithStart(config) ? await score(INITIAL) : [];
  const old = recomputes(run) ? await score() : [];
  rows.forEach((row, index) => {
    row.referenceLogProbabilities = references[index];
    row.oldLogProbabilities = old[index] ?? row.sampledLogProbabilities;
  });
  if (old.length === 0 && !imitates(config.objective)) requireSampled(run, rows);
  return (references.length > 0 ? 1 : 0) + (old.length > 0 ? 1 : 0);
}

/** @throws TrainError `capability` if the sampler left out a log-probability that the loss takes from it. */
function requireSampled({ config, policy }: Run<RunConfig>, rows: readonly Row[]): void {
  if (!rows.some(({ sampledLogProbabilities }) => sampledLogProbabilities.some(Number.isNaN))) return;
  const change = config.asyncRollouts ? 'asyncRollouts to false' : 'oldLogProbabilities to "recompute"';
  throw new TrainError(
    'capability',
    `${policy.name} leaves the stop token out of its samples, so its sampled log-probability is unknown, but the loss needs it. Set ${change}.`,
  );
}

/** `epochs` passes over the rows, each in `miniBatches` updates. @throws TrainError `row-count` if rows got lost. */
export async function updateWeights(
  { config, policy }: Run<RunConfig>,
  rows: readonly Row[],
  step: number,
  learningRate: number,
): Promise<Update[]> {
  const { optimizer, aggregation, turnCredit, temperature } = config;
  const loss = lossOf(config);
  const batches = Array.from({ length: config.epochs }, (_, epoch) =>
    miniBatches(rows, config.miniBatches, config.seed, step, epoch),
  ).flat();
  const updates = await oneAhead(batches, async (batch): Promise<Update> => {
    const input = trainingRows(batch, aggregation, turnCredit);
    const gradient = policy.forwardBackward(input, { loss, temperature });
    const [result, optim] = await Promise.all([gradient, policy.optimStep({ ...optimizer, learningRate })]);
    return { batch, result, optim };
  });
  const trained = updates.reduce((sum, { result }) => sum + result.logProbabilities.length, 0);
  assertCount(rows.length * config.epochs, trained, 'trained rows');
  return updates;
}

/**
 * Works on all items in their order. The next begins before the last has ended, so that a server never waits for us.
 */
async function oneAhead<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let last: Promise<R> | undefined;
  for (const item of items) {
    const next = work(item);
    // If the last one fails, this one is never awaited.
    next.catch(() => undefined);
    if (last) results.push(await last);
    last = next;
  }
  if (last) results.push(await last);
  return results;
}
