/** `tamtrl compare`: methods x seeds x benchmarks from one file. */
import type { Command } from 'commander';
import { readCompareConfig } from '../../run/comparison-plan.js';
import { EXIT } from '../terminal/errors.js';
import { runInterruptible } from '../terminal/interruptible.js';
import type { Io } from '../terminal/io.js';
import { wholeNumber } from '../terminal/options.js';
import { runComparison } from './compare-run.js';

export interface CompareFlags {
  jobs: number;
  tablesOnly?: boolean;
  json?: boolean;
}

export function addCompareCommand(program: Command, io: Io, exit: (code: number) => void): void {
  program
    .command('compare')
    .description('train and evaluate several methods with several seeds, and make the tables')
    .argument('<file>', 'YAML file: methods, seeds, benchmarks')
    .option('--jobs <n>', 'processes side by side', wholeNumber(1), 1)
    .option('--tables-only', 'run nothing: make the tables of what is there')
    .option('--json', 'end with one JSON object as the last line of stdout')
    .action(async (file: string, flags: CompareFlags) => {
      const notice = 'Stopping after saving; the same command goes on from here. Once more ends at once.';
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
