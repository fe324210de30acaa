/** What a step does with its rows: log-probabilities under other weights than the sampler's, then updates. */
import type { ForwardBackwardResult, OptimStepResult, ScoredRow, TrainingRow } from '../policy/types.js';
import type { RunConfig } from './config.js';
import { TrainError } from './errors.js';
import { importanceWeights } from './importance.js';
import type { Run } from './loop.js';
import type { PhaseClock } from './metrics.js';
import { imitates } from './objective.js';
import { limited, publishedLosses, type Ratio, ratioFactors } from './ratios.js';
import { comparesWithStart, INITIAL, lossOf, oldAreOfPresentWeights, recomputes } from './requirements.js';
import { assertCount, miniBatches, type Row, trainingRows } from './rows.js';

/** One mini-batch and what its update gave. */
export interface Update {
  batch: Row[];
  /** Tokens read to find the ratios of the update. */
  scored?: number;
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
    const { importanceSampling } = config;
    if (importanceSampling && old[index]) {
      row.importance = importanceWeights(old[index], row.sampledLogProbabilities, importanceSampling);
    }
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
  run: Run<RunConfig>,
  rows: readonly Row[],
  step: number,
  learningRate: number,
): Promise<Update[]> {
  const { config, policy } = run;
  const { optimizer, temperature } = config;
  const loss = lossOf(config);
  const batches = Array.from({ length: config.epochs }, (_, epoch) =>
    miniBatches(rows, config, config.seed, step, epoch),
  ).flat();
  const update = async (batch: Row[], input: TrainingRow[]): Promise<Update> => {
    const gradient = policy.forwardBackward(input, { loss, temperature });
    const [result, optim] = await Promise.all([gradient, policy.optimStep({ ...optimizer, learningRate })]);
    return { batch, result, optim };
  };
  const { ratio = 'token' } = config;
  const updates =
    ratio === 'token' || imitates(config.objective)
      ? await oneAhead(batches, (batch) => update(batch, trainingRows(batch, config)))
      : await withRatios({ run, ratio, batches, update });
  const trained = updates.reduce((sum, { result }) => sum + result.logProbabilities.length, 0);
  assertCount(rows.length * config.epochs, trained, 'trained rows');
  return updates;
}

interface RatioParts {
  run: Run<RunConfig>;
  ratio: Exclude<Ratio, 'token'>;
  batches: readonly Row[][];
  update(batch: Row[], input: TrainingRow[]): Promise<Update>;
}

/** One update after another, because each needs the log-probabilities that the one before leaves. See ratios.ts. */
async function withRatios({ run, ratio, batches, update }: RatioParts): Promise<Update[]> {
  const { config, policy, signal } = run;
  const updates: Update[] = [];
  for (const batch of batches) {
    const input = trainingRows(batch, config);
    // Before the first update, the weights may be those that the old log-probabilities are of.
    if (updates.length === 0 && oldAreOfPresentWeights(run)) {
      const first = await update(batch, input);
      const ones = input.map(({ completionIds }) => completionIds.map(() => 1));
      const present = first.result.logProbabilities.map((logProbabilities) => ({ logProbabilities }));
      const loss = first.result.loss + publishedLess(ratio, input, present, ones, config);
      updates.push({ ...first, result: { ...first.result, loss } });
      continue;
    }
    // From the first update on, the step is finished.
    const options = { temperature: config.temperature, signal: updates.length === 0 ? signal : undefined };
    const scored = await policy.score(input, options);
    const factors = scored.map(({ logProbabilities }, row) => {
      const { advantages = [], oldLogProbabilities = [] } = input[row];
      return ratioFactors(ratio, logProbabilities, oldLogProbabilities, advantages, config);
    });
    const weighed = input.map(
      (row, at): TrainingRow => ({
        ...row,
        advantages: row.advantages?.map((advantage, token) => factors[at][token] * advantage),
        oldLogProbabilities: scored[at].logProbabilities,
      }),
    );
    const done = await update(batch, weighed);
    const differences = input.map(({ oldLogProbabilities = [] }, row) =>
      oldLogProbabilities.map((old, token) => scored[row].logProbabilities[token] - old),
    );
    const metrics = { ...done.result.metrics, ...ratioMetrics(differences, factors) };
    const loss = done.result.loss + publishedLess(ratio, input, scored, factors, config);
    const read = input.reduce((sum, { promptIds, completionIds }) => sum + promptIds.length + completionIds.length, 0);
    updates.push({ ...done, result: { ...done.result, loss, metrics }, scored: read });
  }
  return updates;
}

/** What the value of the published loss has more than that of the loss with fixed factors and the same gradient. */
function publishedLess(
  ratio: Exclude<Ratio, 'token'>,
  input: readonly TrainingRow[],
  scored: readonly Pick<ScoredRow, 'logProbabilities'>[],
  factors: readonly (readonly number[])[],
  config: RunConfig,
): number {
  const ofRow = ({ advantages = [], oldLogProbabilities = [], lossWeights = [] }: TrainingRow, at: number) => {
    const { logProbabilities } = scored[at];
    const published = publishedLosses(ratio, logProbabilities, oldLogProbabilities, advantages, config);
    return published.reduce((sum, loss, token) => {
      return sum + lossWeights[token] * (loss + factors[at][token] * advantages[token]);
    }, 0);
  };
  return input.reduce((sum, row, at) => sum + ofRow(row, at), 0);
}

/**
 * Of tokens, from their differences of log-probabilities, new - old; a token is clipped if its factor is not the ratio
 * that it is made of.
 */
function ratioMetrics(differences: readonly (readonly number[])[], factors: readonly (readonly number[])[]) {
  const all = differences.flat();
  const ratios = all.map((difference) => Math.exp(limited(difference)));
  const clipped = factors.flatMap((row, at) => {
    const own = differences[at].map(limited);
    return row.map((factor, token) => isClipped(factor, own, token));
  });
  return {
    clipFraction: mean(clipped.map(Number)),
    ratioMean: mean(ratios),
    ratioMax: ratios.reduce((a, b) => Math.max(a, b), 0),
    approximateKl: -mean(all),
  };
}

function isClipped(factor: number, differences: readonly number[], token: number): boolean {
  return [differences[token], mean(differences)].every((difference) => {
    const ratio = Math.exp(difference);
    return Math.abs(factor - ratio) > 1e-6 * ratio;
  });
}

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / Math.max(1, values.length);
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
