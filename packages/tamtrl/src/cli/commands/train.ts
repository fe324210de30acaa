/** `tamtrl train`: reinforcement learning of a memory agent. */
import type { Command } from 'commander';
import { namedMethods } from '../../run/named-methods.js';
import { presets } from '../../run/presets/presets.js';
import type { Io } from '../terminal/io.js';
import { addRunOptions, type RunFlags } from '../terminal/options.js';
import { launchTrain } from './launch.js';
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
    .option('--method <name>', 'reward method or ablation (default: tamtrl)')
    .option(
      '--teacher <teacher>',
      'who scores memories: self (default), ema, frozen, or another model (folder or .gguf file)',
    )
    .option(
      '--judge <model>',
      'model that grades memories for the method judge, and marks what is relevant for relevance: judge',
    )
    .addHelpText('after', `\nPresets:\n${list(able)}\n\nMethods:\n${list(namedMethods)}`)
    .action(async (flags: RunFlags) => exit(await runSession(await launchTrain(flags), io)));
}
