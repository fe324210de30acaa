/**
 * Saves the state that training needs to continue bit for bit: weights, the optimiser's moments and step count, and
 * snapshots. It is one safetensors file, written completely or not at all.
 */
import { join } from 'node:path';
import { EngineError } from '../errors.js';
import { showJson } from '../json.js';
import type { ModelConfig } from '../models/config.js';
import { type ParameterSet, parameterShapes } from '../models/parameters.js';
import type { OptimizerState } from '../training/adamw.js';
import { makeFolder } from './files.js';
import { SafetensorsFile } from './safetensors.js';
import { type NamedTensor, writeSafetensors } from './safetensors-writer.js';

const FILE = 'training-state.safetensors';
const FORMAT = 'tamtrl-checkpoint-1';

const WEIGHTS = 'weights/';
const FIRST = 'first moment/';
const SECOND = 'second moment/';
const snapshotPrefix = (name: string) => `snapshot ${name}/`;

export interface Checkpoint {
  weights: ParameterSet;
  /** Absent before the first step. */
  optimizer: OptimizerState | undefined;
  snapshots: ReadonlyMap<string, ParameterSet>;
}

export async function saveCheckpoint(folder: string, state: Checkpoint & { config: ModelConfig }): Promise<void> {
  const tensors: NamedTensor[] = [];
  const shapes = parameterShapes(state.config);
  const add = (prefix: string, set: ParameterSet) => {
    for (const [name, shape] of shapes) {
      tensors.push({ name: `${prefix}${name}`, shape, values: set.get(name) as Float32Array });
    }
  };
  add(WEIGHTS, state.weights);
  if (state.optimizer) {
    add(FIRST, state.optimizer.first);
    add(SECOND, state.optimizer.second);
  }
  for (const [name, parameters] of state.snapshots) add(snapshotPrefix(name), parameters);
  await makeFolder(folder);
  await writeSafetensors(join(folder, FILE), tensors, {
    metadata: {
      format: FORMAT,
      step: String(state.optimizer?.step ?? 0),
      snapshots: JSON.stringify([...state.snapshots.keys()]),
    },
  });
}

/**
 * Reads a saved state completely, before anything is replaced.
 *
 * @throws EngineError 'checkpoint' if the file is not a checkpoint or belongs to a model of another shape; 'file' or
 *   'truncated-file' if it is damaged or missing.
 */
export async function loadCheckpoint(folder: string, config: ModelConfig): Promise<Checkpoint> {
  const path = join(folder, FILE);
  const file = await SafetensorsFile.open(path);
  try {
    const { format, step, snapshots } = file.metadata;
    if (format !== FORMAT) {
      throw new EngineError('checkpoint', `${path} is not a training checkpoint of this program.`, {
        file: path,
        expected: FORMAT,
        found: String(format),
      });
    }
    const shapes = parameterShapes(config);
    const read = async (prefix: string): Promise<ParameterSet> => {
      const set: ParameterSet = new Map();
      for (const [name, shape] of shapes) {
        const entry = file.entries.get(`${prefix}${name}`);
        if (!entry || entry.shape.join() !== shape.join()) {
          const found = entry ? `shape [${entry.shape.join(', ')}]` : 'no such tensor';
          throw new EngineError(
            'checkpoint',
            `${path} belongs to another model: "${prefix}${name}" should have shape [${shape.join(', ')}], ` +
              `found ${found}. Resume with the model that the run started with.`,
            { file: path, tensor: `${prefix}${name}`, expected: `[${shape.join(', ')}]`, found },
          );
        }
        set.set(name, await file.read(`${prefix}${name}`));
      }
      return set;
    };
    const weights = await read(WEIGHTS);
    const steps = Number(step);
    const optimizer = steps > 0 ? { step: steps, first: await read(FIRST), second: await read(SECOND) } : undefined;
    const named = new Map<string, ParameterSet>();
    for (const name of snapshotNames(path, snapshots)) named.set(name, await read(snapshotPrefix(name)));
    return { weights, optimizer, snapshots: named };
  } finally {
    await file.close();
  }
}

function snapshotNames(file: string, stated: unknown): string[] {
  const expected = 'a JSON list of names';
  try {
    const names: unknown = JSON.parse(String(stated ?? '[]'));
    if (Array.isArray(names) && names.every((name) => typeof name === 'string')) return names;
  } catch {
    // Told below, as any other content is.
  }
  const message = `${file} is damaged: its "snapshots" should be ${expected}, found ${showJson(stated)}.`;
  throw new EngineError('checkpoint', message, { file, expected, found: showJson(stated) });
}
