/**
 * Continuous batching: sequences of all requests are decoded together, finished ones leave the batch and waiting ones enter. A
 * prompt is computed once for all of its samples.
 */
import type { GenerateOptions, GenerateRequest, Sample } from '../api.js';
import { EngineError } from '../errors.js';
import { layerParameterShapes, type ModelConfig } from '../models/config.js';
import { orderFeeds, unembeddingName } from '../models/decoder.js';
import { lookUp, type ParameterSet } from '../models/parameters.js';
import { RotaryTables } from '../models/rope.js';
import { hashSeed, Random } from '../random.js';
import { CompiledGraph, float32, int64, type RuntimeOptions, type Tensor } from '../runtime/onnx.js';
import { checkTokens } from '../training/batches.js';
import { Cache } from './cache.js';
import { type ChoiceOptions, chooseToken } from './choose.js';
import { generationGraph } from './graphs.js';

export interface GeneratorOptions extends RuntimeOptions {
  /** Bytes for keys and values; default 1 GiB. */
  cacheBytes?: number;
}

/** Prompts are read in pieces of this many tokens, cut at the same places whatever else is in the batch. */
const PREFILL_CHUNK = 512;
/** Lengths of pieces are multiples of this, for the same reason as the cache's. */
const PREFILL_STEP = 16;
/** Tokens of prompts that are read in one run. */
const PREFILL_TOKENS = 4096;
const LARGEST_BATCH = 256;
const MASKED = -1e9;

/** One continuation on its way. */
interface Sequence {
  request: number;
  sample: number;
  promptIds: readonly number[];
  maxTokens: number;
  random: Random;
  tokens: number[];
  logProbabilities: number[];
}

type GenerateCall = Omit<GenerateOptions, 'signal' | 'weights'>;

export class Generator {
  private readonly graphs = new Map<boolean, Promise<CompiledGraph>>();
  private readonly tables: RotaryTables;

  constructor(
    private readonly config: ModelConfig,
    private readonly options: GeneratorOptions = {},
  ) {
    this.tables = new RotaryTables(config);
  }

  /** `checkpoint` is called before every run of a graph and may throw to end the call. */
  async generate(
    weights: ParameterSet,
    requests: readonly GenerateRequest[],
    options: GenerateCall,
    checkpoint: () => void = () => {},
  ): Promise<Sample[][]> {
    const waiting = this.sequences(requests, options);
    const results: Sample[][] = requests.map((request) => new Array<Sample>(request.samples ?? 1));
    if (waiting.length === 0) return results;
    const batch = new Batch(this, this.config, weights, waiting, options, this.options, this.tables, checkpoint);
    await batch.run((sequence, stopReason) => {
      const { tokens, logProbabilities } = sequence;
      results[sequence.request][sequence.sample] = { tokens, logProbabilities, stopReason };
    });
    return results;
  }

  graph(cached: boolean): Promise<CompiledGraph> {
    let graph = this.graphs.get(cached);
    if (!graph) {
      graph = CompiledGraph.compile(generationGraph(this.config, cached), this.options);
      this.graphs.set(cached, graph);
    }
    return graph;
  }

  /** Checks the call and lays out its sequences, samples of a prompt next to each other. */
  private sequences(requests: readonly GenerateRequest[], options: GenerateCall): Sequence[] {
    checkOptions(this.config, options);
    const sequences: Sequence[] = [];
    const occurrences = new Map<number, number>();
    requests.forEach((request, index) => {
      const { promptIds, samples = 1, maxTokens = options.maxTokens } = request;
      if (promptIds.length === 0) {
        throw new EngineError(
          'empty-prompt',
          `Request ${index} has an empty prompt: a model needs at least one token to go on from.`,
        );
      }
      checkTokens(this.config, promptIds, `Request ${index}'s prompt`);
      checkCount(samples, `Request ${index}: samples`, 0);
      checkCount(maxTokens, `Request ${index}: maxTokens`, 1);
      const { contextLength } = this.config;
      if (promptIds.length + maxTokens > contextLength) {
        throw new EngineError(
          'prompt-too-long',
          `Request ${index} has ${promptIds.length} prompt tokens and may write ${maxTokens}; the model's window holds ` +
            `${contextLength} in all. Shorten the prompt or lower maxTokens.`,
          { expected: `at most ${contextLength} tokens`, found: `${promptIds.length + maxTokens}` },
        );
      }
      // A stream belongs to the prompt, not to its place in the call; equal prompts are told apart by counting.
      let seed = request.seed;
      if (seed === undefined) {
        const prompt = hashSeed(...promptHash(promptIds));
        const occurrence = occurrences.get(prompt) ?? 0;
        occurrences.set(prompt, occurrence + 1);
        seed = hashSeed(options.seed ?? 0, prompt, occurrence);
      }
      for (let sample = 0; sample < samples; sample++) {
        const random = new Random(hashSeed(seed, sample));
        sequences.push({ request: index, sample, promptIds, maxTokens, random, tokens: [], logProbabilities: [] });
      }
    });
    return sequences;
  }

