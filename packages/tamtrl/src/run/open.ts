/**
 * One run from its settings to its end: opens models and data, checks them, trains, and reads held-out questions before
 * and after. Prints nothing: what happens is reported as events. Writing a report is left to the caller
 * (report/report.ts).
 */
import type { RelevanceSource } from '../data/examples.js';
import { judged } from '../data/relevance.js';
import { PromptFrames } from '../memory/frames.js';
import { promptFormatNamed } from '../memory/prompts.js';
import { type OpenOptions, openModel } from '../models/open.js';
import { LocalPolicy } from '../policy/local.js';
import { isTrainable } from '../policy/trainable.js';
import type { Policy, TrainablePolicy } from '../policy/types.js';
import type { RewardMethod } from '../reward/method.js';
import { chosenMethod } from '../reward/methods.js';
import { rewardParts } from '../reward/own-reward.js';
import { readingRelevance } from '../reward/reading-relevance.js';
import { relevanceJudge } from '../reward/relevance-judge.js';
import { checkCombinations } from '../train/combinations.js';
import { inPresentForm } from '../train/config.js';
import type { RunProgress, TrainingEvent, TrainingSummary } from '../train/loop.js';
import { train } from '../train/reinforce.js';
import { warmUp } from '../train/sft.js';
import { checkWarmUp, warnings } from './checks.js';
import { RunError } from './errors.js';
import { RunFolder } from './folder.js';
import { planRun, type ResumeSettings, type RunPlan, type RunSettings } from './plan.js';
import { type Reading, readHeldOut } from './readings.js';
import type { EarlierSplit } from './record-sets.js';
import { openSources, type Sources } from './sources.js';

export interface RunOptions {
  /** Stops the run after saving; the current step is lost unless it is already updating the weights. */
  signal?: AbortSignal;
  /** Called repeatedly within long calls. */
  onProgress?: (progress: RunProgress) => void;
  /** Called for each file that is downloaded. */
  onDownload?: (file: string) => void;
  /** Receives sentences about what a reward method prepares, and about servers that are slow or particular. */
  note?: (text: string) => void;
}

export type RunEvent =
  | { type: 'opened'; plan: RunPlan; model: ModelFacts }
  /** The run was to be resumed, but nothing had been saved: it starts again. */
  | { type: 'restarted'; folder: string }
  /** Something to know before the run starts; it does not stop the run. */
  | { type: 'warning'; text: string }
  /** Held-out questions are about to be read: before the first step, or after the last. */
  | { type: 'reading'; when: 'before' | 'after' }
  | TrainingEvent;

export interface ModelFacts {
  /** As it was named. */
  name: string;
  /** Of a model on this machine. */
  parameters?: number;
  /** Of its adapter, or all. */
  trainedParameters?: number;
  /** In tokens. */
  contextLength: number;
}

/**
 * Runs it to its end. The last event is `finished`, whose summary is also the generator's return value. To leave the
 * loop early is safe: the models are closed, and what was saved stays.
 * @throws RunError, ModelError, DataError, TrainError, RewardError, ... before anything is written, if settings, models
 *   and data do not fit together.
 */
export async function* openRun(
  run: RunSettings | ResumeSettings | RunPlan,
  options: RunOptions = {},
): AsyncGenerator<RunEvent, TrainingSummary> {
  const plan = 'info' in run ? run : await planRun(run);
  if (plan.resumed) {
    // Report a damaged file before a model is opened and hours are spent, not after.
    const folder = new RunFolder(plan.folder);
    await folder.loadCheckpoint();
    await folder.readReadings();
  }
  // Again in training, for programs that open their own model.
  if (plan.command === 'train') checkCombinations(plan.config, methodOf(plan));
  const models = new Models(plan, options);
  try {
    const policy = trainable(await models.openTrained());
    yield { type: 'opened', plan, model: factsOf(plan.config.model, policy) };
    const judge = plan.info.judge === undefined ? undefined : await models.open(plan.info.judge);
    // Its weights stay as they are, so that a resumed run has the same marks.
    const marker = plan.config.relevance === 'policy' ? (judge ?? (await models.open(plan.config.model))) : judge;
    const sources = await sourcesOf(plan, policy, marker, options);
    if (plan.restarted) yield { type: 'restarted', folder: plan.folder };
    if (plan.rewardChanged) yield { type: 'warning', text: changedText(plan) };
    for (const text of await warnings(sources, plan.config)) yield { type: 'warning', text };
    const events = await trainingOf(plan, { policy, judge, sources, models, options });
    return yield* withReadings(plan, events, { policy, sources, options });
  } finally {
    await models.close();
  }
}

/** The models of a run, which end with it. */
class Models {
  readonly #plan: RunPlan;
  readonly #options: RunOptions;
  readonly #open: Policy[] = [];

  constructor(plan: RunPlan, options: RunOptions) {
    this.#plan = plan;
    this.#options = options;
  }

  /** The model that is trained, or a copy of it: with a new adapter, if the settings ask for one. */
  openTrained(): Promise<Policy> {
    const { model, adapter, samplingPrecision: precision } = this.#plan.config;
    return this.open(model, { adapter, precision });
  }

  async open(address: string, own: Pick<OpenOptions, 'adapter' | 'precision'> = {}): Promise<Policy> {
    const { seed, thinking } = this.#plan.config;
    const { signal, note, onDownload } = this.#options;
    const { info, allowHosts } = this.#plan;
    const { tokenizer } = info;
    const policy = await openModel(address, {
      ...own,
      seed,
      thinking,
      tokenizer,
      allowHosts,
      signal,
      note,
      onDownload,
    });
    this.#open.push(policy);
    signal?.throwIfAborted();
    return policy;
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.map((policy) => policy.close()));
  }
}

