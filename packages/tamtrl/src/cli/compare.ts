/** `tamtrl compare`: methods x seeds x benchmarks from one file. */
import type { Command } from 'commander';
import { readCompareConfig } from './compare-config.js';
import { runComparison } from './compare-run.js';
import { EXIT } from './errors.js';
import { whole } from './eval.js';
import { runInterruptible } from './interruptible.js';
import type { Io } from './io.js';
import { addHostOption } from './options.js';

export interface CompareFlags {
  jobs: number;
  tablesOnly?: boolean;
  json?: boolean;
  allowHost?: string[];
}

export function addCompareCommand(program: Command, io: Io, exit: (code: number) => void): void {
  addHostOption(program.command('compare'))
    .description('train and evaluate several methods with several seeds, and make the tables')
    .argument('<file>', 'YAML file: methods, seeds, benchmarks')
    .option('--jobs <n>', 'processes side by side', whole(1), 1)
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
