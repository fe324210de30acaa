/** `tamtrl export`: a run in forms that other programs, or other people, can open. */
import { mkdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Argument, type Command } from 'commander';
import { writeWhole } from '../../base/files.js';
import { requireFreeFile } from '../../data/files/output.js';
import { csv } from '../../report/comparison.js';
import { metricsTable } from '../../report/exports/csv.js';
import { writeEventFolder, writeSummaryFolder } from '../../report/exports/write.js';
import { RunFolder } from '../../run/folder.js';
import { runPage } from '../../view/page.js';
import { RunSource } from '../../view/run-source.js';
import { EXIT } from '../terminal/errors.js';
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
    .option('--out <path>', 'file to write; for tensorboard and rollout-summaries, a folder')
    .option('--overwrite', 'replace the file if it exists')
    .addHelpText('after', `\nFormats:\n${list.join('\n')}`)
    .action(async (format: Format, run: string, flags: ExportFlags) =>
      exit(await runInterruptible(io, () => runExport(format, run, flags, io))),
    );
}

/** @throws RunError if the path holds something else, or the folder holds no run; DataError for a file in the way. */
async function runExport(format: Format, run: string, { out, overwrite }: ExportFlags, io: Io): Promise<number> {
  const folder = new RunFolder(run);
  await folder.readSettings();
  const path = out ?? defaultPath(format, run);
  if (format === 'rollout-summaries') await writeSummaryFolder(folder, path);
  else if (format === 'tensorboard') await writeEventFolder(folder, path);
  else {
    await requireFreeFile(path, overwrite);
    await mkdir(dirname(path), { recursive: true });
    await writeWhole(
      path,
      format === 'csv' ? csv(metricsTable(await folder.readMetrics())) : await runPage(new RunSource('run', run)),
    );
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
