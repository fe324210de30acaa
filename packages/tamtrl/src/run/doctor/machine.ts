/** Whether this machine can train: Node.js, memory, runtime, embedded model, folder of runs. */
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, freemem, totalmem } from 'node:os';
import { join } from 'node:path';
import { makeFolder } from '../../base/files.js';
import { gibibytes } from '../../base/format.js';
import { EMBEDDED_MINI } from '../../models/embedded.js';
import { type Check, inOneLine } from './check.js';

const LEAST_NODE = 20;
/** Training the embedded model takes about half of this. */
const LEAST_MEMORY = 2 * 2 ** 30;

/** @param runs folder that runs are written to; missing parts of it are created and removed again */
export async function examineMachine(runs: string, embedded: string = EMBEDDED_MINI): Promise<Check[]> {
  return [checkNode(), checkMemory(), await checkRuntime(), await checkModel(embedded), await checkFolder(runs)];
}

function checkNode(): Check {
  const version = process.versions.node;
  const ok = Number(version.split('.')[0]) >= LEAST_NODE;
  const cores = availableParallelism();
  const message = `${version}, ${cores} cores (${cpus()[0]?.model.trim() ?? 'unknown'}), ${process.platform} ${process.arch}`;
  return {
    name: 'Node.js',
    status: ok ? 'ok' : 'failed',
    data: { version, cores },
    message: ok ? message : `${message}; version ${LEAST_NODE} or later is needed`,
  };
}

function checkMemory(): Check {
  const [total, free] = [totalmem(), freemem()];
  const ok = total >= LEAST_MEMORY;
  const message = `${gibibytes(total)}, ${gibibytes(free)} free`;
  return {
    name: 'memory',
    status: ok ? 'ok' : 'warning',
    data: { total, free },
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
      : inOneLine(error);
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
    made = await makeFolder(runs);
    const trial = await mkdtemp(join(runs, '.doctor-'));
    await writeFile(join(trial, 'trial'), 'trial\n');
    await rm(trial, { recursive: true });
    return { name, status: 'ok', message: `${runs} is writable`, data: { folder: runs } };
  } catch (error) {
    const message = `${runs} is not writable (${(error as Error).message}); choose another folder with --out`;
    return { name, status: 'failed', message, data: { folder: runs } };
  } finally {
    if (made !== undefined) await rm(made, { recursive: true, force: true });
  }
}
