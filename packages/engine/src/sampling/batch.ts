/**
 * The sequences of one call of `generate` during decoding: prompts enter, tokens are drawn, finished sequences leave.
 */
import type { Sample } from '../api.js';
import { EngineError } from '../errors.js';
import type { ModelConfig } from '../models/config.js';
import { Cache } from './cache.js';
import { type ChoiceOptions, chooseToken } from './choose.js';
import type { Endings } from './endings.js';
import { type ContinuedPrefixes, PrefixSlots, prefixLength } from './prefix-slots.js';
import { type Asked, type NewTokens, type Outputs, type RunInputs, Runs, range } from './runs.js';
import type { Sequence } from './sequences.js';
import { sharedRows } from './shared-rows.js';
import { type Piece, padded, placesOf, prefixReadings, type Reading, readingsOf, type Text } from './texts.js';

/** Bytes of distributions to compute at once, which limits the cost of a wrong draft. */
const HEAD_BYTES = 2 ** 25;
const FLOAT32_BYTES = 4;
const LARGEST_BATCH = 256;

/**
 * Hidden sizes for which the number of rows decides how sums are rounded: ONNX Runtime divides a product among threads
 * by rows if it has at least as many as columns, otherwise by columns, and sums few columns in longer pieces. Reads
 * therefore have at least as many rows as columns, and steps always fewer. Measured with 2 threads.
 */
const NARROW = { from: 128, to: 512 };

const isNarrow = ({ hiddenSize }: ModelConfig): boolean => hiddenSize >= NARROW.from && hiddenSize <= NARROW.to;

export interface BatchInputs extends RunInputs {
  /** At least one sequence; they enter in this order. */
  waiting: readonly Sequence[];
  /** Maximum bytes for keys and values. */
  cacheBytes: number;
  /** Maximum bytes of one tokens x vocabulary tensor. */
  logitBytes?: number;
  threads: number;
  /** What earlier calls have seen; it decides how much is computed twice, and changes no result. */
  endings: Endings;
}

