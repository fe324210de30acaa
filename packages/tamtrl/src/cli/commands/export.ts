/** `tamtrl export`: a run in forms that other programs, or other people, can open. */
import { mkdir, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Argument, type Command } from 'commander';
import { exists, writeWhole } from '../../base/files.js';
import { entriesOf, requireFreeFile } from '../../data/files/output.js';
import { csv } from '../../report/comparison.js';
import { metricsTable } from '../../report/exports/csv.js';
import { rolloutSummaries } from '../../report/exports/rollout-summaries.js';
import { eventFile } from '../../report/exports/run-log.js';
import { eventFileName } from '../../report/exports/tensorboard.js';
import { RunFolder } from '../../run/folder.js';
import { jsonLines } from '../../run/metrics-file.js';
import { runPage } from '../../view/page.js';
import { RunSource } from '../../view/run-source.js';
import { EXIT, UsageError } from '../terminal/errors.js';
import { runInterruptible } from '../terminal/interruptible.js';
import type { Io } from '../terminal/io.js';
import { GROUPS } from '../terminal/options.js';

const FORMATS = {
  html: 'one HTML file with curves, rollouts and readings, which opens without tamtrl',
  csv: 'the numbers of every step and evaluation as a table',
  tensorboard: 'the same as an event file of TensorBoard',
  'rollout-summaries': "kept rollouts as tinker-cookbook's rollout summaries, a folder for each step",
} as const;

type Format = keyof typeof FORMATS;

interface ExportFlags {
  out?: string;
  overwrite?: boolean;
}

export function addExportCommand(program: Command, io: Io, exit: (code: number) => void): void {
  const names = Object.keys(FORMATS);
  const width = Math.max(...names.map(({ length }) => length));
  const list = Object.entries(FORMATS).map(([name, what]) => `  ${name.padEnd(width)}  ${what}`);
  program
    .command('export')
    .description('write a run in a form that other programs, or other people, can open')
    .addArgument(new Argument('<format>', 'listed below').choices(names))
    .argument('<run>', 'folder of the run')
    .optionsGroup(GROUPS.output)
    .option('--out <path>', 'file to write; of tensorboard and rollout-summaries a folder')
    .option('--overwrite', 'replace the file if it is there')
    .addHelpText('after', `\nFormats:\n${list.join('\n')}`)
    .action(async (format: Format, run: string, flags: ExportFlags) =>
      exit(await runInterruptible(io, () => runExport(format, run, flags, io))),
    );
}

/** @throws UsageError if the path holds something else, RunError if the folder holds no run. */
async function runExport(format: Format, run: string, { out, overwrite }: ExportFlags, io: Io): Promise<number> {
  const folder = new RunFolder(run);
  await folder.readSettings();
  const path = out ?? defaultPath(format, run);
  if (format === 'rollout-summaries') await writeSummaries(folder, path);
  else if (format === 'tensorboard') await writeEvents(folder, path);
  else {
    await requireFreeFile(path, overwrite);
    await mkdir(dirname(path), { recursive: true });
    await writeWhole(path, format === 'csv' ? csv(metricsTable(await folder.readMetrics())) : await htmlOf(run));
  }
  io.out(`${path}\n`);
  return EXIT.success;
}

function defaultPath(format: Format, run: string): string {
  if (format === 'html') return `${basename(run)}.html`;
  return join(
    run,
    { csv: 'metrics.csv', tensorboard: 'tensorboard', 'rollout-summaries': 'rollout-summaries' }[format],
  );
}

async function htmlOf(run: string): Promise<string> {
  return runPage(new RunSource('run', run));
}

async function writeEvents(folder: RunFolder, place: string): Promise<void> {
  const lines = await folder.readMetrics();
  const others = (await entriesOf(place)).filter((name) => !name.includes('tfevents'));
  if (others.length > 0) {
    throw new UsageError(`--out: ${place} holds something else (${others[0]}). Name a new folder for the event file.`);
  }
  for (const name of await entriesOf(place)) await rm(join(place, name));
  await mkdir(place, { recursive: true });
  const { mtimeMs } = await stat(folder.file('metrics'));
  await writeWhole(join(place, eventFileName(new Date(mtimeMs))), eventFile(lines, mtimeMs));
}

async function writeSummaries(folder: RunFolder, place: string): Promise<void> {
  const groups = await folder.readGroups();
  if (groups.length === 0) {
    throw new UsageError(
      `${folder.path} keeps no groups of rollouts: an earlier version wrote it, or savedGroups.perStep is 0.`,
    );
  }
  const files = rolloutSummaries(groups);
  if (await exists(join(place, files[0].path))) {
    throw new UsageError(`--out: ${place} holds rollout summaries already. Name a new folder, or remove them.`);
  }
  for (const { path, lines } of files) {
    await mkdir(dirname(join(place, path)), { recursive: true });
    await writeWhole(join(place, path), jsonLines(lines));
  }
}
