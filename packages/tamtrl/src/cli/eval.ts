/** `tamtrl eval`: any model over any records, with memory or without. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { READERS } from '../eval/read.js';
import { MODEL_SPECS } from '../presets/open.js';
import { EXIT } from './errors.js';
import { type EvalFlags, runEvaluation } from './eval-run.js';
import { runInterruptible } from './interruptible.js';
import type { Io } from './io.js';
import { addModelOptions } from './options.js';

export const whole = (least: number) => (text: string) => {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value;
  throw new InvalidArgumentError(`Expected a whole number of at least ${least}.`);
};

const number = (text: string) => {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value >= 0) return value;
  throw new InvalidArgumentError('Expected a number of at least 0.');
};

export function addEvalCommand(program: Command, io: Io, exit: (code: number) => void): void {
  addModelOptions(program.command('eval'))
    .description('let a model answer question records, and score the answers')
    .requiredOption('--data <file...>', 'JSONL files of question records')
    .option('--model <model>', MODEL_SPECS, 'mini')
    .option('--context-length <n>', 'for a server that does not say how large its window is', whole(1))
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
    .option('--limit <n>', 'so many records at most', whole(1))
    .option('--concurrency <n>', 'records read side by side', whole(1), 16)
    .option('--question-tokens <n>', 'most tokens of a question', whole(1))
    .option('--chunk-tokens <n>', 'tokens of a chunk', whole(1))
    .option('--memory-tokens <n>', 'most tokens of a memory', whole(1))
    .option('--answer-tokens <n>', 'most tokens of an answer', whole(1))
    .option('--context-tokens <n>', 'without memory: tokens of text shown; default: what the window holds', whole(1))
    .option('--temperature <t>', '0 is greedy', number, 0)
    .option('--top-p <p>', 'nucleus of sampling', number, 1)
    .option('--seed <n>', 'seed of everything random', whole(0), 0)
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
