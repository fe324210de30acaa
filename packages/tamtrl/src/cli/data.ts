/** `tamtrl data`: checks, imports and generates question records. */
import { Argument, type Command, InvalidArgumentError, Option } from 'commander';
import { z } from 'zod';
import { syntheticTasks } from '../data/generators/generators.js';
import { importers } from '../data/importers/importers.js';
import { recordSchema } from '../data/records.js';
import { checkFiles } from './data-check.js';
import { generateData } from './data-generate.js';
import { importData } from './data-import.js';
import type { Io } from './io.js';

function least(limit: number) {
  return (text: string) => {
    const value = Number(text.replaceAll('_', ''));
    if (Number.isSafeInteger(value) && value >= limit) return value;
    throw new InvalidArgumentError(`Expected a whole number of at least ${limit}.`);
  };
}

const several = (value: string, before: string[] | undefined) => [...(before ?? []), value];
const list = (items: readonly { name: string; summary: string }[]) =>
  items.map(({ name, summary }) => `  ${name.padEnd(16)}  ${summary}`).join('\n');

export function addDataCommand(program: Command, io: Io, exit: (code: number) => void): void {
  const data = program.command('data').description('check, import and generate question records');

  data
    .command('check')
    .description('count the records of files and name every bad line')
    .argument('<files...>', 'JSONL files, plain, .gz or .zst')
    .option('--strict', 'end at the first bad line')
    .option('--json', 'end with one JSON object as the last line of stdout')
    .action(async (files: string[], options) => exit(await checkFiles(files, options, io)));

  data
    .command('import')
    .description('turn a published data set into question records')
    .argument('<source>', 'file (parquet, JSON or JSONL, also .gz or .zst), or hf:owner/name[@revision][:path]')
    .requiredOption('--out <file>', 'JSONL file to write; packed if it ends in .gz')
    .option('--overwrite', 'replace the file if there is one')
    .addOption(
      new Option('--format <name>', 'data set; default: by the look of the first row').choices(
        importers.map(({ name }) => name),
      ),
    )
    .option('--source <name>', 'name that goes into each record\'s "source"')
    .option('--rejoin <file>', 'raw HotpotQA file that says which paragraphs are relevant (for memagent)')
    .option('--limit <n>', 'so many records at most', least(1))
    .option('--strict', 'end at the first row that gives no record')
    .option('--json', 'end with one JSON object as the last line of stdout')
    .addHelpText('after', `\nData sets:\n${list(importers)}`)
    .action(async (source: string, options) => exit(await importData(source, options, io)));

  data
    .command('generate')
    .description('make question records for training and tests at any length')
    .addArgument(
      new Argument('<task>', 'what to make').choices(['ruler-hqa', 'mini', ...syntheticTasks.map(({ name }) => name)]),
    )
    .requiredOption('--out <file>', 'JSONL file to write; packed if it ends in .gz')
    .option('--overwrite', 'replace the file if there is one')
    .option('--count <n>', 'records (ruler-hqa: at most; default all)', least(1))
    .option('--seed <n>', 'seed of everything random', least(0), 0)
    .option('--tokens <n>', "RULER's tasks: length of the text", least(1))
    .option('--tokenizer <model>', "RULER's tasks: whose tokens are counted: a model folder, .gguf file, or mini")
    .option('--haystack <file>', 'text file whose sentences are the essays; default: made up')
    .option('--from <file>', 'ruler-hqa: records to hide; may be given again', several)
    .option('--pool <file>', 'ruler-hqa: more records to borrow paragraphs from; may be given again', several)
    .option('--documents <n>', 'ruler-hqa: documents of each record', least(1))
    .option('--chunks <n>', 'mini: chunks', least(1), 4)
    .option('--facts <n>', 'mini: facts in each chunk', least(1), 6)
    .option('--queries <n>', 'mini: keys that are asked for', least(1), 3)
    .option('--json', 'end with one JSON object as the last line of stdout')
    .action(async (task: string, options) => exit(await generateData(task, options, io)));

  data
    .command('schema')
    .description('print the JSON Schema of a record')
    .action(() => {
      io.out(`${JSON.stringify(z.toJSONSchema(recordSchema, { io: 'input' }), null, 2)}\n`);
    });
}
