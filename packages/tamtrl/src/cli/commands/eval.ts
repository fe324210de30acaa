/** `tamtrl eval`: any model over any records, with memory or without. */
import { type Command, Option } from 'commander';
import { READERS } from '../../eval/readers.js';
import { MODEL_SPECS } from '../../models/open.js';
import { EXIT } from '../terminal/errors.js';
import { runInterruptible } from '../terminal/interruptible.js';
import type { Io } from '../terminal/io.js';
import { addModelOptions, nonNegative, wholeNumber } from '../terminal/options.js';
import { type EvalFlags, runEvaluation } from './eval-run.js';

export function addEvalCommand(program: Command, io: Io, exit: (code: number) => void): void {
  addModelOptions(program.command('eval'))
    .description('let a model answer question records, and score the answers')
    .requiredOption('--data <file...>', 'JSONL files of question records')
    .option('--model <model>', MODEL_SPECS, 'mini')
    .option('--context-length <n>', 'for a server that does not say how large its window is', wholeNumber(1))
    .addOption(
      new Option(
        '--reader <name>',
        'with memory (agent), or what fits into the window: its head, tail or both ends, or the passages that a search finds',
      )
        .choices(READERS)
        .default('agent'),
    )
    .option('--out <folder>', 'folder of the results (default: runs/eval-<reader>-<time>)')
    .option('--resume', 'go on with the evaluation in --out')
    .option('--limit <n>', 'so many records at most', wholeNumber(1))
    .option('--concurrency <n>', 'records read side by side', wholeNumber(1), 16)
    .option('--question-tokens <n>', 'most tokens of a question', wholeNumber(1))
    .option('--chunk-tokens <n>', 'tokens of a chunk', wholeNumber(1))
    .option('--memory-tokens <n>', 'most tokens of a memory', wholeNumber(1))
    .option('--answer-tokens <n>', 'most tokens of an answer', wholeNumber(1))
    .option(
      '--context-tokens <n>',
      'without memory: tokens of text shown; default: what the window holds',
      wholeNumber(1),
    )
    .option('--temperature <t>', '0 is greedy', nonNegative, 0)
    .option('--top-p <p>', 'nucleus of sampling', nonNegative, 1)
    .option('--seed <n>', 'seed of everything random', wholeNumber(0), 0)
    .option('--strict', 'end at the first bad line of the data')
    .option('--json', 'end with one JSON object as the last line of stdout')
    .action(async (flags: EvalFlags) => {
      const notice = 'Stopping: what is finished is saved. Once more ends at once.';
      exit(
        await runInterruptible(
          io,
          async (signal, started) => {
            await runEvaluation(flags, io, signal, started);
            return EXIT.success;
          },
          notice,
        ),
      );
    });
}
