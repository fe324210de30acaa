/** `tamtrl eval`: any model over any records, with memory or without. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { suggestion } from '../../base/nearest.js';
import { METRICS, type Metric, presentMetric } from '../../data/metrics.js';
import { READERS } from '../../eval/readers.js';
import { MODEL_SPECS } from '../../models/spec.js';
import { EXIT } from '../terminal/errors.js';
import { runInterruptible } from '../terminal/interruptible.js';
import type { Io } from '../terminal/io.js';
import {
  addBudgetOptions,
  addModelOptions,
  addReadingOptions,
  GROUPS,
  JSON_OPTION,
  nonNegative,
  wholeNumber,
} from '../terminal/options.js';
import { type EvalFlags, runEvaluation } from './eval-run.js';

/** @throws InvalidArgumentError naming the metrics there are. */
function metricNames(text: string): Metric[] {
  const names = text.split(',').map((name) => presentMetric(name.trim()));
  for (const name of names) {
    if (METRICS.some((metric) => metric === name)) continue;
    throw new InvalidArgumentError(`There is no metric ${JSON.stringify(name)}. ${suggestion(name, METRICS)}`);
  }
  return [...new Set(names)] as Metric[];
}

export function addEvalCommand(program: Command, io: Io, exit: (code: number) => void): void {
  const command = program
    .command('eval')
    .description(
      'have a model answer question records, and score the answers; a trained model reads the way it was trained to, unless a flag says otherwise',
    )
    .optionsGroup(GROUPS.model)
    .option('--model <model>', MODEL_SPECS, 'mini')
    .option('--context-length <n>', 'window of a server that does not report it, in tokens', wholeNumber(1));
  addModelOptions(command)
    .optionsGroup(GROUPS.input)
    .requiredOption('--data <file...>', 'JSONL files of question records')
    .option('--limit <n>', 'evaluate only the first n records', wholeNumber(1))
    .option('--strict', 'stop at the first bad line of the data')
    .option(
      '--metric <names>',
      `score by these metrics, separated by commas (default: what each record or its source names): ${METRICS.join(', ')}`,
      metricNames,
    )
    .optionsGroup('Reading:')
    .addOption(
      new Option(
        '--reader <name>',
        'read with a memory (agent), or show only what fits the window: the head, the tail, both ends, or retrieved passages',
      )
        .choices(READERS)
        .default('agent'),
    )
    .option(
      '--context-tokens <n>',
      'tokens of text to show a reader without memory (default: all that fits)',
      wholeNumber(1),
    )
    .option('--concurrency <n>', 'number of records to read at the same time', wholeNumber(1), 16);
  addReadingOptions(addBudgetOptions(command))
    .optionsGroup(GROUPS.sampling)
    .option('--temperature <t>', 'sampling temperature; 0 is greedy (default: as trained, else 0)', nonNegative)
    .option('--top-p <p>', 'nucleus sampling: keep the likeliest tokens up to this probability', nonNegative)
    .option('--seed <n>', 'seed of all random numbers', wholeNumber(0), 0)
    .optionsGroup(GROUPS.output)
    .option('--out <folder>', 'folder of the results (default: runs/eval-<reader>-<time>)')
    .option('--resume', 'continue the evaluation in --out')
    .option(...JSON_OPTION)
    .action(async (flags: EvalFlags) => {
      const notice = 'Stopping. Finished records are saved. Press Ctrl-C again to quit at once.';
      exit(
        await runInterruptible(
          io,
          async (signal, started) => {
            const { records, failures } = await runEvaluation(flags, io, signal, started);
            return failures === records ? EXIT.failure : EXIT.success;
          },
          notice,
        ),
      );
    });
}