  async release(): Promise<void> {
    const compiled = await Promise.all(this.graphs.values());
    this.graphs.clear();
    await Promise.all(compiled.map((graph) => graph.release()));
  }
}

/** The sequences of one call. Live ones fill the first slots of the cache. */
class Batch {
  private readonly live: Sequence[] = [];
  private readonly cache: Cache;
  private readonly constantFeeds: Record<string, Tensor>;
  private readonly choice: ChoiceOptions;
  private readonly stops: ReadonlySet<number>;
  private readonly masked: ReadonlySet<number>;
  private readonly total: number;
  private readonly capacity: number;
  private finished = 0;
  private written = 0;
  private lastReport = 0;

  constructor(
    private readonly generator: Generator,
    private readonly config: ModelConfig,
    private readonly weights: ParameterSet,
    private readonly waiting: Sequence[],
    private readonly options: GenerateCall,
    { cacheBytes = 2 ** 30 }: GeneratorOptions,
    private readonly tables: RotaryTables,
    private readonly checkpoint: () => void,
  ) {
    const longest = waiting.reduce(
      (length, { promptIds, maxTokens }) => Math.max(length, promptIds.length + maxTokens),
      0,
    );
    const affordable = Math.floor(cacheBytes / (Cache.bytesPerToken(config) * longest));
    const most = Math.min(options.maxBatch ?? LARGEST_BATCH, LARGEST_BATCH, Math.max(1, affordable));
    this.capacity = Math.min(most, waiting.length);
    // One row alone would take another matrix kernel, with other rounding: a batch of one runs with an idle second row.
    this.cache = new Cache(
      config,
      Math.max(2, this.capacity),
      Math.min(longest, waiting[0].promptIds.length + PREFILL_STEP),
    );
    this.total = waiting.length;
    this.choice = { temperature: options.temperature ?? 1, topP: options.topP ?? 1, topK: options.topK ?? 0 };
    this.stops = new Set(options.stopIds);
    this.masked = new Set(options.maskedIds);
    this.constantFeeds = this.weightFeeds();
  }

  async run(finish: (sequence: Sequence, stopReason: Sample['stopReason']) => void): Promise<void> {
    let next = 0;
    while (next < this.waiting.length || this.live.length > 0) {
      const free = this.capacity - this.live.length;
      // Entering costs a run of its own: wait until a few can enter together.
      if (next < this.waiting.length && free >= Math.min(Math.ceil(this.capacity / 4), this.waiting.length - next)) {
        const entering = this.waiting.slice(next, next + free);
        next += entering.length;
        await this.enter(entering);
      } else {
        await this.step();
      }
      this.leave(finish);
      this.report();
    }
    this.report(true);
  }

  /** Reads the prompts of `entering` and draws their first tokens. */
  private async enter(entering: readonly Sequence[]): Promise<void> {
    const groups = new Map<readonly number[], Sequence[]>();
    const byContent = new Map<string, readonly number[]>();
    for (const sequence of entering) {
      const key = sequence.promptIds.join();
      const prompt = byContent.get(key) ?? sequence.promptIds;
      byContent.set(key, prompt);
      groups.set(prompt, [...(groups.get(prompt) ?? []), sequence]);
    }
    // Longest first: the prompts that a later piece still concerns are then the first slots of the run.
    const prompts = [...groups.keys()].sort((a, b) => b.length - a.length);
    for (let start = 0; start < prompts.length; ) {
      const padded = Math.min(PREFILL_CHUNK, roundUp(prompts[start].length));
      const together = prompts.slice(start, start + Math.max(1, Math.floor(PREFILL_TOKENS / padded)));
      start += together.length;
      const first = this.live.length;
      const distributions = await this.readPrompts(together, first);
      for (const prompt of together) this.live.push((groups.get(prompt) as Sequence[])[0]);
      together.forEach((prompt, index) => {
        for (const sequence of groups.get(prompt) as Sequence[]) {
          if (sequence !== this.live[first + index]) {
            this.cache.copySlot(this.live.length, first + index);
            this.live.push(sequence);
          }
          this.draw(sequence, distributions[index]);
        }
      });
    }
  }

