/**
 * Saves the state that training needs to continue bit for bit: what is trained (all weights, or the adapter), the
 * optimiser's moments and step count, and snapshots. The frozen base of an adapter is not saved, only recognised. It is
 * one safetensors file, written completely or not at all.
 */
import { join } from 'node:path';
import { EngineError } from '../errors.js';
import { showJson } from '../json.js';
import { trainedShapes } from '../models/adapter.js';
import type { Adapter, ModelConfig } from '../models/config.js';
import type { ParameterSet } from '../models/parameters.js';
import type { OptimizerState } from '../training/adamw.js';
import { makeFolder } from './files.js';
import { fingerprint } from './fingerprint.js';
import { SafetensorsFile } from './safetensors.js';
import { type NamedTensor, writeSafetensors } from './safetensors-writer.js';

const FILE = 'training-state.safetensors';
const FORMAT = 'tamtrl-checkpoint-1';

const WEIGHTS = 'weights/';
const FIRST = 'first moment/';
const SECOND = 'second moment/';
const snapshotPrefix = (name: string) => `snapshot ${name}/`;

export interface Checkpoint {
  /** By the names of `trainedShapes`. */
  weights: ParameterSet;
  /** Absent before the first step. */
  optimizer: OptimizerState | undefined;
  snapshots: ReadonlyMap<string, ParameterSet>;
}

/** @param state.base the frozen base of an adapter */
export async function saveCheckpoint(
  folder: string,
  state: Checkpoint & { config: ModelConfig; base?: ParameterSet },
): Promise<void> {
  const tensors: NamedTensor[] = [];
  const { adapter } = state.config;
  const shapes = trainedShapes(state.config);
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
      ...(adapter && { adapter: adapterText(adapter) }),
      ...(state.base && { base: fingerprint(state.base) }),
    },
  });
}

/**
 * Reads a saved state completely, before anything is replaced.
 *
 * @param base the frozen base of an adapter
 * @throws EngineError 'checkpoint' if the file is not a checkpoint or belongs to a model or adapter of another shape,
 * or
 *   an adapter's to another base; 'file' or 'truncated-file' if it is damaged or missing.
 */
export async function loadCheckpoint(folder: string, config: ModelConfig, base?: ParameterSet): Promise<Checkpoint> {
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
    requireSameTraining(path, file.metadata, config, base);
    const shapes = trainedShapes(config);
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

const adapterText = ({ rank, alpha, targets }: Adapter) => JSON.stringify({ rank, alpha, targets });

/** Refuses the state of another adapter, of an adapter for a whole model or the reverse, and of another base. */
function requireSameTraining(
  path: string,
  saved: Readonly<Record<string, unknown>>,
  { adapter }: ModelConfig,
  base: ParameterSet | undefined,
): void {
  const shown = (text: unknown) => (text === undefined ? 'all weights' : `the adapter ${text}`);
  const expected = shown(saved.adapter);
  const found = shown(adapter && adapterText(adapter));
  if (expected !== found) {
    const message = `${path} is the state of a run that trained ${expected}, but this engine trains ${found}. Open the model with the adapter settings of that run.`;
    throw new EngineError('checkpoint', message, {
      file: path,
      expected,
      found,
    });
  }
  const present = base && fingerprint(base);
  if (saved.base === present) return;
  throw new EngineError(
    'checkpoint',
    `The adapter in ${path} belongs to other base weights (${saved.base}) than the model's (${present}). Resume with the base that the run started with.`,
    { file: path, expected: String(saved.base), found: String(present) },
  );
}

function snapshotNames(file: string, stated: unknown): string[] {
  const expected = 'a JSON list of names';
  try {
    const names: unknown = JSON.parse(String(stated ?? '[]'));
    if (Array.isArray(names) && names.every((name) => typeof name === 'string')) return names;
  } catch {
    // The checks below report it, like any other wrong content.
  }
  const message = `${file} is damaged: its "snapshots" should be ${expected}, found ${showJson(stated)}.`;
  throw new EngineError('checkpoint', message, { file, expected, found: showJson(stated) });
}
