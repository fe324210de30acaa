/** The weights of one engine: the trained ones, the frozen base of an adapter, and snapshots of the trained ones. */
import { EngineError } from './errors.js';
import { isNeutral, mergedWeight } from './models/adapter.js';
import type { ModelConfig } from './models/config.js';
import { copyParameters, type ParameterSet } from './models/parameters.js';
import type { ParameterSource } from './weights/pretrained.js';

/** The name under which an adapted model's weights without the adapter are always there. */
const BASE = 'base';

/** Weights to compute with. */
export interface ChosenWeights {
  weights: ParameterSet;
  /** Whether `weights` has the adapter's parameters as well as the base's. */
  adapted: boolean;
  /** Another for weights that are or may be others. */
  key: string;
}

/** With an adapter, snapshots hold only the adapter, and the base is there once. */
export class WeightSets {
  /** By the names of `trainedShapes(config)`. */
  readonly trained: ParameterSet;
  readonly snapshots = new Map<string, ParameterSet>();
  readonly #base: ParameterSet;
  readonly #config: ModelConfig;
  #changes = 0;

  /** @param adapter if `config` has one */
  constructor(config: ModelConfig, base: ParameterSet, adapter?: ParameterSet) {
    this.#config = config;
    this.#base = base;
    this.trained = adapter ?? base;
  }

  /** The weights that do not change: the base of an adapter. */
  get frozen(): ParameterSet | undefined {
    return this.trained === this.#base ? undefined : this.#base;
  }

  /** Weight of the base model or parameter of the adapter. */
  get(name: string): Float32Array | undefined {
    return this.trained.get(name) ?? this.#base.get(name);
  }

  /** Number of values in all sets. */
  get size(): number {
    const sets = [this.trained, ...this.snapshots.values(), ...(this.frozen ? [this.frozen] : [])];
    return sets.reduce((sum, set) => sum + sizeOf(set), 0);
  }

  /** To be called after every change of the trained weights from outside. */
  changed(): void {
    this.#changes++;
  }

  /** The live weights, or those of a snapshot. @throws EngineError 'invalid-argument' if there is no such snapshot. */
  choose(snapshot: string | undefined): ChosenWeights {
    if (snapshot === undefined) return this.#beside(this.trained, `live ${this.#changes}`);
    if (this.frozen && snapshot === BASE) return { weights: this.frozen, adapted: false, key: BASE };
    const set = this.#snapshot(snapshot);
    // An adapter that changes nothing, as at the start of training, need not be computed.
    if (this.frozen && isNeutral(set)) return { weights: this.frozen, adapted: false, key: BASE };
    return this.#beside(set, `snapshot ${this.#changes} ${snapshot}`);
  }

  /** @throws EngineError 'invalid-argument' for the name of the base. */
  snapshot(name: string): void {
    if (this.frozen && name === BASE) {
      throw new EngineError(
        'invalid-argument',
        `The snapshot "${BASE}" already exists in a model with an adapter: it is the model without the adapter. Give the snapshot another name.`,
        { found: name },
      );
    }
    this.snapshots.set(name, copyParameters(this.trained));
    this.changed();
  }

  blend(name: string, decay: number): void {
    if (!(decay >= 0 && decay <= 1)) {
      throw new EngineError('invalid-argument', `blendSnapshot: decay must be between 0 and 1, found ${decay}.`);
    }
    for (const [parameter, average] of this.#snapshot(name)) {
      const current = this.trained.get(parameter) as Float32Array;
      for (let i = 0; i < average.length; i++) average[i] = decay * average[i] + (1 - decay) * current[i];
    }
    this.changed();
  }

  /** Replaces what is trained and the snapshots. */
  restore(trained: ParameterSet, snapshots: ReadonlyMap<string, ParameterSet>): void {
    for (const [name, data] of trained) (this.trained.get(name) as Float32Array).set(data);
    this.snapshots.clear();
    for (const [name, parameters] of snapshots) this.snapshots.set(name, parameters);
    this.changed();
  }

  /** The live weights as those of a plain model, each merged with its adapter when it is asked for. */
  get merged(): ParameterSource {
    const { frozen } = this;
    if (!frozen) return this.trained;
    return { get: (name) => mergedWeight(this.#config, frozen, this.trained, name) };
  }

  #beside(trained: ParameterSet, key: string): ChosenWeights {
    if (!this.frozen) return { weights: trained, adapted: false, key };
    return { weights: new Map([...this.frozen, ...trained]), adapted: true, key };
  }

  #snapshot(name: string): ParameterSet {
    const parameters = this.snapshots.get(name);
    if (parameters) return parameters;
    const names = [...(this.frozen ? [BASE] : []), ...this.snapshots.keys()];
    const known = names.join(', ') || 'none';
    throw new EngineError('invalid-argument', `There is no snapshot "${name}". Snapshots taken so far: ${known}.`, {
      expected: known,
      found: name,
    });
  }
}

function sizeOf(set: ParameterSet): number {
  let size = 0;
  for (const values of set.values()) size += values.length;
  return size;
}
