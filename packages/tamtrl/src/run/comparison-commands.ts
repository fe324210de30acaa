/** The commands that make the parts of a comparison, each in a process of its own. */
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import { exists, makeFolder, writeWhole } from '../base/files.js';
import { given } from '../base/objects.js';
import { SETTINGS } from '../eval/evaluation.js';
import type { ReadingSettings } from '../memory/reading-settings.js';
import type { CompareConfig } from './comparison-config.js';
import { removeFailure, writeFailure } from './comparison-failures.js';
import type { PartRunner } from './comparison-jobs.js';
import { requestOf, writeCellRecord } from './comparison-parts.js';
import type { ComparisonCell, ComparisonRun } from './comparison-plan.js';
import { methodFile, trainingFile } from './comparison-settings.js';
import { writeTrainingRecord } from './comparison-trainings.js';
import type { RunFolder } from './folder.js';

/** How a command ended: what it printed, why it failed, or neither if it was interrupted. */
export interface CommandEnd {
  out?: string;
  reason?: string;
}

/** Runs a command of this program. @param log file for what it writes to stderr */
export type CommandRunner = (args: readonly string[], log: string) => Promise<CommandEnd>;

/** @param reading how methods read that are not trained */
export function partCommands(
  config: CompareConfig,
  reading: ReadingSettings | undefined,
  command: CommandRunner,
): PartRunner {
  /** Keeps the reason of a failure beside the part, for the tables. */
  const kept = async (args: readonly string[], folder: string): Promise<string | undefined> => {
    const { out, reason } = await command(args, `${folder}.log`);
    if (reason !== undefined) await writeFailure(folder, { reason });
    if (out !== undefined) await removeFailure(folder);
    return out;
  };
  return {
    train: async (run, folder) => {
      const out = await kept(await trainCommand(config, run, folder), folder.path);
      if (out !== undefined) await writeWhole(folder.file('finished'), out);
      return out !== undefined;
    },
    evaluate: async (run, cell) =>
      (await kept(await evalCommand(config, run, cell, reading), cell.folder)) !== undefined,
  };
}

async function trainCommand(config: CompareConfig, run: ComparisonRun, folder: RunFolder): Promise<string[]> {
  const { method, seed } = run;
  const { path } = folder;
  await makeFolder(dirname(path));
  const settings = `${path}.yaml`;
  await writeFile(settings, stringify(methodFile(config, method)));
  const begun = await folder.readSettings().then(
    () => true,
    () => false,
  );
  if (!begun) await writeTrainingRecord(config, run);
  const own = ['--config', settings, '--model', config.model, '--seed', String(seed)];
  const { module } = (trainingFile(config, method).reward ?? {}) as { module?: string };
  const reward = module === undefined ? [] : ['--reward', module];
  return ['train', ...(begun ? ['--resume', path, ...reward] : [...own, '--out', path])];
}

async function evalCommand(
  config: CompareConfig,
  run: ComparisonRun,
  cell: ComparisonCell,
  reading: ReadingSettings | undefined,
): Promise<string[]> {
  const { folder } = cell;
  await makeFolder(dirname(folder));
  await writeCellRecord(config, run, cell, reading);
  const { data, ...request } = requestOf(run, cell, reading);
  const args = ['eval', '--data', ...data, ...flagsOf(request), '--out', folder];
  args.push('--concurrency', String(config.concurrency));
  if (await exists(join(folder, SETTINGS))) args.push('--resume');
  return args;
}

/** "--chunk-tokens 6 --no-thinking" */
function flagsOf(request: object): string[] {
  return Object.entries(given(request)).flatMap(([name, value]) => {
    const flag = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    if (typeof value === 'boolean') return [value ? `--${flag}` : `--no-${flag}`];
    return [`--${flag}`, String(value)];
  });
}
