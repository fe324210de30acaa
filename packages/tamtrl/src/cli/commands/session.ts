/** One run on a terminal: what `train` and `sft` have in common. run/open.ts does the work. */
import { describe, systemCode } from '../../base/described.js';
import { isAbort } from '../../base/errors.js';
import { serverOf } from '../../models/spec.js';
import { closingText } from '../../report/closing-text.js';
import { type LogKind, openLog, type RunLog } from '../../report/exports/run-log.js';
import { writeReport } from '../../report/report.js';
import { jsonSummary } from '../../report/summary.js';
import { RewardError } from '../../reward/errors.js';
import { RunFolder } from '../../run/folder.js';
import { openRun, type RunEvent } from '../../run/open.js';
import { planRun, type RunPlan } from '../../run/plan.js';
import { readRun, type SavedRun } from '../../run/read.js';
import { resumedFolder } from '../../run/resumed-folder.js';
import { EXIT, exitCodeOf, UsageError } from '../terminal/errors.js';
import { Interruption } from '../terminal/interruption.js';
import type { Io } from '../terminal/io.js';
import { downloadTold } from '../terminal/models.js';
import type { RunFlags } from '../terminal/options.js';
import { RunView } from '../terminal/run-view.js';

/**
 * Runs it and shows what happens. Returns the exit code. @throws UsageError, RunError for flags that cannot be used.
 */
export async function runSession(command: RunPlan['command'], flags: RunFlags, io: Io): Promise<number> {
  const plan = await planOf(command, flags);
  const { steps, evaluation } = plan.config;
  const view = new RunView(io, { steps, evaluateEvery: evaluation.every });
  const note = (text: string) => view.note(text);
  const interruption = new Interruption(note);
  const { signal } = interruption;
  let started = false;
  let logs: RunLog[] = [];
  try {
    const options = { signal, note, onDownload: downloadTold(note), onProgress: view.tick };
    for await (const event of openRun(plan, options)) {
      started ||= event.type === 'reading' || event.type === 'started';
      if (event.type === 'started') logs = await openLogs(flags.log ?? [], plan.folder);
      if (event.type === 'step' || event.type === 'evaluation') for (const log of logs) await log.add(event.metrics);
      view.event(event);
      if (event.type === 'finished') await finish(plan, event, io, flags.json === true);
    }
    return signal.aborted ? EXIT.interrupted : EXIT.success;
  } catch (error) {
    view.end();
    // What the interruption threw, not what went wrong while saving because of it.
    if (isAbort(error, signal)) return EXIT.interrupted;
    io.err(`tamtrl: ${describe(error)}${await resumeAdvice(error, plan)}\n`);
    return exitCodeOf(error, started);
  } finally {
    interruption.dispose();
  }
}

function openLogs(kinds: readonly LogKind[], folder: string): Promise<RunLog[]> {
  return Promise.all([...new Set(kinds)].map((kind) => openLog(kind, new RunFolder(folder))));
}

/** A sentence on what was saved, after an error of the system or of a user's reward; empty for other errors. */
async function resumeAdvice(error: unknown, plan: RunPlan): Promise<string> {
  const ofReward = RewardError.isInstance(error, 'module');
  if (systemCode(error) === undefined && !ofReward) return '';
  const saved = await new RunFolder(plan.folder).hasCheckpoint().catch(() => false);
  if (!saved) return ofReward ? '' : ' Nothing was saved.';
  return ` Everything saved so far is intact: continue with ${resumeCommand(plan)}`;
}

/** A new run, or an earlier one from its folder. */
async function planOf(command: RunPlan['command'], flags: RunFlags): Promise<RunPlan> {
  const resumed = resumedFolder(flags);
  if (resumed === undefined) {
    const { out, allowHost, resume: _, json: __, log: ___, ...settings } = flags;
    return planRun({ ...settings, command, folder: out, allowHosts: allowHost });
  }
  const { steps, reward, allowHost: allowHosts } = flags;
  const plan = await planRun({ resume: resumed, steps, reward, allowHosts });
  if (plan.command === command) return plan;
  throw new UsageError(`The run in ${resumed} was started with "tamtrl ${plan.command}"; resume it with that.`);
}

/** A run that was interrupted ends like one that was not: saved, with its report. */
async function finish(
  { folder }: RunPlan,
  { summary }: Extract<RunEvent, { type: 'finished' }>,
  io: Io,
  json: boolean,
): Promise<void> {
  const run = { ...(await readRun(folder)), summary };
  await writeReport(run);
  if (json) io.out(`${JSON.stringify(jsonSummary(run))}\n`);
  else io.out(`\n${closingText(run, `${resumeCommand(run)}${hostFlags(run)}`)}`);
}

/** It has to name the file with the run's own reward. */
function resumeCommand({ command, folder, info }: Pick<RunPlan, 'command' | 'folder' | 'info'>): string {
  const reward = info.reward === undefined ? '' : ` --reward ${info.reward.file}`;
  return `tamtrl ${command} --resume ${folder}${reward}`;
}

/** Servers that the run's folder names, which a resuming command has to allow. */
function hostFlags({ config, info }: SavedRun): string {
  const models = [config.model, 'teacherModel' in config ? config.teacherModel : undefined, info.judge];
  const origins = models.map((model) => (model === undefined ? undefined : serverOf(model)));
  return [...new Set(origins)].map((origin) => (origin === undefined ? '' : ` --allow-host ${origin}`)).join('');
}
