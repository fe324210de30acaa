/**
 * `tamtrl sft`: supervised warm-up on ideal memories; with the preset mini it makes the embedded model from nothing.
 */
import type { Command } from 'commander';
import { presets } from '../../run/presets/presets.js';
import type { Io } from '../terminal/io.js';
import { addRunOptions, type RunFlags } from '../terminal/options.js';
import { runSession } from './session.js';

export function addSftCommand(program: Command, io: Io, exit: (code: number) => void): void {
  const able = presets.filter(({ sft }) => sft).map(({ name }) => name);
  const command = program
    .command('sft')
    .description('warm up a model on ideal memories, before reinforcement learning');
  addRunOptions(command, able).action(async (flags: RunFlags) => exit(await runSession('sft', flags, io)));
}