/** @throws RunError `capability` for a model that can be asked but not trained. */
function trainable(policy: Policy): TrainablePolicy {
  if (isTrainable(policy)) return policy;
  throw new RunError(
    'capability',
    `${policy.name} cannot be trained, because its weights are not accessible. Use a local model or a training server (tinker:URL#MODEL).`,
  );
}

function factsOf(name: string, policy: Policy): ModelFacts {
  if (!(policy instanceof LocalPolicy)) return { name, contextLength: policy.contextLength };
  const { parameters, trainedParameters } = policy.engine;
  return { name, parameters, trainedParameters, contextLength: policy.contextLength };
}

function changedText({ info }: RunPlan): string {
  return `${info.reward?.file} is not what it was when the run was started: its first steps had other rewards.`;
}

function methodOf({ reward, method, config }: Extract<RunPlan, { command: 'train' }>): RewardMethod {
  const own = reward && rewardParts(reward, 0).method;
  return own ?? chosenMethod(method ?? config.method);
}

async function sourcesOf(
  plan: RunPlan,
  { tokenizer }: Policy,
  marker: Policy | undefined,
  { signal }: RunOptions,
): Promise<Sources> {
  const method = plan.command === 'train' ? methodOf(plan) : undefined;
  const sources = await openSources(plan.config, tokenizer, {
    ...(await earlierSplit(plan)),
    signal,
    needsRelevance: method?.requires.relevance ?? false,
    judged: marker && marksBy(marker, plan.config, signal),
  });
  if (plan.command === 'sft') await checkWarmUp(sources);
  return sources;
}

/** What a model marks as relevant: in its own terms, as it reads, or in answer to a judge's prompt. */
function marksBy(marker: Policy, { relevance, memory }: RunPlan['config'], signal?: AbortSignal): RelevanceSource {
  if (relevance === 'policy') {
    const frames = new PromptFrames(marker, promptFormatNamed(memory.prompts));
    return readingRelevance(marker, { frames, budgets: memory, signal });
  }
  const ask = relevanceJudge(marker, { signal });
  return (record) => judged(record, ask);
}

/** The split of a resumed run; a run that has not saved anything makes a new one. */
async function earlierSplit(plan: RunPlan): Promise<EarlierSplit> {
  if (!plan.resumed) return {};
  const folder = new RunFolder(plan.folder);
  const split = await folder.readSplit();
  if (split) return { split };
  // The settings in the folder may have been changed since; those of the checkpoint are what the run was made with.
  const { config } = await folder.loadCheckpoint();
  const { evaluation = plan.config.evaluation } = inPresentForm(config) as Partial<RunPlan['config']>;
  return { formerQuestions: evaluation.questions };
}

interface Parts {
  policy: TrainablePolicy;
  judge: Policy | undefined;
  sources: Sources;
  models: Models;
  options: RunOptions;
}

async function trainingOf(
  plan: RunPlan,
  { policy, judge, sources, models, options }: Parts,
): Promise<AsyncGenerator<TrainingEvent, TrainingSummary>> {
  const { signal, onProgress, note } = options;
  const { train: questions, heldOut } = sources;
  const store = new RunFolder(plan.folder, plan.info, sources.split);
  const common = { policy, train: questions, heldOut, store, resume: plan.resumed, signal, onProgress };
  if (plan.command === 'sft') return warmUp({ ...common, config: plan.config });
  const { config, method, reward } = plan;
  const teacher = config.teacherModel === undefined ? undefined : await models.open(config.teacherModel);
  const openCopy = () => models.openTrained();
  return train({ ...common, config, method, reward, judge, teacher, openCopy, note });
}

/** The events of a training, with held-out questions read before the first step and after the last. */
async function* withReadings(
  plan: RunPlan,
  events: AsyncGenerator<TrainingEvent, TrainingSummary>,
  { policy, sources, options }: Pick<Parts, 'policy' | 'sources' | 'options'>,
): AsyncGenerator<RunEvent, TrainingSummary> {
  const { signal } = options;
  const folder = new RunFolder(plan.folder);
  /** Undefined if it was interrupted: the run does without. */
  const read = async (): Promise<Reading[] | undefined> => {
    try {
      return await readHeldOut(policy, sources.heldOut, plan.config, signal);
    } catch (error) {
      if (!signal?.aborted) throw error;
      return undefined;
    }
  };
  let summary: TrainingSummary | undefined;
  for await (const event of events) {
    if (event.type === 'started') {
      if (event.resumed) {
        // Earlier versions may have been killed before they wrote it.
        await folder.writeInfo(plan.info);
        // Another number of steps is the run's own from now on.
        await folder.writeConfig(plan.config);
        if (sources.split) await folder.writeSplit(sources.split);
      }
      // A run that was killed before it had read them still has its initial weights.
      if (event.step === 0 && (await folder.readReadings()).before.length === 0) {
        yield { type: 'reading', when: 'before' };
        const before = await read();
        if (before) await folder.writeReadings({ before });
      }
    }
    if (event.type === 'finished') {
      summary = event.summary;
      if (summary.reason !== 'stopped') {
        yield { type: 'reading', when: 'after' };
        const after = await read();
        if (after) await folder.writeReadings({ ...(await folder.readReadings()), after });
      }
    }
    yield event;
  }
  if (!summary) throw new Error('A training ended without a summary.');
  return summary;
}