  /** Reads prompts (longest first) into the slots from `first` on; returns the distribution after each. */
  private async readPrompts(prompts: readonly (readonly number[])[], first: number): Promise<Float32Array[]> {
    this.cache.reserve(prompts[0].length);
    const distributions: Float32Array[] = new Array(prompts.length);
    for (let slot = first; slot < first + prompts.length; slot++) this.cache.clearSlot(slot);
    for (let from = 0; from < prompts[0].length; from += PREFILL_CHUNK) {
      this.checkpoint();
      const active = prompts.filter((prompt) => prompt.length > from);
      const length = Math.min(PREFILL_CHUNK, roundUp(active[0].length - from));
      const ids = new Int32Array(active.length * length);
      active.forEach((prompt, row) => void ids.set(prompt.slice(from, from + length), row * length));
      const ending = active.flatMap((prompt, row) => (prompt.length <= from + length ? [row] : []));
      const outputs = await this.runGraph(
        ids,
        active.length,
        length,
        active.map(() => from),
        ending.map((row) => row * length + active[row].length - from - 1),
        from > 0 ? first : undefined,
      );
      active.forEach((prompt, row) => {
        this.cache.append(first + row, outputs, row, Math.min(length, prompt.length - from));
      });
      ending.forEach((row, index) => {
        distributions[row] = this.distribution(outputs, index).slice();
      });
    }
    return distributions;
  }

  /** One token more for every live sequence. */
  private async step(): Promise<void> {
    this.checkpoint();
    const count = Math.max(2, this.live.length);
    const lengths = Array.from({ length: count }, (_, slot) =>
      slot < this.live.length ? this.cache.lengths[slot] : 0,
    );
    this.cache.reserve(Math.max(...lengths) + 1);
    const ids = Int32Array.from(lengths, (_, slot) => this.live[slot]?.tokens.at(-1) ?? 0);
    const rows = lengths.map((_, slot) => slot);
    const outputs = await this.runGraph(ids, count, 1, lengths, rows, 0);
    this.live.forEach((sequence, slot) => {
      this.cache.append(slot, outputs, slot, 1);
      this.draw(sequence, this.distribution(outputs, slot));
    });
  }

  /** Runs `sequences` x `length` new tokens whose positions begin at `starts`; `slot` is the first cache slot to attend to, if any. */
  private async runGraph(
    ids: Int32Array,
    sequences: number,
    length: number,
    starts: readonly number[],
    rows: readonly number[],
    slot: number | undefined,
  ): Promise<Record<string, Tensor>> {
    const { hiddenSize, headSize } = this.config;
    const embedding = this.weights.get('model.embed_tokens.weight') as Float32Array;
    const { cosine, sine, rows: tableRows } = this.tables.upTo(Math.max(...starts) + length);
    const positions = Array.from(ids, (_, i) => starts[Math.floor(i / length)] + (i % length));
    // At least two rows for the head too.
    const wanted = rows.length >= 2 ? rows : [rows[0] ?? 0, rows[0] ?? 0];
    const inverse = this.choice.temperature === 0 ? 1 : 1 / this.choice.temperature;
    const feeds: Record<string, Tensor> = {
      ...this.constantFeeds,
      hidden: float32(lookUp(embedding, ids, hiddenSize), [ids.length, hiddenSize]),
      positions: int64(positions, [sequences, length]),
      ...orderFeeds(length),
      cosine: float32(cosine, [tableRows, headSize / 2]),
      sine: float32(sine, [tableRows, headSize / 2]),
      rows: int64(wanted, [wanted.length]),
      inverseTemperature: float32(new Float32Array(wanted.length).fill(inverse), [wanted.length, 1]),
    };
    if (slot !== undefined) {
      Object.assign(feeds, this.cache.feeds(slot, sequences), {
        'past order': int64(range(this.cache.capacity), [this.cache.capacity]),
        'past lengths': int64(starts, [sequences]),
      });
    }
    const graph = await this.generator.graph(slot !== undefined);
    return graph.run(feeds);
  }