/** The sequences of one call. Live ones fill the first slots of the cache. */
export class Batch {
  readonly #inputs: BatchInputs;
  readonly #live: Sequence[] = [];
  /** Of the live sequences' prefixes. */
  readonly #keys = new Map<Sequence, string>();
  /** Of each sequence's own tokens, those after its prefix. */
  readonly #cache: Cache;
  /** None if no sequence has a prefix. */
  readonly #prefixes: PrefixSlots | undefined;
  readonly #runs: Runs;
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
    const largest = isNarrow(config) ? Math.min(LARGEST_BATCH, config.hiddenSize - 1) : LARGEST_BATCH;
    const most = Math.min(options.maxBatch ?? largest, largest, Math.max(1, affordable));
    this.#capacity = Math.min(most, waiting.length);
    // A single row would use another matrix kernel with different rounding, so a batch of one runs with an idle second
    // row.
    const slots = Math.max(2, this.#capacity);
    const { promptIds, draft } = waiting[0];
    const own = promptIds.length - this.#prefixLength(waiting[0]);
    this.#cache = new Cache(config, slots, Math.min(longest, own + draft.length + 1));
    this.#prefixes = PrefixSlots.for(waiting, config, this.#capacity, inputs.threads);
    this.#choice = { temperature: options.temperature ?? 1, topP: options.topP ?? 1, topK: options.topK ?? 0 };
    this.#stops = new Set(options.stopIds);
    this.#runs = new Runs(inputs);
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

  /** Reads the prompts and drafts of `entering`, and draws the tokens that they give distributions for. */
  async #enter(entering: readonly Sequence[]): Promise<void> {
    for (const together of readingsOf(entering, this.#prefixLength)) {
      const first = this.#live.length;
      await this.#readPrefixes(together.map(({ text }) => text));
      const outputs = await this.#read(together, first);
      await this.#drawAfter(together.map(({ text }) => text));
      const goesOn = ({ text }: Reading) => text.sequences.some((sequence) => !this.#stopReason(sequence));
      const goingOn = together.filter(goesOn);
      this.#inputs.endings.saw(together.length - goingOn.length, together.length);
      if (!outputs || 'new keys 0' in outputs || goingOn.length === 0) {
        this.#occupy(together, outputs);
      } else {
        this.#occupy(goingOn, await this.#readAgain(goingOn));
        this.#occupy(
          together.filter((reading) => !goesOn(reading)),
          outputs,
        );
      }
    }
  }

  readonly #prefixLength = (sequence: Sequence): number => prefixLength(this.#inputs.config, sequence);

  /** Reads the prefixes of texts that no live sequence continues already. */
  async #readPrefixes(texts: readonly Text[]): Promise<void> {
    const prefixes = this.#prefixes;
    if (!prefixes) return;
    const missing = texts.filter(({ prefix }) => prefix && !prefixes.has(prefix.key));
    for (const readings of prefixReadings(missing)) {
      const longest = readings.reduce((most, { text }) => Math.max(most, text.ids.length), 0);
      const cache = new Cache(this.#inputs.config, Math.max(2, readings.length), longest);
      const outputs = (await this.#read(readings, 0, cache)) ?? cache.contents();
      readings.forEach(({ text: { prefix, ids } }, row) => {
        if (prefix) prefixes.keep(prefix.key, outputs, row, ids.length);
      });
    }
    for (const { prefix, sequences } of texts) {
      if (!prefix) continue;
      prefixes.enter(prefix.key, sequences.length);
      for (const sequence of sequences) this.#keys.set(sequence, prefix.key);
    }
  }

  /**
   * Gives each sequence of `readings` a slot, with the keys and values of the tokens that it keeps. A sequence that is
   * already finished gets an empty one: its keys and values are never used.
   */
  #occupy(readings: readonly Reading[], outputs: Outputs | undefined): void {
    const first = this.#live.length;
    const rows = readings.map((_, row) => row);
    for (const { text } of readings) this.#live.push(text.sequences[0]);
    readings.forEach(({ text }, row) => {
      for (const sequence of text.sequences.slice(1)) {
        rows.push(row);
        this.#live.push(sequence);
      }
    });
    // The last token has not been read, and the text may hold the rest of a draft that was not followed.
    const kept = this.#live
      .slice(first)
      .map((sequence) => (this.#stopReason(sequence) ? 0 : this.#ownTokens(sequence) - 1));
    rows.forEach((row, index) => {
      if (kept[index] === 0) return;
      if (outputs) {
        // A slot keeps the length of the sequence that left it.
        this.#cache.truncate(first + index, 0);
        this.#cache.append(first + index, outputs, row, kept[index]);
      } else if (index !== row) {
        this.#cache.copySlot(first + index, first + row);
      }
    });
    kept.forEach((length, index) => void this.#cache.truncate(first + index, length));
  }

  /**
   * Reads texts into the slots from `first` on, piece by piece, and keeps the hidden states that tokens follow from.
   * What texts have in common is read once, and copied before their ways part.
   *
   * If one run reads all of them, returns its outputs and leaves the cache as it is: with good drafts, most sequences
   * end before they need their keys and values. If that is likely, the run does not return them.
   */
  async #read(readings: readonly Reading[], first: number, cache = this.#cache): Promise<Outputs | undefined> {
    const pieces = readings.reduce((most, { text }) => Math.max(most, text.pieces.length), 0);
    cache.reserve(readings.reduce((most, { text }) => Math.max(most, ownLength(text)), 0));
    for (let slot = first; slot < first + readings.length; slot++) cache.truncate(slot, 0);
    const isPrefix = cache !== this.#cache;
    if (pieces === 1) return this.#readPiece(readings, first, 0, isPrefix || !this.#inputs.endings.areLikely, cache);
    const slotOf = new Map(readings.map(({ text }, index) => [text, first + index]));
    for (let piece = 0; piece < pieces; piece++) {
      for (const { text, firstOwn, source } of readings) {
        if (source && firstOwn === piece) {
          cache.copySlot(slotOf.get(text) as number, slotOf.get(source) as number);
        }
      }
      const outputs = await this.#readPiece(readings, first, piece, true, cache);
      readings.forEach((reading, row) => {
        if (readsPiece(reading, piece)) {
          cache.append(first + row, outputs, row, lengthOf(reading.text.pieces[piece]));
        }
      });
    }
    return undefined;
  }

  /** Reads texts of one piece again, for their keys and values. */
  #readAgain(readings: readonly Reading[]): Promise<Outputs> {
    const least = this.#leastTokens(readings.length);
    const asked = readings.map(() => new Array<number>(Math.max(2, least)).fill(0));
    return this.#run(readings, 0, 0, asked, { least, keys: true, cache: this.#cache });
  }

  /** Tokens that each of `rows` texts must have in a run, where that decides about rounding. */
  #leastTokens(rows: number): number {
    const { config } = this.#inputs;
    return isNarrow(config) ? Math.ceil(config.hiddenSize / rows) : 2;
  }

  async #readPiece(
    readings: readonly Reading[],
    first: number,
    piece: number,
    keys: boolean,
    cache: Cache,
  ): Promise<Outputs> {
    const reads = (reading: Reading) => readsPiece(reading, piece);
    // Texts that have ended among them are rows without use.
    const rows = readings.slice(0, readings.findLastIndex(reads) + 1);
    const own = rows.flatMap((reading, row) => (reads(reading) ? [{ row, text: reading.text }] : []));
    const { hiddenSize } = this.#inputs.config;
    const least = this.#leastTokens(rows.length);
    // Places after which a token may be drawn.
    const wanted = rows.map((reading) => {
      if (!reads(reading)) return [];
      const { start, end } = reading.text.pieces[piece];
      const from = Math.max(start, reading.text.promptLength - 1);
      return range(Math.max(0, end - from)).map((place) => from - start + place);
    });
    // A single row would use another matrix kernel with different rounding.
    const width = wanted.reduce((most, places) => Math.max(most, places.length), Math.max(2, least));
    const asked = wanted.map((places) => range(width).map((column) => places[column] ?? 0));
    const outputs = await this.#run(rows, first, piece, asked, { least, keys, cache });
    const hidden = outputs['last hidden'].data as Float32Array;
    for (const { row, text } of own) {
      for (let at = row * width; at < row * width + wanted[row].length; at++) {
        text.hidden.push(hidden.slice(at * hiddenSize, (at + 1) * hiddenSize));
      }
    }
    return outputs;
  }

