/** `tamtrl data`: checks, imports and generates question records. */
import { Argument, type Command, Option } from 'commander';
import { z } from 'zod';
import { BABI_TASKS } from '../../data/babi/events.js';
import { syntheticTasks } from '../../data/generators/generators.js';
import { importers } from '../../data/importers/importers.js';
import { recordSchema } from '../../data/records.js';
import type { Io } from '../terminal/io.js';
import { GROUPS, JSON_OPTION, repeatable, wholeNumber } from '../terminal/options.js';
import { checkFiles } from './data-check.js';
import { generateData } from './data-generate.js';
import { importData } from './data-import.js';

const list = (items: readonly { name: string; summary: string }[]) =>
  items.map(({ name, summary }) => `  ${name.padEnd(16)}  ${summary}`).join('\n');

export function addDataCommand(program: Command, io: Io, exit: (code: number) => void): void {
  const data = program.command('data').description('check, import and generate question records');

  data
    .command('check')
    .description('count the records in files and report every bad line')
    .argument('<files...>', 'JSONL files, plain, .gz or .zst')
    .optionsGroup(GROUPS.input)
    .option('--strict', 'stop at the first bad line')
    .optionsGroup(GROUPS.output)
    .option(...JSON_OPTION)
    .action(async (files: string[], options) => exit(await checkFiles(files, options, io)));

  data
    .command('import')
    .description('turn a published data set into question records')
    .argument('<source>', 'file (parquet, JSON or JSONL, also .gz or .zst), or hf:owner/name[@revision][:path]')
    .optionsGroup(GROUPS.input)
    .addOption(
      new Option('--format <name>', 'format of the data set (default: recognised from the first row)').choices(
        importers.map(({ name }) => name),
      ),
    )
    .option('--rejoin <file>', 'for memagent: raw HotpotQA file that says which paragraphs are relevant')
    .option('--sentences', 'mark supporting sentences, where the data set names them, not only their paragraphs')
    .option('--limit <n>', 'import only the first n records', wholeNumber(1))
    .option('--strict', 'stop at the first row that yields no record')
    .optionsGroup(GROUPS.output)
    .requiredOption('--out <file>', 'JSONL file to write, compressed if its name ends in .gz')
    .option('--overwrite', 'replace the file if it exists')
    .option('--source <name>', 'name to store in each record\'s "source"')
    .option(...JSON_OPTION)
    .addHelpText('after', `\nData sets:\n${list(importers)}`)
    .action(async (source: string, options) => exit(await importData(source, options, io)));

  data
    .command('generate')
    .description('make question records for training and tests at any length')
    .addArgument(
      new Argument('<task>', 'what to make').choices([
        'babilong',
        'ruler-hqa',
        'mini',
        ...syntheticTasks.map(({ name }) => name),
      ]),
    )
    .optionsGroup(GROUPS.output)
    .requiredOption('--out <file>', 'JSONL file to write, compressed if its name ends in .gz')
    .option('--overwrite', 'replace the file if it exists')
    .option(
      '--count <n>',
      'number of records (default: 100; ruler-hqa: all; babilong: 100 for each task)',
      wholeNumber(1),
    )
    .option('--seed <n>', 'seed of all random numbers', wholeNumber(0), 0)
    .option(...JSON_OPTION)
    .optionsGroup('babilong and RULER tasks:')
    .option(
      '--tokens <n>',
      'length of the text in tokens, such as 4000, 16k or 1M; for babilong, 300 are for the prompt, and 0 means no book',
      wholeNumber(0),
    )
    .option('--tokenizer <model>', 'model whose tokens --tokens counts: folder, .gguf file, mini or babi')
    .optionsGroup('babilong:')
    .option('--task <names>', `${BABI_TASKS[0]} to ${BABI_TASKS.at(-1)}: one, "qa1,qa3", "qa1..qa5" or "all"`)
    .option('--stories <file>', 'bAbI file or records whose stories are hidden (default: simulated)', repeatable)
    .option(
      '--books <path>',
      'book to hide them in, or folder of books (default: the two that ship with tamtrl)',
      repeatable,
    )
    .option('--repeat-books', 'repeat the books if they are too short')
    .option('--any-books', 'accept books with sentences that look like facts of the stories')
    .optionsGroup('RULER tasks:')
    .option('--haystack <file>', 'text file to take the filler sentences from (default: generated)')
    .optionsGroup('ruler-hqa:')
    .option('--from <file>', 'records to hide; repeat it for several files', repeatable)
    .option('--pool <file>', 'more records to borrow paragraphs from; repeat it for several files', repeatable)
    .option('--documents <n>', 'number of documents in each record', wholeNumber(1))
    .optionsGroup('mini:')
    .option('--chunks <n>', 'number of chunks', wholeNumber(1), 4)
    .option('--facts <n>', 'facts in each chunk', wholeNumber(1), 6)
    .option('--queries <n>', 'keys asked for', wholeNumber(1), 3)
    .action(async (task: string, options) => exit(await generateData(task, options, io)));

  data
    .command('schema')
    .description('print the JSON Schema of a record')
    .action(() => {
      io.out(`${JSON.stringify(z.toJSONSchema(recordSchema, { io: 'input' }), null, 2)}\n`);
    });
}
