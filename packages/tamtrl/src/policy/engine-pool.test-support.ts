/** Engines for tests: slow to start, quick to reset. Closing one puts it back into the pool. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { miniChat, miniTokenizer } from '../data/mini/tokenizer.js';
import { type LocalPolicy, openLocalPolicy } from './local.js';

export const tinyTokenizer = miniTokenizer();

/** Shape of a random model that is made and trained in a moment. */
export const tinyShape = {
  architecture: 'qwen3' as const,
  vocabularySize: tinyTokenizer.vocabularySize,
  contextLength: 64,
  hiddenSize: 16,
  intermediateSize: 32,
  layers: 2,
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

/** At the end of a test file. */
export async function closeTinyPolicies(): Promise<void> {
  idle.length = 0;
  for (const policy of all.splice(0)) await policy.close();
}
