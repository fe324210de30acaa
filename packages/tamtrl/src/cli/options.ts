/** Flags that `train` and `sft` share, and how their values are read. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { allowedOrigins } from '../presets/hosts.js';
import { MODEL_SPECS } from '../presets/open.js';
import { UsageError } from './errors.js';
import type { SettingFlags } from './settings.js';

export interface RunFlags extends SettingFlags {
  out?: string;
  /** A run's folder; true: the one that --out names. */
  resume?: string | boolean;
  json?: boolean;
  judge?: string;
  tokenizer?: string;
  allowHost?: string[];
}

function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^-?\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value;
    const limit = least > Number.MIN_SAFE_INTEGER ? ` of at least ${least}` : '';
    throw new InvalidArgumentError(`Expected a whole number${limit}.`);
  };
}

/** @throws InvalidArgumentError for what is not a host. */
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
    'server that may get your API key and the text although only a file names it (a model folder, a run, a configuration): HOST, HOST:PORT or http://HOST:PORT; may be given again',
    hosts,
  );
}

/** How a model is opened, for every command that takes one. */
export function addModelOptions(command: Command): Command {
  return addHostOption(command)
    .option('--tokenizer <model>', 'for a model at a server: folder or .gguf file with its tokenizer')
    .option('--thinking', 'let a model think before it writes, whatever its chat template says')
    .option('--no-thinking', 'keep it from thinking');
}

/** @param presets names for the help text */
export function addRunOptions(command: Command, presets: readonly string[]): Command {
  return addModelOptions(command)
    .addOption(new Option('--preset <name>', `settings under a name: ${presets.join(', ')} (default: mini)`))
    .option('--config <file>', 'YAML file of settings; they win over the preset')
    .option('--model <model>', MODEL_SPECS)
    .option('--data <data>', 'JSONL file of question records, or mini (generated)')
    .option('--seed <n>', 'seed of everything random', wholeNumber(Number.MIN_SAFE_INTEGER))
    .option('--steps <n>', 'training steps', wholeNumber(1))
    .option('--out <folder>', 'folder of the run (default: runs/<preset>-<method>-seed<seed>-<time>)')
    .option('--resume [folder]', 'go on with the run in this folder, or in --out, with its own settings')
    .option('--json', 'end with one JSON object as the last line of stdout');
}

/** Settings that a resumed run already has. */
const FIXED = [
  'preset',
  'config',
  'method',
  'model',
  'data',
  'seed',
  'judge',
  'teacher',
  'tokenizer',
  'thinking',
] as const;

/** The folder to resume; undefined for a new run. @throws UsageError for flags that would make it another run. */
export function resumedFolder(flags: RunFlags): string | undefined {
  const { resume, out } = flags;
  if (resume === undefined || resume === false) return undefined;
  const given = FIXED.filter((name) => flags[name] !== undefined);
  if (given.length > 0) {
    const names = given.map((name) => `--${name}`).join(', ');
    throw new UsageError(
      `--resume goes on with the run's own settings, so ${names} cannot be given with it. Only --steps can change.`,
    );
  }
  if (typeof resume === 'string') {
    if (out === undefined || out === resume) return resume;
    throw new UsageError(`--resume names ${resume} and --out names ${out}: a resumed run stays in its folder.`);
  }
  if (out !== undefined) return out;
  throw new UsageError('--resume needs the folder of a run: --resume FOLDER, or --out FOLDER --resume.');
}
