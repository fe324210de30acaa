/**
 * The sequences of one call of `generate` during decoding: prompts enter, tokens are drawn, finished sequences leave.
 */
import type { Sample } from '../api.js';
import { EngineError } from '../errors.js';
import type { ModelConfig } from '../models/config.js';
import { tokenBias, unembeddingName } from '../models/decoder.js';
import { layerParameterShapes, lookUp, type ParameterSet } from '../models/parameters.js';
import { orderFeeds } from '../models/positions.js';
import type { RotaryTables } from '../models/rope.js';
import { type CompiledGraph, float32, int64, type Tensor } from '../runtime/onnx.js';
import { Cache } from './cache.js';
import { type ChoiceOptions, chooseToken } from './choose.js';
import type { GenerateCall, Sequence } from './sequences.js';

/** Prompts are read in pieces of this many tokens, cut at the same places whatever the rest of the batch. */
const PREFILL_CHUNK = 512;
/** Lengths of pieces are multiples of this, for the same reason as the cache's. */
const PREFILL_STEP = 16;
/** Number of prompt tokens to read in one run. */
const PREFILL_TOKENS = 4096;
const LARGEST_BATCH = 256;

export interface BatchInputs {
  config: ModelConfig;
  weights: ParameterSet;
  /** At least one sequence; they enter in this order. */
  waiting: readonly Sequence[];
  options: GenerateCall;
  /** Maximum bytes for keys and values. */
  cacheBytes: number;
  tables: RotaryTables;
  /** The compiled graph for generation, with or without a cache to attend to. */
  graph: (cached: boolean) => Promise<CompiledGraph>;
  /** Called before every run of a graph; an error that it throws ends the batch. */
  throwIfCancelled: () => void;
}

/** The sequences of one call. Live ones fill the first slots of the cache. */
export class Batch {
  readonly #inputs: BatchInputs;
  readonly #live: Sequence[] = [];
  readonly #cache: Cache;
  readonly #constantFeeds: Record<string, Tensor>;
  readonly #choice: ChoiceOptions;
  readonly #stops: ReadonlySet<number>;
  readonly #capacity: number;
  #finished = 0;
  #written = 0;
  #lastReport = 0;

