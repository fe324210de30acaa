/** Engines for tests: slow to start, quick to reset. Closing one puts it back into the pool. */
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { miniChat, miniTokenizer, miniTokenizerFiles } from '../data/mini/tokenizer.js';
import { type LocalPolicy, openLocalPolicy } from './local.js';

export const tinyTokenizer = miniTokenizer();

/** The shape of a random model. One layer: most of a test's time goes into compiling a graph for each engine. */
export const tinyShape = {
  architecture: 'qwen3' as const,
  vocabularySize: tinyTokenizer.vocabularySize,
  contextLength: 64,
  hiddenSize: 16,
  intermediateSize: 32,
  layers: 1,
  heads: 2,
  keyValueHeads: 1,
  headSize: 8,
  ropeTheta: 10_000,
  rmsNormEpsilon: 1e-6,
  tieWordEmbeddings: true,
};

const idle: LocalPolicy[] = [];
const all: LocalPolicy[] = [];
/** Folders with the weights that a seed makes. */
const beginnings = new Map<number, string>();

/** A tiny random model, the same weights for the same seed. */
export async function tinyPolicy(seed = 1): Promise<LocalPolicy> {
  const beginning = beginnings.get(seed);
  const used = beginning === undefined ? undefined : idle.pop();
  const policy =
    used ?? (await openLocalPolicy({ config: tinyShape, seed }, { tokenizer: tinyTokenizer, chat: miniChat }));
  if (!used) all.push(policy);
  if (used) await policy.load(beginning!);
  else if (beginning === undefined) {
    const folder = await mkdtemp(join(tmpdir(), 'engine-'));
    await policy.save(folder);
    beginnings.set(seed, folder);
  }
  const snapshots = new Set<string>();
  const own: Partial<Record<string | symbol, unknown>> = {
    snapshot: (name: string) => {
      snapshots.add(name);
      return policy.snapshot(name);
    },
    close: async () => {
      own.close = async () => {};
      for (const name of snapshots) await policy.dropSnapshot(name);
      await policy.zeroGradients();
      idle.push(policy);
    },
  };
  return new Proxy(policy, {
    get(target, key) {
      if (key in own) return own[key];
      const value = Reflect.get(target, key);
      return typeof value === 'function' ? value.bind(target) : value;
    },
    set(_, key, value) {
      own[key] = value;
      return true;
    },
  });
}

let folder: Promise<string> | undefined;

/**
 * A model folder for commands and runs: the tiny shape with the window of the embedded models, and their tokenizer.
 * Written once for all test files of a process.
 */
export function tinyModelFolder(): Promise<string> {
  folder ??= (async () => {
    const path = await mkdtemp(join(tmpdir(), 'tiny-model-'));
    process.once('exit', () => rmSync(path, { recursive: true, force: true }));
    const { tokenizer, config } = miniTokenizerFiles();
    const bytes = (value: object) => new TextEncoder().encode(JSON.stringify(value));
    const files = { 'tokenizer.json': bytes(tokenizer), 'tokenizer_config.json': bytes(config) };
    const shape = { ...tinyShape, contextLength: 256 };
    const policy = await openLocalPolicy(
      { config: shape, seed: 1, files },
      { tokenizer: tinyTokenizer, chat: miniChat },
    );
    await policy.exportModel(path);
    await policy.close();
    return path;
  })();
  return folder;
}

/** At the end of a test file. */
export async function closeTinyPolicies(): Promise<void> {
  idle.length = 0;
  for (const policy of all.splice(0)) await policy.close();
}
