/** One run from opening the model to the report: what `train` and `sft` have in common. */
import { join } from 'node:path';
import { alignedTable, count, duration } from '../../base/format.js';
import type { ExampleSource } from '../../data/examples.js';
import { judged } from '../../data/relevance.js';
import { serverOf } from '../../models/spec.js';
import { LocalPolicy } from '../../policy/local.js';
import { isTrainable } from '../../policy/trainable.js';
import type { Policy, TrainablePolicy } from '../../policy/types.js';
import { writeReport } from '../../report/report.js';
import { comparisonRows, costRows, type FinishedRun, jsonSummary, stepsOf } from '../../report/summary.js';
import { methodNamed } from '../../reward/methods.js';
import { relevanceJudge } from '../../reward/relevance-judge.js';
import { checkWarmUp, warnings } from '../../run/checks.js';
import { type RunInfo, readMetrics, readReadings, writeConfig, writeInfo, writeReadings } from '../../run/info.js';
import {
  type HeldOutReadings,
  type Reading,
  readHeldOut,
  readingText,
  selectionText,
  telling,
} from '../../run/readings.js';
import { openSources } from '../../run/sources.js';
import type { RunConfig, SftConfig } from '../../train/config.js';
import type { TrainingEvent, TrainingSetup, TrainingSummary } from '../../train/loop.js';
import { train } from '../../train/reinforce.js';
import { warmUp } from '../../train/sft.js';
import { describe, EXIT, exitCodeOf, UsageError } from '../terminal/errors.js';
import { Interruption } from '../terminal/interruption.js';
import type { Io } from '../terminal/io.js';
import { openForCommand } from '../terminal/models.js';
import { Progress } from '../terminal/progress.js';

interface CommonLaunch {
  info: RunInfo;
  folder: string;
  resume: boolean;
  /** It is resumed, but was killed before its first checkpoint. */
  restart?: boolean;
  json: boolean;
  /** Servers that the user has named. */
  allowHosts: readonly string[];
}

export type Launch = CommonLaunch & ({ command: 'train'; config: RunConfig } | { command: 'sft'; config: SftConfig });

/** Runs it and tells about it. Returns the exit code; never throws. */
export async function runSession(launch: Launch, io: Io): Promise<number> {
  const { steps, evaluation } = launch.config;
  const progress = new Progress(io, { steps, evaluateEvery: evaluation.every });
  const interruption = new Interruption((text) => progress.note(text));
  const session = new Session(launch, io, progress, interruption.signal);
  try {
    await session.run();
    return interruption.signal.aborted ? EXIT.interrupted : EXIT.success;
  } catch (error) {
    progress.end();
    if (isInterruption(error, interruption.signal)) return EXIT.interrupted;
    io.err(`tamtrl: ${describe(error)}\n`);
    return exitCodeOf(error, session.started);
  } finally {
    interruption.dispose();
    await session.close();
  }
}

/** @throws UsageError for a model that can be asked but not trained. */
function trainable(policy: Policy): TrainablePolicy {
  if (isTrainable(policy)) return policy;
  throw new UsageError(
    `${policy.name} cannot be trained: its weights are out of reach. Take a local model, or a training server (tinker:URL#MODEL).`,
  );
}

/** What the interruption threw, not what went wrong while saving because of it. */
function isInterruption(error: unknown, signal: AbortSignal): boolean {
  if (!signal.aborted) return false;
  return error === signal.reason || (error instanceof Error && 'kind' in error && error.kind === 'aborted');
}

class Session {
  started = false;
  readonly #launch: Launch;
  readonly #io: Io;
  readonly #progress: Progress;
  readonly #signal: AbortSignal;
  readonly #policies: Policy[] = [];
  #readings: HeldOutReadings = { before: [] };

  constructor(launch: Launch, io: Io, progress: Progress, signal: AbortSignal) {
    this.#launch = launch;
    this.#io = io;
    this.#progress = progress;
    this.#signal = signal;
  }

