/** The command line: commands, help, and what its mistakes end with. */

import { Command, CommanderError } from 'commander';
import { describe } from '../base/described.js';
import { addAskCommand } from './commands/ask.js';
import { addCompareCommand } from './commands/compare.js';
import { addDataCommand } from './commands/data.js';
import { addDemoCommand } from './commands/demo.js';
import { addDoctorCommand } from './commands/doctor.js';
import { addEvalCommand } from './commands/eval.js';
import { addExportCommand } from './commands/export.js';
import { addMcpCommand } from './commands/mcp.js';
import { addSftCommand } from './commands/sft.js';
import { addTrainCommand } from './commands/train.js';
import { addViewCommand } from './commands/view.js';
import { EXIT, exitCodeOf } from './terminal/errors.js';
import type { Io } from './terminal/io.js';
import { version } from './terminal/version.js';

/** Runs a command. @param args without the program's own name. Returns the exit code; never throws. */
export async function runProgram(args: readonly string[], io: Io): Promise<number> {
  let code: number = EXIT.success;
  const exit = (value: number) => {
    code = value;
  };
  const program = new Command('tamtrl')
    .description('Train and run memory agents: language models that read documents of any length chunk by chunk.')
    .version(version(), '--version', 'print the version')
    .showHelpAfterError('Run it with --help to see what it accepts.')
    .exitOverride()
    .configureOutput({ writeOut: io.out, writeErr: io.err });
  // Before the commands: they take over these settings.
  addDemoCommand(program, io, exit);
  addAskCommand(program, io, exit);
  addMcpCommand(program, io, exit);
  addTrainCommand(program, io, exit);
  addSftCommand(program, io, exit);
  addDataCommand(program, io, exit);
  addEvalCommand(program, io, exit);
  addCompareCommand(program, io, exit);
  addViewCommand(program, io, exit);
  addExportCommand(program, io, exit);
  addDoctorCommand(program, io, exit);
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    // Help and version end this way too, with code 0; everything else that commander says is about the arguments.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.success : EXIT.refused;
    io.err(`tamtrl: ${describe(error)}\n`);
    return exitCodeOf(error, false);
  }
}
