/** `tamtrl ask`: reads files of any length and answers questions about them. */
import { type Command, Option } from 'commander';
import { MODEL_SPECS } from '../../models/spec.js';
import { runInterruptible } from '../terminal/interruptible.js';
import type { Io } from '../terminal/io.js';
import {
  addBudgetOptions,
  addCostOptions,
  addModelOptions,
  addRequestOptions,
  GROUPS,
  JSON_OPTION,
  repeatable,
  wholeNumber,
} from '../terminal/options.js';
import { type AskFlags, runAsk } from './ask-run.js';

export function addAskCommand(program: Command, io: Io, exit: (code: number) => void): void {
  const command = program
    .command('ask')
    .description('read files of any length and answer a question about them')
    .argument(
      '[inputs...]',
      'files, folders, patterns, addresses or - for stdin, then the question (unless -q gives it)',
    )
    .optionsGroup(GROUPS.model)
    .option('--model <model>', `${MODEL_SPECS} (default: $TAMTRL_MODEL)`)
    .option('--context-length <n>', 'window of a server that does not report it, in tokens', wholeNumber(1));
  addBudgetOptions(addRequestOptions(addModelOptions(command)))
    .optionsGroup(GROUPS.input)
    .option('-q, --question <text>', 'a question; repeat it to ask several in one reading', repeatable)
    .option('--each', 'read and answer each document for itself, many side by side')
    .option(
      '--follow-up <text>',
      'a question for afterwards, answered from the notes; repeat it for several',
      repeatable,
    )
    .option('--chat', 'after the answer, ask for further questions (one a line)')
    .addOption(
      new Option(
        '--reread [when]',
        'read the text again for a further question, if the notes do not answer it, or always',
      )
        .choices(['never', 'needed', 'always'])
        .preset('needed'),
    )
    .option('--encoding <name>', 'encoding of text files that is not recognised, such as shift_jis')
    .option(
      '--state <path>',
      'save the position after every turn, and continue from there next time: a file, or a folder with a file for each reading',
    );
  addCostOptions(command)
    .option('--dry-run', 'tell chunks, tokens and money without asking the model')
    .optionsGroup(GROUPS.output)
    .option('--quiet', 'do not show the memory as it changes')
    .option(...JSON_OPTION)
    .action(async (inputs: string[], flags: AskFlags) => {
      const notice = flags.state === undefined ? 'Stopping.' : 'Stopping. The same command continues from here.';
      exit(await runInterruptible(io, (signal, started) => runAsk(inputs, flags, io, signal, started), notice));
    });
}
