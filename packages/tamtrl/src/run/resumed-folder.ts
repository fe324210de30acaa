/** Which run the command line continues. */
import { RunError } from './errors.js';
import type { SettingFlags } from './settings.js';

export interface ResumeFlags extends SettingFlags {
  out?: string;
  /** A run's folder; true: the one that --out names. */
  resume?: string | boolean;
  judge?: string;
  tokenizer?: string;
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
  'precision',
  'adapterRank',
] as const;

/** The folder to resume; undefined for a new run. @throws RunError for flags that would make it another run. */
export function resumedFolder(flags: ResumeFlags): string | undefined {
  const { resume, out } = flags;
  if (resume === undefined || resume === false) return undefined;
  const given = FIXED.filter((name) => flags[name] !== undefined);
  if (given.length > 0) {
    const names = given.map((name) => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`).join(', ');
    throw new RunError(
      'settings',
      `--resume continues a run with its own settings, so ${names} cannot be given with it. Only --steps may change.`,
    );
  }
  if (typeof resume === 'string') {
    if (out === undefined || out === resume) return resume;
    throw new RunError(
      'settings',
      `--resume names ${resume} and --out names ${out}: a resumed run stays in its folder.`,
    );
  }
  if (out !== undefined) return out;
  throw new RunError('settings', '--resume needs the folder of a run: --resume FOLDER, or --out FOLDER --resume.');
}
