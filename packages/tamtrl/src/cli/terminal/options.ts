/** Flags that `train` and `sft` share, and how their values are read. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { readingSchema } from '../../memory/reading-settings.js';
import { allowedOrigins } from '../../models/hosts.js';
import { MODEL_SPECS } from '../../models/spec.js';
import { PRECISIONS } from '../../policy/precision.js';
import { LOG_KINDS, type LogKind } from '../../report/exports/run-log.js';
import type { ResumeFlags } from '../../run/resumed-folder.js';

export interface RunFlags extends ResumeFlags {
  config?: string;
  json?: boolean;
  allowHost?: string[];
  log?: LogKind[];
}

/** Parses a whole number of at least `least`; "1_000_000" is one, and so is "16k" or "1M". */
export function wholeNumber(least = Number.MIN_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text.replaceAll('_', '').replace('k', '000').replace('M', '000000'));
    if (/^-?\d[\d_]*[kM]?$/.test(text) && Number.isSafeInteger(value) && value >= least) return value;
    const limit = least > Number.MIN_SAFE_INTEGER ? ` of at least ${least}` : '';
    throw new InvalidArgumentError(`Expected a whole number${limit}.`);
  };
}

/** Parses a number of at least 0. */
export function nonNegative(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value >= 0) return value;
  throw new InvalidArgumentError('Expected a number of at least 0.');
}

/** Collects the values of an option that may be given several times. */
export function repeatable(value: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), value];
}

/** Headings of the groups that help lists options under. Only `--help` itself stays under "Options:". */
export const GROUPS = {
  model: 'Model:',
  settings: 'Settings:',
  budgets: 'Token limits:',
  sampling: 'Sampling:',
  input: 'Input:',
  output: 'Output:',
} as const;

export const JSON_OPTION = ['--json', 'print one JSON object as the last line of stdout'] as const;

/** @throws InvalidArgumentError if the text is not a host. */
function hosts(value: string, before: readonly string[] = []): string[] {
  try {
    allowedOrigins(value);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
  return [...before, value];
}

/** For every command that may meet a server's name in a file. */
export function addHostOption(command: Command): Command {
  return command.option(
    '--allow-host <host>',
    'server that may receive your API key and text even though only a file names it: HOST, HOST:PORT or http://HOST:PORT; repeat it for several',
    hosts,
  );
}

/** How a model is opened, for every command that takes one. */
export function addModelOptions(command: Command): Command {
  return addHostOption(command.optionsGroup(GROUPS.model))
    .option('--tokenizer <model>', 'for a model behind a server: folder or .gguf file that holds its tokenizer')
    .option('--thinking', 'let the model think before it writes, whatever its chat template says')
    .option('--no-thinking', 'stop the model from thinking before it writes')
    .addOption(new Option('--precision <type>', 'for a local model: int8 writes faster').choices(PRECISIONS));
}

/** What servers know besides the prompt. */
export function addRequestOptions(command: Command): Command {
  return command
    .option('--prediction', "send the old memory as OpenAI's prediction of the new one (wrong ones are charged)")
    .option('--gate', 'let the model reply SAME where nothing is new, and DONE once it knows enough')
    .option('--cache-key', 'send prompt_cache_key (default: to OpenAI alone)')
    .option('--no-cache-key', 'never send it');
}

/** For commands that read: what it may cost. */
export function addCostOptions(command: Command): Command {
  return command
    .optionsGroup('Cost:')
    .option('--budget <tokens>', 'read at most so many tokens: what a search for the question finds', wholeNumber(1))
    .option('--prices <file>', 'YAML or JSON file with the prices of models (docs/reading.md)');
}

/** For commands that read: how many tokens each part of a prompt may take. */
export function addBudgetOptions(command: Command): Command {
  return command
    .optionsGroup(GROUPS.budgets)
    .option('--question-tokens <n>', 'longest question', wholeNumber(1))
    .option('--chunk-tokens <n>', 'size of a chunk', wholeNumber(1))
    .option('--memory-tokens <n>', 'longest memory', wholeNumber(1))
    .option('--answer-tokens <n>', 'longest answer', wholeNumber(1));
}

/** For evaluations: rules and wording of a reading. Default: as the model was trained. */
export function addReadingOptions(command: Command): Command {
  const { empty, align, prompts, documents } = readingSchema.shape;
  const choice = (flags: string, text: string, { options }: { options: readonly string[] }) =>
    new Option(flags, text).choices(options);
  return command
    .optionsGroup('Reading:')
    .addOption(choice('--empty <rule>', 'what an empty output does to the memory', empty.unwrap()))
    .option(
      '--parallel <n>',
      'read stretches of n chunks side by side, and merge; 0: one after another',
      wholeNumber(0),
    )
    .option('--merge-width <n>', 'memories that one merge takes (default 2)', wholeNumber(2))
    .addOption(choice('--align <place>', 'where chunks end', align.unwrap()))
    .addOption(choice('--prompts <wording>', 'wording of the prompts', prompts.unwrap()))
    .addOption(choice('--documents <form>', 'documents under numbered headings, or their text alone', documents));
}

/** @param presets names for the help text */
export function addRunOptions(command: Command, presets: readonly string[]): Command {
  return addModelOptions(command.optionsGroup(GROUPS.model).option('--model <model>', MODEL_SPECS))
    .optionsGroup(GROUPS.settings)
    .addOption(new Option('--preset <name>', `named settings to start from: ${presets.join(', ')} (default: mini)`))
    .option('--config <file>', 'YAML file of settings, which override the preset')
    .option('--data <data>', 'JSONL file of question records, or mini (generated)')
    .option('--seed <n>', 'seed of all random numbers', wholeNumber())
    .option('--steps <n>', 'number of training steps', wholeNumber(1))
    .option(
      '--adapter-rank <n>',
      'train a low-rank adapter (LoRA) of this rank instead of all weights; for local models',
      wholeNumber(1),
    )
    .optionsGroup(GROUPS.output)
    .option('--out <folder>', 'folder of the run (default: runs/<preset>-<method>-seed<seed>-<time>)')
    .option('--resume [folder]', 'continue the run in this folder (or in --out) with its own settings')
    .option(
      '--log <kind>',
      `also write the numbers into the run's folder for other programs: ${LOG_KINDS.join(' or ')}; repeat it for both`,
      logKinds,
    )
    .option(...JSON_OPTION);
}

function logKinds(value: string, before: readonly LogKind[] = []): LogKind[] {
  const kind = LOG_KINDS.find((known) => known === value);
  if (kind) return [...before, kind];
  throw new InvalidArgumentError(`Expected ${LOG_KINDS.join(' or ')}.`);
}
