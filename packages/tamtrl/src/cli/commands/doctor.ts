/** `tamtrl doctor`: says whether this machine can train, and what to do if it cannot. */
import type { Command } from 'commander';
import { MODEL_SPECS } from '../../models/spec.js';
import { examineMachine } from '../../run/doctor/machine.js';
import { examineModel } from '../../run/doctor/model.js';
import { EXIT } from '../terminal/errors.js';
import type { Io } from '../terminal/io.js';
import { noteOn, openForCommand } from '../terminal/models.js';
import { addModelOptions, GROUPS, JSON_OPTION } from '../terminal/options.js';

interface DoctorFlags {
  out: string;
  model?: string;
  tokenizer?: string;
  thinking?: boolean;
  allowHost?: string[];
  json?: boolean;
}

export function addDoctorCommand(program: Command, io: Io, exit: (code: number) => void): void {
  const command = program
    .command('doctor')
    .description('check that this machine, or a model behind a server, can train')
    .optionsGroup(GROUPS.model)
    .option('--model <model>', `check this model too: ${MODEL_SPECS}`);
  addModelOptions(command)
    .optionsGroup(GROUPS.output)
    .option('--out <folder>', 'folder where runs are written', 'runs')
    .option(...JSON_OPTION)
    .action(async ({ out, model, json, ...flags }: DoctorFlags) => {
      const checks = await examineMachine(out);
      if (model !== undefined) {
        checks.push(...(await examineModel(() => openForCommand(model, flags, { note: noteOn(io), retries: 1 }))));
      }
      const ok = checks.every(({ status }) => status !== 'failed');
      if (json) io.out(`${JSON.stringify({ ok, checks })}\n`);
      else
        for (const check of checks) io.out(`${check.status.padEnd(7)}  ${check.name.padEnd(16)}  ${check.message}\n`);
      exit(ok ? EXIT.success : EXIT.failure);
    });
}
