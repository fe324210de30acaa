/** `tamtrl doctor`: tells whether this machine can train, and what to do where it cannot. */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, freemem, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { gibibytes } from '../../base/format.js';
import { EMBEDDED_MINI } from '../../models/embedded.js';
import { MODEL_SPECS } from '../../models/spec.js';
import { describe, EXIT } from '../terminal/errors.js';
import type { Io } from '../terminal/io.js';
import { noteOn } from '../terminal/models.js';
import { addModelOptions, GROUPS, JSON_OPTION } from '../terminal/options.js';

export interface Check {
  name: string;
  /** `warning`: works, but something will be slow or missing. */
  status: 'ok' | 'warning' | 'failed';
  /** What was found, and what to do about it. */
  message: string;
  /** The same for programs. */
  data: Record<string, string | number | null>;
}

interface DoctorFlags {
  out: string;
  model?: string;
  tokenizer?: string;
  thinking?: boolean;
  allowHost?: string[];
  json?: boolean;
}

const LEAST_NODE = 20;
/** Training the embedded model takes about half of this. */
const LEAST_MEMORY = 2 * 2 ** 30;

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
      const checks = await examine(out);
      if (model !== undefined) {
        const { examineModel } = await import('./doctor-model.js');
        checks.push(...(await examineModel(model, flags, { note: noteOn(io), retries: 1 })));
      }
      const ok = checks.every(({ status }) => status !== 'failed');
      if (json) io.out(`${JSON.stringify({ ok, checks })}\n`);
      else
        for (const check of checks) io.out(`${check.status.padEnd(7)}  ${check.name.padEnd(16)}  ${check.message}\n`);
      exit(ok ? EXIT.success : EXIT.failure);
    });
}

/** @param runs folder that runs are written to; what is missing of it is made and removed again. */
export async function examine(runs: string, embedded: string = EMBEDDED_MINI): Promise<Check[]> {
  return [checkNode(), checkMemory(), await checkRuntime(), await checkModel(embedded), await checkFolder(runs)];
}

function checkNode(): Check {
  const version = process.versions.node;
  const ok = Number(version.split('.')[0]) >= LEAST_NODE;
  const cores = availableParallelism();
  const message = `${version}, ${cores} cores (${cpus()[0]?.model.trim() ?? 'unknown'}), ${process.platform} ${process.arch}`;
  return {
    ...{ name: 'Node.js', status: ok ? 'ok' : 'failed', data: { version, cores } },
    message: ok ? message : `${message}; version ${LEAST_NODE} or later is needed`,
  };
}

function checkMemory(): Check {
  const [total, free] = [totalmem(), freemem()];
  const ok = total >= LEAST_MEMORY;
  const message = `${gibibytes(total)}, ${gibibytes(free)} free`;
  return {
    ...{ name: 'memory', status: ok ? 'ok' : 'warning', data: { total, free } },
    message: ok ? message : `${message}; below ${gibibytes(LEAST_MEMORY)} training may not fit`,
  };
}

async function checkRuntime(): Promise<Check> {
  try {
    const { probeRuntime } = await import('@tamtrl/engine');
    const { sgemm } = await probeRuntime();
    const message = `computes, ${(sgemm / 1e9).toFixed(1)} GFLOP/s in matrix products`;
    return { name: 'onnxruntime-node', status: 'ok', message, data: { sgemm } };
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND';
    const message = missing
      ? 'the engine is not installed: npm install @tamtrl/engine onnxruntime-node'
      : describe(error).split('\n')[0];
    return { name: 'onnxruntime-node', status: 'failed', message, data: { sgemm: null } };
  }
}

async function checkModel(folder: string): Promise<Check> {
  const name = 'embedded model';
  try {
    const weights = await readFile(join(folder, 'model.safetensors'));
    for (const file of ['config.json', 'tokenizer.json', 'tokenizer_config.json']) await stat(join(folder, file));
    const sha256 = createHash('sha256').update(weights).digest('hex');
    const message = `${(weights.length / 2 ** 20).toFixed(2)} MiB, SHA-256 ${sha256.slice(0, 16)}`;
    return { name, status: 'ok', message, data: { folder, bytes: weights.length, sha256 } };
  } catch (error) {
    const message = `${(error as Error).message}; make it with "tamtrl sft --preset mini --out DIR", or install the package again`;
    return { name, status: 'failed', message, data: { folder, bytes: null, sha256: null } };
  }
}

async function checkFolder(runs: string): Promise<Check> {
  const name = 'run folder';
  let made: string | undefined;
  try {
    made = await mkdir(runs, { recursive: true });
    const trial = await mkdtemp(join(runs, '.doctor-'));
    await writeFile(join(trial, 'trial'), 'trial\n');
    await rm(trial, { recursive: true });
    return { name, status: 'ok', message: `${runs} can be written to`, data: { folder: runs } };
  } catch (error) {
    const message = `${runs} cannot be written to (${(error as Error).message}); choose another folder with --out`;
    return { name, status: 'failed', message, data: { folder: runs } };
  } finally {
    if (made !== undefined) await rm(made, { recursive: true, force: true });
  }
}
