/** `tamtrl train`: reinforcement learning of a memory agent. */
import type { Command } from 'commander';
import { presets } from '../../run/presets/presets.js';
import { recipes } from '../../run/recipes.js';
import type { Io } from '../terminal/io.js';
import { addRunOptions, GROUPS, type RunFlags } from '../terminal/options.js';
import { runSession } from './session.js';

export function addTrainCommand(program: Command, io: Io, exit: (code: number) => void): void {
  const able = presets.filter(({ train }) => train);
  const list = (items: readonly { name: string; summary: string }[]) => {
    const width = Math.max(...items.map(({ name }) => name.length));
    return items.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`).join('\n');
  };
  const command = program.command('train').description('train a memory agent with reinforcement learning');
  addRunOptions(
    command,
    able.map(({ name }) => name),
  )
    .optionsGroup(GROUPS.settings)
    .option('--method <name>', 'reward method or variant, listed below (default: tamtrl)')
    .option('--reward <file>', 'a .ts or .js file with a reward of your own: outcomes, turn scores, or both')
    .option('--teacher <teacher>', 'model that scores memories: self (default), ema, frozen, or another model')
    .option('--judge <model>', 'model that grades memories (method judge) or marks relevant text (relevance: judge)')
    .addHelpText('after', `\nPresets:\n${list(able)}\n\nMethods:\n${list(recipes)}`)
    .action(async (flags: RunFlags) => exit(await runSession('train', flags, io)));
}
