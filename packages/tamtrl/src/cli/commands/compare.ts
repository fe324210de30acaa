/** `tamtrl compare`: methods x seeds x benchmarks from one file. */
import type { Command } from 'commander';
import { readCompareConfig } from '../../run/comparison-config.js';
import { EXIT } from '../terminal/errors.js';
import { runInterruptible } from '../terminal/interruptible.js';
import type { Io } from '../terminal/io.js';
import { addHostOption, GROUPS, JSON_OPTION, wholeNumber } from '../terminal/options.js';
import { type CompareFlags, runComparison } from './compare-run.js';

export function addCompareCommand(program: Command, io: Io, exit: (code: number) => void): void {
  const command = program
    .command('compare')
    .description('train and evaluate several methods with several seeds, and tabulate the results')
    .argument('<file>', 'YAML file that lists methods, seeds and benchmarks');
  addHostOption(command.optionsGroup(GROUPS.model))
    .optionsGroup(GROUPS.settings)
    .option('--jobs <n>', 'number of processes to run at the same time', wholeNumber(1), 1)
    .option('--keep-failed', 'do not run again what has failed')
    .optionsGroup(GROUPS.output)
    .option('--tables-only', 'only remake the tables from the results so far')
    .option(...JSON_OPTION)
    .action(async (file: string, flags: CompareFlags) => {
      const notice = 'Saving and stopping. The same command continues from here. Press Ctrl-C again to quit at once.';
      const work = async (signal: AbortSignal, started: () => void) => {
        const config = await readCompareConfig(file);
        started();
        const complete = await runComparison(config, flags, io, signal);
        if (signal.aborted) return EXIT.interrupted;
        return complete ? EXIT.success : EXIT.failure;
      };
      exit(await runInterruptible(io, work, notice));
    });
}