  /** Runs a piece of each of `rows`, which has at least `least` tokens. */
  #run(
    rows: readonly Reading[],
    first: number,
    piece: number,
    asked: Asked,
    { least, keys, cache }: { least: number; keys: boolean; cache: Cache },
  ): Promise<Outputs> {
    const lengths = rows.map((reading) => (readsPiece(reading, piece) ? lengthOf(reading.text.pieces[piece]) : 0));
    const longest = padded(Math.max(...lengths));
    const idsOf = ({ text: { ids, pieces } }: Reading) => ids.slice(pieces[piece].start, pieces[piece].end);
    const prefixes = cache === this.#cache && rows[0].text.prefix ? this.#continued(rows) : undefined;
    if (piece === 0 && !prefixes) {
      const { vocabularySize } = this.#inputs.config;
      return this.#runs.read(sharedRows(rows.map(idsOf), longest, least * rows.length, vocabularySize), asked, keys);
    }
    const length = Math.max(longest, least);
    const ids = new Int32Array(rows.length * length);
    rows.forEach((reading, row) => {
      if (lengths[row] > 0) ids.set(idsOf(reading), row * length);
    });
    const starts = rows.map((_, row) => cache.lengths[first + row] + (prefixes?.lengths[row] ?? 0));
    return this.#runs.continue({ ids, sequences: rows.length, length, starts, prefixes }, asked, cache, first);
  }

  #continued(rows: readonly Reading[]): ContinuedPrefixes | undefined {
    return this.#prefixes?.continued(rows.map(({ text }) => text.prefix?.key));
  }

  /**
   * Draws the first token of every sequence and, while what is drawn is the draft, the next ones. A draft never changes
   * what is drawn: each token comes from the model's distribution with the sequence's next random number, as in a step.
   */
  async #drawAfter(texts: readonly Text[]): Promise<void> {
    const { config, logitBytes = HEAD_BYTES } = this.#inputs;
    const { vocabularySize } = config;
    const most = Math.max(2, Math.floor(Math.min(logitBytes, HEAD_BYTES) / (FLOAT32_BYTES * vocabularySize)));
    let places = placesOf(texts);
    while (places.length > 0) {
      const rows = places.slice(0, most);
      const probabilities = await this.#runs.distributions(rows.map(({ text, place }) => text.hidden[place]));
      rows.forEach(({ text, place }, row) => {
        const distribution = probabilities.subarray(row * vocabularySize, (row + 1) * vocabularySize);
        text.following = text.following.filter((sequence) => {
          this.#draw(sequence, distribution);
          return sequence.tokens[place] === sequence.draft[place];
        });
      });
      places = places.slice(most).filter(({ text }) => text.following.length > 0);
    }
  }

  /** Draws one more token for every live sequence. */
  async #step(): Promise<void> {
    const count = Math.max(2, this.#live.length);
    const lengths = Array.from({ length: count }, (_, slot) =>
      slot < this.#live.length ? this.#cache.lengths[slot] : 0,
    );
    this.#cache.reserve(Math.max(...lengths) + 1);
    const ids = Int32Array.from(lengths, (_, slot) => this.#live[slot]?.tokens.at(-1) ?? 0);
    const keys = lengths.map((_, slot) => this.#live[slot] && this.#keys.get(this.#live[slot]));
    const prefixes = this.#keys.size > 0 ? this.#prefixes?.continued(keys) : undefined;
    const starts = prefixes ? lengths.map((length, slot) => length + prefixes.lengths[slot]) : lengths;
    const tokens: NewTokens = { ids, sequences: count, length: 1, starts, prefixes };
    const outputs = await this.#runs.step(tokens, this.#cache);
    this.#live.forEach((sequence, slot) => {
      this.#cache.append(slot, outputs, slot, 1);
      this.#draw(sequence, this.#distribution(outputs, slot));
    });
  }

  #distribution(outputs: Outputs, row: number): Float32Array {
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

  /** Why a sequence ends, or undefined while it goes on. */
  #stopReason({ tokens, maxTokens }: Sequence): Sample['stopReason'] | undefined {
    if (this.#stops.has(tokens[tokens.length - 1])) return 'stop';
    return tokens.length < maxTokens ? undefined : 'length';
  }

  /** Tokens after its prefix. */
  #ownTokens(sequence: Sequence): number {
    return sequence.promptIds.length - this.#prefixLength(sequence) + sequence.tokens.length;
  }

  /** Removes finished sequences and moves the last live slot into each gap. */
  #leave(finish: (sequence: Sequence, stopReason: Sample['stopReason']) => void): void {
    for (let slot = 0; slot < this.#live.length; ) {
      const sequence = this.#live[slot];
      const stopReason = this.#stopReason(sequence);
      if (!stopReason) {
        slot++;
        continue;
      }
      finish(sequence, stopReason);
      this.#finished++;
      const prefix = this.#keys.get(sequence);
      if (prefix !== undefined) this.#prefixes?.leave(prefix);
      this.#keys.delete(sequence);
      const last = this.#live.pop() as Sequence;
      if (last === sequence) continue;
      this.#live[slot] = last;
      this.#cache.copySlot(slot, this.#live.length);
    }
  }

  #report(always = false): void {
    const now = performance.now();
    if (!this.#inputs.options.onProgress || (!always && now - this.#lastReport < 200)) return;
    this.#lastReport = now;
    this.#inputs.options.onProgress({
      finished: this.#finished,
      total: this.#inputs.waiting.length,
      tokens: this.#written,
    });
  }
}

function ownLength({ ids, pieces }: Text): number {
  return ids.length - pieces[0].start;
}

/** Whether a text's own run reads this piece of it. */
function readsPiece({ text, firstOwn }: Reading, piece: number): boolean {
  return firstOwn <= piece && piece < text.pieces.length;
}

function lengthOf({ start, end }: Piece): number {
  return end - start;
}
