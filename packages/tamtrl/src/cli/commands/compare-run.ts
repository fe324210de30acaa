/**
 * Runs the missing parts of a comparison, each training and each evaluation in a separate process, and makes the
 * tables. A part that is finished is not run again; one that was interrupted continues.
 */
import { fileURLToPath } from 'node:url';
import { makeFolder } from '../../base/files.js';
import { duration } from '../../base/format.js';
import { lockFolder } from '../../base/lock.js';
import type { ReadingSettings } from '../../memory/reading-settings.js';
import { requireNamedServer } from '../../models/hosts.js';
import { serverOf } from '../../models/spec.js';
import { writeTables } from '../../report/comparison-page.js';
import { type CommandEnd, partCommands } from '../../run/comparison-commands.js';
import type { CompareConfig } from '../../run/comparison-config.js';
import { keepRefusals } from '../../run/comparison-failures.js';
import { requireComparisonFolder } from '../../run/comparison-folder.js';
import { comparisonJobs, plannedText, runJobs } from '../../run/comparison-jobs.js';
import { requireUnseenBenchmarks } from '../../run/comparison-leaks.js';
import { markFolder } from '../../run/comparison-mark.js';
import { requireSameParts, writeGenerated } from '../../run/comparison-parts.js';
import { checkSettings, type Refusals, sharedReading } from '../../run/comparison-settings.js';
import { failureText, runPart } from '../../run/part-process.js';
import { EXIT } from '../terminal/errors.js';
import type { Io } from '../terminal/io.js';
import { PART_VARIABLE } from '../terminal/parent.js';

/** The same from src/cli (tests run on what was built) and from dist/cli. */
const EXECUTABLE = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));

export interface CompareFlags {
  jobs: number;
  tablesOnly?: boolean;
  keepFailed?: boolean;
  json?: boolean;
  allowHost?: string[];
}

/** What every part needs. */
interface Surroundings {
  config: CompareConfig;
  /** Servers that the user has named: `--allow-host HOST …` */
  hosts: readonly string[];
  /** How methods read that are not trained. */
  reading: ReadingSettings | undefined;
  /** Combinations of swept settings that are left out. */
  refused: Refusals;
  keepFailed?: boolean;
  io: Io;
  signal: AbortSignal;
}

/** Returns whether every cell has been run. */
export async function runComparison(
  config: CompareConfig,
  flags: CompareFlags,
  io: Io,
  signal: AbortSignal,
): Promise<boolean> {
  const { allowHost = [], tablesOnly, keepFailed } = flags;
  let refused: Refusals = new Map();
  if (!tablesOnly) {
    requireNamedModel(config, allowHost);
    refused = await checkSettings(config);
    await requireUnseenBenchmarks(config, refused);
  }
  await requireComparisonFolder(config.out);
  await requireSameParts(config, tablesOnly ? { files: false } : {});
  if (tablesOnly) {
    await makeFolder(config.out);
    await markFolder(config.out, config.folders);
  } else {
    const unlock = await lockFolder(config.out);
    try {
      await markFolder(config.out, config.folders);
      const hosts = allowHost.flatMap((host) => ['--allow-host', host]);
      await writeGenerated(config);
      const reading = await sharedReading(config);
      await keepRefusals(config, refused);
      await runParts({ config, hosts, reading, refused, keepFailed, io, signal }, flags.jobs);
    } finally {
      await unlock();
    }
  }
  const { complete, text, summary } = await writeTables(config);
  if (flags.json) io.out(`${JSON.stringify(summary)}\n`);
  else io.out(`\n${text}\nTables  ${config.out}\n`);
  return complete;
}

/** Parts name the model on their command line, where it would count as named by the user. */
function requireNamedModel({ model, file }: CompareConfig, allowHost: readonly string[]): void {
  const origin = serverOf(model);
  if (origin !== undefined) requireNamedServer({ origin, place: `${file}: model` }, allowHost);
}

async function runParts(around: Surroundings, workers: number): Promise<void> {
  const { config, reading, refused, keepFailed, io, signal } = around;
  const parts = partCommands(config, reading, (args, log) => endOf(args, log, around));
  for (const [name, reason] of refused) io.err(`${name} is left out: ${reason}\n`);
  const jobs = await comparisonJobs(config, parts, { leave: refused, keepFailed });
  const finished = jobs.filter((job) => job.finished).length;
  if (finished < jobs.length) io.err(`${plannedText(config, refused)}.\n`);
  if (finished > 0) io.err(`${finished} of ${jobs.length} parts are finished already.\n`);
  await runJobs(jobs, {
    workers,
    signal,
    onBegin: ({ name }) => io.err(`${name} …\n`),
    onEnd: (job, { done, total, left }) => {
      if (signal.aborted) return;
      const end = job.finished ? 'done' : 'FAILED';
      io.err(`${job.name}: ${end}; ${done} of ${total}, about ${duration(left)} left\n`);
    },
  });
}

/** Runs a command of this program with --json. A failure is explained. */
async function endOf(args: readonly string[], log: string, { hosts, io, signal }: Surroundings): Promise<CommandEnd> {
  const env = { ...process.env, [PART_VARIABLE]: '1' };
  const part = { executable: EXECUTABLE, args: [...args, '--json', ...hosts], env, log, signal };
  const end = await runPart(part);
  if (end.code === EXIT.success) return { out: end.out };
  // An interruption needs no word. It may come before the part can say that it was interrupted.
  if (end.code === EXIT.interrupted || (signal.aborted && end.killedBy !== null)) return {};
  const reason = await failureText(log, end);
  io.err(`It failed: ${reason}\nIts whole output is in ${log}.\n`);
  return { reason };
}