  constructor(inputs: BatchInputs) {
    const { config, waiting, options, cacheBytes } = inputs;
    this.#inputs = inputs;
    const longest = waiting.reduce((most, { promptIds, maxTokens }) => Math.max(most, promptIds.length + maxTokens), 0);
    const affordable = Math.floor(cacheBytes / (Cache.bytesPerToken(config) * longest));
    const most = Math.min(options.maxBatch ?? LARGEST_BATCH, LARGEST_BATCH, Math.max(1, affordable));
    this.#capacity = Math.min(most, waiting.length);
    // A single row would use another matrix kernel with different rounding, so a batch of one runs with an idle second
    // row.
    const slots = Math.max(2, this.#capacity);
    this.#cache = new Cache(config, slots, Math.min(longest, waiting[0].promptIds.length + PREFILL_STEP));
    this.#choice = { temperature: options.temperature ?? 1, topP: options.topP ?? 1, topK: options.topK ?? 0 };
    this.#stops = new Set(options.stopIds);
    this.#constantFeeds = weightFeeds(inputs);
  }

  async run(finish: (sequence: Sequence, stopReason: Sample['stopReason']) => void): Promise<void> {
    const { waiting } = this.#inputs;
    let next = 0;
    while (next < waiting.length || this.#live.length > 0) {
      const free = this.#capacity - this.#live.length;
      const left = waiting.length - next;
      // Entering costs a separate run, so wait until several sequences can enter together.
      if (left > 0 && free >= Math.min(Math.ceil(this.#capacity / 4), left)) {
        const entering = waiting.slice(next, next + free);
        next += entering.length;
        await this.#enter(entering);
      } else {
        await this.#step();
      }
      this.#leave(finish);
      this.#report();
    }
    this.#report(true);
  }

  /** Reads the prompts of `entering` and draws their first tokens. */
  async #enter(entering: readonly Sequence[]): Promise<void> {
    const groups = new Map<readonly number[], Sequence[]>();
    const byContent = new Map<string, readonly number[]>();
    for (const sequence of entering) {
      const key = sequence.promptIds.join();
      const prompt = byContent.get(key) ?? sequence.promptIds;
      byContent.set(key, prompt);
      groups.set(prompt, [...(groups.get(prompt) ?? []), sequence]);
    }
    // Longest first, so that the prompts with tokens left for a later piece are in the first slots of the run.
    const prompts = [...groups.keys()].sort((a, b) => b.length - a.length);
    for (let start = 0; start < prompts.length; ) {
      const padded = Math.min(PREFILL_CHUNK, roundUp(prompts[start].length));
      const together = prompts.slice(start, start + Math.max(1, Math.floor(PREFILL_TOKENS / padded)));
      start += together.length;
      const first = this.#live.length;
      const distributions = await this.#readPrompts(together, first);
      for (const prompt of together) this.#live.push((groups.get(prompt) as Sequence[])[0]);
      together.forEach((prompt, index) => {
        for (const sequence of groups.get(prompt) as Sequence[]) {
          if (sequence !== this.#live[first + index]) {
            this.#cache.copySlot(this.#live.length, first + index);
            this.#live.push(sequence);
          }
          this.#draw(sequence, distributions[index]);
        }
      });
    }
  }

  /** Reads prompts (longest first) into the slots from `first` on; returns the distribution after each. */
  async #readPrompts(prompts: readonly (readonly number[])[], first: number): Promise<Float32Array[]> {
    this.#cache.reserve(prompts[0].length);
    const distributions: Float32Array[] = new Array(prompts.length);
    for (let slot = first; slot < first + prompts.length; slot++) this.#cache.clearSlot(slot);
    for (let from = 0; from < prompts[0].length; from += PREFILL_CHUNK) {
      this.#inputs.throwIfCancelled();
      const active = prompts.filter((prompt) => prompt.length > from);
      const length = Math.min(PREFILL_CHUNK, roundUp(active[0].length - from));
      const ids = new Int32Array(active.length * length);
      active.forEach((prompt, row) => void ids.set(prompt.slice(from, from + length), row * length));
      const ending = active.flatMap((prompt, row) => (prompt.length <= from + length ? [row] : []));
      const outputs = await this.#runGraph(
        ids,
        active.length,
        length,
        active.map(() => from),
        ending.map((row) => row * length + active[row].length - from - 1),
        from > 0 ? first : undefined,
      );
      active.forEach((prompt, row) => {
        this.#cache.append(first + row, outputs, row, Math.min(length, prompt.length - from));
      });
      ending.forEach((row, index) => {
        distributions[row] = this.#distribution(outputs, index).slice();
      });
    }
    return distributions;
  }