  private distribution(outputs: Record<string, Tensor>, row: number): Float32Array {
    const { vocabularySize } = this.config;
    return (outputs.probabilities.data as Float32Array).subarray(row * vocabularySize, (row + 1) * vocabularySize);
  }

  private draw(sequence: Sequence, probabilities: Float32Array): void {
    const token = chooseToken(probabilities, this.choice, sequence.random);
    const probability = probabilities[token];
    if (!(probability > 0)) {
      throw new EngineError(
        'non-finite-weights',
        `The model gave no usable distribution after ${sequence.promptIds.length + sequence.tokens.length} tokens of request ` +
          `${sequence.request}: its weights, or what they compute, are not finite.`,
        { expected: 'probabilities that add up to 1', found: `${probabilities[0]}, …` },
      );
    }
    sequence.tokens.push(token);
    sequence.logProbabilities.push(Math.log(probability));
    this.written++;
  }

  /** Takes finished sequences out; the last live slot moves into each gap. */
  private leave(finish: (sequence: Sequence, stopReason: Sample['stopReason']) => void): void {
    for (let slot = 0; slot < this.live.length; ) {
      const sequence = this.live[slot];
      const stopped = this.stops.has(sequence.tokens[sequence.tokens.length - 1]);
      if (!stopped && sequence.tokens.length < sequence.maxTokens) {
        slot++;
        continue;
      }
      finish(sequence, stopped ? 'stop' : 'length');
      this.finished++;
      const last = this.live.pop() as Sequence;
      if (last === sequence) continue;
      this.live[slot] = last;
      this.cache.copySlot(slot, this.live.length);
    }
  }

  private report(always = false): void {
    const now = Date.now();
    if (!this.options.onProgress || (!always && now - this.lastReport < 200)) return;
    this.lastReport = now;
    this.options.onProgress({ finished: this.finished, total: this.total, tokens: this.written });
  }

  private weightFeeds(): Record<string, Tensor> {
    const { config, weights } = this;
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
    const tokenBias = new Float32Array(config.vocabularySize);
    for (const id of this.masked) tokenBias[id] = MASKED;
    feeds.tokenBias = float32(tokenBias, [config.vocabularySize]);
    return feeds;
  }
}

function checkOptions(
  config: ModelConfig,
  { temperature = 1, topP = 1, topK = 0, stopIds = [], maskedIds = [] }: GenerateCall,
): void {
  const refuse = (name: string, expected: string, found: number) => {
    throw new EngineError('invalid-argument', `generate: ${name} must be ${expected}, found ${found}.`, {
      expected,
      found: `${found}`,
    });
  };
  if (!(temperature >= 0 && Number.isFinite(temperature)))
    refuse('temperature', 'a finite number of at least 0', temperature);
  if (!(topP > 0 && topP <= 1)) refuse('topP', 'above 0 and at most 1', topP);
  if (!(Number.isInteger(topK) && topK >= 0)) refuse('topK', 'a whole number of at least 0', topK);
  checkTokens(config, stopIds, 'The list of stop ids');
  checkTokens(config, maskedIds, 'The list of masked ids');
  if (new Set(maskedIds).size >= config.vocabularySize) {
    throw new EngineError('invalid-argument', 'generate: maskedIds leave no token to choose.');
  }
}

function checkCount(value: number, name: string, least: number): void {
  if (Number.isInteger(value) && value >= least) return;
  throw new EngineError('invalid-argument', `${name} must be a whole number of at least ${least}, found ${value}.`, {
    expected: `at least ${least}`,
    found: `${value}`,
  });
}

/** A prompt as few numbers, so that hashing does not spread thousands of arguments. */
function promptHash(promptIds: readonly number[]): [number, number] {
  let hash = 0;
  for (const id of promptIds) hash = hashSeed(hash, id);
  return [hash, promptIds.length];
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

function roundUp(tokens: number): number {
  return Math.ceil(tokens / PREFILL_STEP) * PREFILL_STEP;
}
