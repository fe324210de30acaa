/**
 * From a preset, a configuration file and flags to a whole configuration: preset < file < flags. The file may name the
 * preset too. The patch of a named
 * method is just below the layer that names it, so that the other settings of that layer and of those above it win.
 */
import { stat } from 'node:fs/promises';
import { z } from 'zod';
import { exists } from '../base/files.js';
import { suggestion } from '../base/nearest.js';
import { given } from '../base/objects.js';
import { checkpointOf } from '../models/run-checkpoints.js';
import { MODEL_NAMES, parseModelSpec } from '../models/spec.js';
import type { Precision } from '../policy/precision.js';
import {
  type RunConfig,
  type RunConfigInput,
  runConfigSchema,
  type SftConfig,
  type SftConfigInput,
  sftConfigSchema,
} from '../train/config.js';
import { RunError } from './errors.js';
import type { Preset } from './presets/preset.js';
import { findPreset, presets } from './presets/presets.js';
import { findRecipe, recipes } from './recipes.js';
import { readYamlFile, type YamlFile } from './yaml-file.js';

/** The flags of `train` and `sft`. */
export interface SettingFlags {
  preset?: string;
  /** A YAML file, or what one would hold: settings, and the preset below them. */
  config?: string | ((RunConfigInput | SftConfigInput) & { preset?: string });
  method?: string;
  /** A file with a reward of your own. */
  reward?: string;
  model?: string;
  /** A JSONL file of question records, or the name of a generated task. */
  data?: string;
  seed?: number;
  steps?: number;
  /** self, ema, frozen, or another model. */
  teacher?: string;
  thinking?: boolean;
  /** In which a local model writes: `samplingPrecision`. */
  precision?: Precision;
  /** Trains an adapter of this rank instead of all weights. */
  adapterRank?: number;
}

export interface Settings<Config> {
  config: Config;
  /** For names and reports; "custom" without a preset. */
  preset: string;
  /** The method as it was named, an ablation's name rather than its method's. */
  method: string;
  /** It was named by a flag or the configuration, not by a preset or by default. */
  methodNamed: boolean;
}

type Tree = Record<string, unknown>;

const DEFAULT_PRESET = 'mini';
const GENERATED = ['mini', 'babilong'];

export interface Given {
  /** Instead of the configuration that the flags name: settings, and where each stands. */
  file?: YamlFile;
  /** False: files and models need not be there. */
  files?: false;
}

export function trainSettings(flags: SettingFlags, given: Given = {}): Promise<Settings<RunConfig>> {
  return resolve(flags, 'train', runConfigSchema, given);
}

export function sftSettings(flags: SettingFlags): Promise<Settings<SftConfig>> {
  return resolve(flags, 'sft', sftConfigSchema);
}

async function resolve<Schema extends z.ZodType>(
  flags: SettingFlags,
  command: 'train' | 'sft',
  schema: Schema,
  instead: Given = {},
): Promise<Settings<z.output<Schema>>> {
  const file = instead.file ?? (typeof flags.config === 'string' ? await readYamlFile(flags.config) : undefined);
  const { preset: named, ...given } = file?.settings ?? (flags.config as Tree | undefined) ?? {};
  const preset = presetOf(flags, command, named, file);
  const base = (preset?.[command] ?? {}) as Tree;
  const { method: presetMethod, ...ofPreset } = base;
  let method = command === 'sft' ? 'sft' : ((presetMethod as string | undefined) ?? 'tamtrl');
  const layers = [ofPreset];
  if (command === 'train' && flags.method === undefined && given.method === undefined) {
    layers.unshift(methodPatch(method, 'preset: '));
  }
  const own = { ...given };
  // The schema refuses a value that is not text.
  if (command === 'train' && typeof own.method === 'string') {
    method = own.method;
    if (flags.method === undefined) {
      layers.push(methodPatch(method, file ? `${file.place(['method'])}: ` : 'config.method: '));
      delete own.method;
    }
  }
  layers.push(own);
  if (flags.method !== undefined) {
    method = flags.method;
    layers.push(methodPatch(method, '--method: '));
  }
  layers.push(flagTree(flags));
  const merged = layers.reduce(mergeSettings);
  requireWhatPresetsLeaveOut(merged, preset);
  const parsed = schema.safeParse(merged);
  if (!parsed.success) throw new RunError('settings', explainIssues(parsed.error.issues, schema, merged, file));
  if (instead.files !== false) await requireFiles(parsed.data as RunConfig | SftConfig, file);
  const methodNamed = flags.method !== undefined || given.method !== undefined;
  return { config: parsed.data, preset: preset?.name ?? 'custom', method, methodNamed };
}