  async close(): Promise<void> {
    await Promise.all(this.#policies.map((policy) => policy.close()));
  }

  /** A run that was interrupted ends like one that was not: saved, with its report. */
  async run(): Promise<void> {
    const { config, info, folder } = this.#launch;
    const policy = trainable(await this.#open(config.model));
    const size = policy instanceof LocalPolicy ? `${count(policy.engine.parameters)} parameters, ` : '';
    this.#progress.note(
      `${config.model}: ${size}window ${count(policy.contextLength)} tokens; method ${info.method}, seed ${config.seed}`,
    );
    const { setup, events } = await this.#prepare(policy);
    let next = await events.next();
    while (!next.done) {
      if (next.value.type === 'started') await this.#begin(setup, next.value);
      this.#progress.event(next.value);
      next = await events.next();
    }
    const summary = next.value;
    if (summary.reason !== 'stopped') await this.#readAfter(policy, setup);
    this.#progress.end();
    const finished: FinishedRun = {
      ...{ info, seed: config.seed, folder, summary },
      checkpoint: join(folder, 'checkpoints', 'final'),
      metrics: await readMetrics(folder),
    };
    await writeReport(finished, this.#readings);
    this.#tell(finished);
  }

  async #open(model: string): Promise<Policy> {
    const { config, info, allowHosts } = this.#launch;
    const { seed, thinking } = config;
    const note = (text: string) => this.#progress.note(text);
    const flags = { thinking, tokenizer: info.tokenizer, allowHost: allowHosts };
    const policy = await openForCommand(model, flags, { note, signal: this.#signal, seed });
    this.#policies.push(policy);
    this.#signal.throwIfAborted();
    return policy;
  }

  /** Questions, checks, and what the method needs; nothing is written yet. */
  async #prepare(policy: TrainablePolicy): Promise<{
    setup: TrainingSetup<RunConfig | SftConfig>;
    events: AsyncGenerator<TrainingEvent, TrainingSummary>;
  }> {
    const launch = this.#launch;
    const { config, info, folder, resume, restart } = launch;
    const method = launch.command === 'train' ? methodNamed(launch.config.method) : undefined;
    const needsRelevance = method?.requires.relevance ?? false;
    const judge = info.judge === undefined ? undefined : await this.#open(info.judge);
    const ask = judge && relevanceJudge(judge, { signal: this.#signal });
    const sources = await openSources(config, policy.tokenizer, {
      needsRelevance,
      judged: ask && ((record) => judged(record, ask)),
    });
    if (launch.command === 'sft') await checkWarmUp(sources);
    if (restart) this.#progress.note(`Nothing was saved in ${folder} before the run ended: it starts again.`);
    for (const warning of await warnings(sources, config)) this.#progress.note(`Warning: ${warning}`);
    const { train: questions, heldOut } = sources;
    const parts = { policy, train: questions, heldOut, folder, info, resume, signal: this.#signal };
    const common = { ...parts, onProgress: this.#progress.tick };
    if (launch.command === 'sft') {
      const setup = { ...common, config: launch.config };
      return { setup, events: warmUp(setup) };
    }
    const { teacherModel } = launch.config;
    const teacher = teacherModel === undefined ? undefined : await this.#open(teacherModel);
    const openCopy = () => this.#open(config.model);
    const note = (text: string) => this.#progress.note(text);
    const setup = { ...common, config: launch.config, judge, teacher, openCopy, note };
    return { setup, events: train(setup) };
  }

  /** The run's folder is there and the weights are the initial ones, or those of the checkpoint. */
  async #begin(
    { policy, heldOut }: TrainingSetup<RunConfig | SftConfig>,
    { resumed, step }: { resumed: boolean; step: number },
  ): Promise<void> {
    const { info, folder, config } = this.#launch;
    this.started = true;
    if (resumed) {
      // Earlier versions may not have come to it.
      await writeInfo(folder, info);
      // Another number of steps is the run's own from now on.
      await writeConfig(folder, config);
      this.#readings = await readReadings(folder);
      // A run that was killed before it had written them still has its initial weights.
      if (this.#readings.before.length > 0 || step > 0) return;
    }
    const before = await this.#read(policy, heldOut);
    if (!before) return;
    this.#readings = { before };
    await writeReadings(folder, this.#readings);
  }

  async #readAfter(policy: Policy, { heldOut }: Pick<TrainingSetup<RunConfig>, 'heldOut'>): Promise<void> {
    const after = await this.#read(policy, heldOut);
    if (!after) return;
    this.#readings = { ...this.#readings, after };
    await writeReadings(this.#launch.folder, this.#readings);
  }

  /** Undefined if it was interrupted: the report does without. */
  async #read(policy: Policy, heldOut: ExampleSource): Promise<Reading[] | undefined> {
    this.#progress.note('Reading held-out questions for the report.');
    try {
      return await readHeldOut(policy, heldOut, this.#launch.config, this.#signal);
    } catch (error) {
      if (!this.#signal.aborted) throw error;
      return undefined;
    }
  }

  #tell(run: FinishedRun): void {
    const { json, folder } = this.#launch;
    if (json) {
      this.#io.out(`${JSON.stringify(jsonSummary(run))}\n`);
      return;
    }
    const cost = costRows(stepsOf(run.metrics));
    const { summary, checkpoint } = run;
    const { step } = summary.state;
    const parts = [
      alignedTable(comparisonRows(run)),
      ...this.#examples(),
      `${count(step)} ${step === 1 ? 'step' : 'steps'} in ${duration(summary.seconds)}, evaluation included\n`,
      ...(step > 0 ? [alignedTable(cost.seconds), alignedTable(cost.tokens)] : []),
      `Checkpoint  ${checkpoint}\nReport      ${join(folder, 'report.md')}\n`,
    ];
    if (summary.reason === 'stopped') {
      parts.push(`Go on with  tamtrl ${this.#launch.command} --resume ${folder}${this.#hostFlags()}\n`);
    }
    this.#io.out(`\n${parts.join('\n')}`);
  }

  /** Servers that the run's folder will name and a resuming command has to allow. */
  #hostFlags(): string {
    const { config, info } = this.#launch;
    const specs = [config.model, 'teacherModel' in config ? config.teacherModel : undefined, info.judge];
    const origins = specs.map((spec) => (spec === undefined ? undefined : serverOf(spec)));
    return [...new Set(origins)].map((origin) => (origin === undefined ? '' : ` --allow-host ${origin}`)).join('');
  }

  #examples(): string[] {
    const { before, after } = this.#readings;
    const [at] = telling(this.#readings, 1);
    if (at === undefined) return [];
    const shown = [`Example. ${selectionText(this.#readings)}\n`, `Before training\n${readingText(before[at])}`];
    if (after) shown.push(`After training\n${readingText(after[at])}`);
    return shown;
  }
}
