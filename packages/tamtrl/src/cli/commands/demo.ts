/** `tamtrl demo`: a book with a story hidden in it is read before one's eyes. */
import { type Command, Option } from 'commander';
import { BABI_TASKS } from '../../data/babi/events.js';
import { runInterruptible } from '../terminal/interruptible.js';
import type { Io } from '../terminal/io.js';
import { GROUPS, JSON_OPTION, wholeNumber } from '../terminal/options.js';
import { type DemoFlags, runDemo } from './demo-run.js';

export function addDemoCommand(program: Command, io: Io, exit: (code: number) => void): void {
  program
    .command('demo')
    .description('watch a small model read a book with a story hidden in it (BABILong), and answer a question about it')
    .addArgument(program.createArgument('[name]', 'what to show').choices(['babilong']).default('babilong'))
    .optionsGroup(GROUPS.model)
    .option('--model <model>', 'another model trained on such stories', 'babi')
    .optionsGroup(GROUPS.input)
    .addOption(new Option('--task <task>', 'kind of story and question').choices(BABI_TASKS).default('qa2'))
    .option('--tokens <n>', 'length of the text, in tokens of the model', wholeNumber(1), 100_000)
    .option(
      '--books <paths...>',
      'text files, or folders of them, to hide the story in (default: two that come with tamtrl)',
    )
    .option('--seed <n>', 'which story: each number gives another one', wholeNumber(0), 1)
    .optionsGroup(GROUPS.output)
    .option(...JSON_OPTION)
    .action(async (_name: string, flags: DemoFlags) => {
      exit(await runInterruptible(io, (signal, started) => runDemo(flags, io, signal, started), 'Stopping.'));
    });
}