/** The preset that the flag names, else the one that the configuration does (`named`). */
function presetOf(
  { preset: flag, config }: SettingFlags,
  command: 'train' | 'sft',
  named: unknown,
  file: YamlFile | undefined,
): Preset | undefined {
  const name = flag ?? named;
  // A configuration without a preset uses only the defaults.
  if (name === undefined) return config === undefined && !file ? findPreset(DEFAULT_PRESET) : undefined;
  const place = flag !== undefined ? '--preset' : file ? file.place(['preset']) : 'config.preset';
  if (typeof name !== 'string') {
    throw new RunError('settings', `${place}: expected the name of a preset, found ${JSON.stringify(name)}.`);
  }
  const able = presets.filter((preset) => preset[command]).map((preset) => preset.name);
  const preset = findPreset(name);
  if (!preset) throw new RunError('settings', `${place}: there is no preset "${name}". ${suggestion(name, able)}`);
  if (!preset[command]) {
    throw new RunError(
      'settings',
      `${place}: "${name}" has no settings for ${command}. Presets that have: ${able.join(', ')}.`,
    );
  }
  return preset;
}

function methodPatch(name: string, place: string): Tree {
  const recipe = findRecipe(name);
  if (recipe) return recipe.patch;
  const known = recipes.map((each) => each.name);
  throw new RunError('settings', `${place}there is no method "${name}". ${suggestion(name, known)}`);
}

function flagTree({ model, data, seed, steps, teacher, thinking, precision, adapterRank, reward }: SettingFlags): Tree {
  const tree: Tree = { model, seed, steps, thinking, samplingPrecision: precision };
  if (reward !== undefined) tree.reward = { module: reward };
  if (adapterRank !== undefined) tree.adapter = { rank: adapterRank };
  if (teacher !== undefined) Object.assign(tree, OWN_TEACHERS.includes(teacher) ? { teacher } : otherTeacher(teacher));
  if (data !== undefined) tree.data = GENERATED.includes(data) ? { kind: data } : { kind: 'records', train: data };
  return given(tree);
}

/** Teachers made from the policy's own weights. */
const OWN_TEACHERS = ['self', 'ema', 'frozen'];

