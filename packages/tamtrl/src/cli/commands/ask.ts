/** `tamtrl ask`: reads files of any length and answers questions about them. */
import type { Command } from 'commander';
import { MODEL_SPECS } from '../../models/spec.js';
import { runInterruptible } from '../terminal/interruptible.js';
import type { Io } from '../terminal/io.js';
import { addModelOptions, repeatable, wholeNumber } from '../terminal/options.js';
import { type AskFlags, runAsk } from './ask-run.js';

export function addAskCommand(program: Command, io: Io, exit: (code: number) => void): void {
  addModelOptions(program.command('ask'))
    .description('read files of any length and answer a question about them')
    .argument('<inputs...>', 'files, patterns or - for stdin, and the question last (or each with -q)')
    .option('-q, --question <text>', 'a question; may be given again: one reading for all', repeatable)
    .option('--model <model>', `${MODEL_SPECS} (default: TAMTRL_MODEL of the environment)`)
    .option('--context-length <n>', 'for a server that does not say how large its window is', wholeNumber(1))
    .option('--question-tokens <n>', 'most tokens of a question', wholeNumber(1))
    .option('--chunk-tokens <n>', 'tokens of a chunk', wholeNumber(1))
    .option('--memory-tokens <n>', 'most tokens of a memory', wholeNumber(1))
    .option('--answer-tokens <n>', 'most tokens of an answer', wholeNumber(1))
    .option('--state <file>', 'save where the reading stands after every turn, and go on from there')
    .option('--quiet', 'do not show the memory as it changes')
    .option('--json', 'end with one JSON object as the last line of stdout')
    .action(async (inputs: string[], flags: AskFlags) => {
      const notice = flags.state === undefined ? 'Stopping.' : 'Stopping; the same command goes on from here.';
      exit(await runInterruptible(io, (signal, started) => runAsk(inputs, flags, io, signal, started), notice));
    });
}