  /** Draws one more token for every live sequence. */
  async #step(): Promise<void> {
    this.#inputs.throwIfCancelled();
    const count = Math.max(2, this.#live.length);
    const lengths = Array.from({ length: count }, (_, slot) =>
      slot < this.#live.length ? this.#cache.lengths[slot] : 0,
    );
    this.#cache.reserve(Math.max(...lengths) + 1);
    const ids = Int32Array.from(lengths, (_, slot) => this.#live[slot]?.tokens.at(-1) ?? 0);
    const rows = lengths.map((_, slot) => slot);
    const outputs = await this.#runGraph(ids, count, 1, lengths, rows, 0);
    this.#live.forEach((sequence, slot) => {
      this.#cache.append(slot, outputs, slot, 1);
      this.#draw(sequence, this.#distribution(outputs, slot));
    });
  }

  /**
   * Runs `sequences` x `length` new tokens whose positions begin at `starts`; `slot` is the first cache slot to attend
   * to, if any.
   */
  async #runGraph(
    ids: Int32Array,
    sequences: number,
    length: number,
    starts: readonly number[],
    rows: readonly number[],
    slot: number | undefined,
  ): Promise<Record<string, Tensor>> {
    const { hiddenSize, headSize } = this.#inputs.config;
    const embedding = this.#inputs.weights.get('model.embed_tokens.weight') as Float32Array;
    const { cosine, sine, rows: tableRows } = this.#inputs.tables.upTo(Math.max(...starts) + length);
    const positions = Array.from(ids, (_, i) => starts[Math.floor(i / length)] + (i % length));
    // At least two rows for the head too.
    const wanted = rows.length >= 2 ? rows : [rows[0] ?? 0, rows[0] ?? 0];
    const inverse = this.#choice.temperature === 0 ? 1 : 1 / this.#choice.temperature;
    const feeds: Record<string, Tensor> = {
      ...this.#constantFeeds,
      hidden: float32(lookUp(embedding, ids, hiddenSize), [ids.length, hiddenSize]),
      positions: int64(positions, [sequences, length]),
      ...orderFeeds(length),
      cosine: float32(cosine, [tableRows, headSize / 2]),
      sine: float32(sine, [tableRows, headSize / 2]),
      rows: int64(wanted, [wanted.length]),
      inverseTemperature: float32(new Float32Array(wanted.length).fill(inverse), [wanted.length, 1]),
    };
    if (slot !== undefined) {
      Object.assign(feeds, this.#cache.feeds(slot, sequences), {
        'past order': int64(range(this.#cache.capacity), [this.#cache.capacity]),
        'past lengths': int64(starts, [sequences]),
      });
    }
    const graph = await this.#inputs.graph(slot !== undefined);
    return graph.run(feeds);
  }

  #distribution(outputs: Record<string, Tensor>, row: number): Float32Array {
    const { vocabularySize } = this.#inputs.config;
    return (outputs.probabilities.data as Float32Array).subarray(row * vocabularySize, (row + 1) * vocabularySize);
  }

  #draw(sequence: Sequence, probabilities: Float32Array): void {
    const token = chooseToken(probabilities, this.#choice, sequence.random);
    const probability = probabilities[token];
    if (!(probability > 0)) {
      throw new EngineError(
        'non-finite-weights',
        `The model gave no usable distribution after ${sequence.promptIds.length + sequence.tokens.length} tokens ` +
          `of request ${sequence.request}: its weights, or what they compute, are not finite.`,
        { expected: 'probabilities that add up to 1', found: `${probabilities[0]}, …` },
      );
    }
    sequence.tokens.push(token);
    sequence.logProbabilities.push(Math.log(probability));
    this.#written++;
  }

  /** Removes finished sequences and moves the last live slot into each gap. */
  #leave(finish: (sequence: Sequence, stopReason: Sample['stopReason']) => void): void {
    for (let slot = 0; slot < this.#live.length; ) {
      const sequence = this.#live[slot];
      const stopped = this.#stops.has(sequence.tokens[sequence.tokens.length - 1]);
      if (!stopped && sequence.tokens.length < sequence.maxTokens) {
        slot++;
        continue;
      }
      finish(sequence, stopped ? 'stop' : 'length');
      this.#finished++;
      const last = this.#live.pop() as Sequence;
      if (last === sequence) continue;
      this.#live[slot] = last;
      this.#cache.copySlot(slot, this.#live.length);
    }
  }

  #report(always = false): void {
    const now = Date.now();
    if (!this.#inputs.options.onProgress || (!always && now - this.#lastReport < 200)) return;
    this.#lastReport = now;
    this.#inputs.options.onProgress({
      finished: this.#finished,
      total: this.#inputs.waiting.length,
      tokens: this.#written,
    });
  }
}

/** The inputs that all runs share: weights, and the bias for the logits of masked tokens. */
function weightFeeds({ config, weights, options }: BatchInputs): Record<string, Tensor> {
  const feeds: Record<string, Tensor> = {};
  for (let layer = 0; layer < config.layers; layer++) {
    for (const [name, shape] of layerParameterShapes(config)) {
      const full = `model.layers.${layer}.${name}`;
      feeds[full] = float32(weights.get(full) as Float32Array, shape);
    }
  }
  const unembedding = unembeddingName(config);
  feeds[unembedding] = float32(weights.get(unembedding) as Float32Array, [config.vocabularySize, config.hiddenSize]);
  feeds['model.norm.weight'] = float32(weights.get('model.norm.weight') as Float32Array, [config.hiddenSize]);
  feeds.tokenBias = float32(tokenBias(config, options.maskedIds ?? []), [config.vocabularySize]);
  return feeds;
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

function roundUp(tokens: number): number {
  return Math.ceil(tokens / PREFILL_STEP) * PREFILL_STEP;
}