function otherTeacher(model: string): Tree {
  return { teacher: 'other', teacherModel: model };
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Later settings win. Trees of different kinds are not mixed: records have nothing to take from a generated task. */
export function mergeSettings(below: Tree, above: Tree): Tree {
  const merged = { ...below };
  for (const [key, value] of Object.entries(above)) {
    const old = merged[key];
    const mixable = isTree(old) && isTree(value) && (value.kind === undefined || old.kind === value.kind);
    merged[key] = mixable ? mergeSettings(old, value) : value;
  }
  return merged;
}

/** @throws RunError if a preset needs something that the user has not given. */
function requireWhatPresetsLeaveOut(merged: Tree, preset: Preset | undefined): void {
  const { bringModel, name } = preset ?? {};
  const problems: string[] = [];
  if (bringModel && merged.model === undefined) {
    problems.push(
      `The preset ${name} trains ${bringModel.name}, which you must provide: ${bringModel.why}. Give --model: a local copy (a folder with config.json, model.safetensors and tokenizer.json, or a .gguf file), hf:owner/name, or a training server, tinker:URL#MODEL (docs/scale.md).`,
    );
  }
  if (isTree(merged.data) && merged.data.kind === 'records' && merged.data.train === undefined) {
    const who = preset ? `The preset ${name}` : 'This configuration';
    problems.push(
      `${who} needs question records: give --data FILE.jsonl (one JSON object per line with id, question, answers, documents).`,
    );
  }
  if (problems.length > 0) throw new RunError('settings', problems.join('\n'));
}

/** @throws RunError for a missing file or model. */
async function requireFiles(config: RunConfig | SftConfig, file: YamlFile | undefined): Promise<void> {
  const { data, model } = config;
  const source = (path: string[], flag: string) => {
    if (!file?.has(path)) return flag;
    return file.flags === false ? file.place(path) : `${file.place(path)} (or ${flag})`;
  };
  const named = data.kind === 'records' ? { train: data.train, heldOut: data.heldOut } : {};
  for (const [key, path] of Object.entries(named)) {
    if (path === undefined) continue;
    const place = await stat(path).catch(() => undefined);
    if (place?.isFile()) continue;
    const found = place ? 'a folder' : 'nothing';
    const names = place || /[./\\]/.test(path) ? '' : ` ${suggestion(path, GENERATED)}`;
    throw new RunError(
      'settings',
      `${source(['data', key], '--data')}: expected a JSONL file of question records at ${path}, found ${found}.${names}`,
    );
  }
  const module = 'reward' in config ? config.reward.module : undefined;
  if (module !== undefined && !(await stat(module).catch(() => undefined))?.isFile()) {
    const place = source(['reward', 'module'], '--reward');
    throw new RunError('settings', `${place}: expected a .ts or .js file with a reward at ${module}, found none.`);
  }
  const models = [{ model, place: source(['model'], '--model'), names: MODEL_NAMES as readonly string[] }];
  if ('teacherModel' in config && config.teacherModel !== undefined) {
    const names = [...OWN_TEACHERS, ...MODEL_NAMES];
    models.push({ model: config.teacherModel, place: source(['teacherModel'], '--teacher'), names });
  }
  for (const { model: address, place, names } of models) {
    const spec = parseModelSpec(address);
    if (spec.kind !== 'folder' && spec.kind !== 'gguf') continue;
    const path = await checkpointOf(spec.path).catch((error: Error) => {
      throw new RunError('settings', `${place}: ${error.message}`, { cause: error });
    });
    if (await exists(path)) continue;
    throw new RunError(
      'settings',
      `${place}: there is no model folder or .gguf file at ${address}. ${suggestion(address, names)}`,
    );
  }
}

interface JsonSchema {
  properties?: Record<string, JsonSchema>;
  oneOf?: JsonSchema[];
  const?: unknown;
}

/** Names of the settings that a place in the configuration may have. */
function keysAt(schema: z.ZodType, path: readonly PropertyKey[], value: Tree): string[] {
  let at = z.toJSONSchema(schema, { io: 'input' }) as JsonSchema | undefined;
  let here: unknown = value;
  const choose = () => {
    const kind = isTree(here) ? here.kind : undefined;
    return at?.oneOf ? at.oneOf.find(({ properties }) => properties?.kind.const === kind) : at;
  };
  for (const key of path) {
    at = choose()?.properties?.[String(key)];
    here = isTree(here) ? here[String(key)] : undefined;
  }
  return Object.keys(choose()?.properties ?? {});
}

/** One line for each thing that is wrong: where, what, and the nearest right name. */
function explainIssues(
  issues: readonly z.core.$ZodIssue[],
  schema: z.ZodType,
  merged: Tree,
  file: YamlFile | undefined,
): string {
  const lines = issues.flatMap((issue) => {
    const name = issue.path.join('.');
    if (issue.code === 'unrecognized_keys') {
      const known = keysAt(schema, issue.path, merged);
      const where = name === '' ? '' : ` in ${name}`;
      return issue.keys.map(
        (key) =>
          `${placeOf([...issue.path, key], 'key', file)}unknown setting "${key}"${where}. ${suggestion(key, known)}`,
      );
    }
    const place = placeOf(issue.path, 'value', file);
    const found = issue.path.reduce<unknown>((here, key) => (isTree(here) ? here[String(key)] : undefined), merged);
    const choices =
      issue.code === 'invalid_value'
        ? issue.values
        : issue.code === 'invalid_union' && 'options' in issue && issue.options;
    if (Array.isArray(choices) && typeof found === 'string') {
      return `${place}${name}: there is no "${found}". ${suggestion(found, choices.map(String))}`;
    }
    const message = issue.message.replace(/^Invalid input: |^Invalid option: /, '').replace(/, received .*$/, '');
    return `${place}${name}: ${message}, found ${JSON.stringify(found) ?? 'nothing'}.`;
  });
  return lines.join('\n');
}

function placeOf(path: readonly PropertyKey[], part: 'key' | 'value', file: YamlFile | undefined): string {
  return file?.has(path.slice(0, 1)) ? `${file.place(path, part)}: ` : '';
}
