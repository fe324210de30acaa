/**
 * What a reader remembers of its way through a text, so that a text that has changed need not be read again as a whole:
 * where its chunks ended and what they held, as hashes, what was passed over, and some of the memories on the way. Its
 * size is bounded: of a long text, several chunks share an entry, and only the memories are kept that save most.
 */
import { z } from 'zod';
import { fnv1a, joinedHash, type TextHash, textHash } from '../base/hash.js';
import type { Unread, Wanted } from './extent.js';
import { type KeptMemory, memorySchema } from './pieces.js';

const whole = z.number().int().min(0);

/** The memories of all questions, as they were after each of the chunks from `from` to `until`. */
const checkpointSchema = z.object({ from: whole, until: whole, memories: z.array(memorySchema).min(1) });

const int = z.number().int();

export const readingLogSchema = z.object({
  /**
   * Consecutive parts of the text: chunks read, characters, hash of the beginning, hash, hash of the memories after it;
   * of parts that were passed over also their chunks and tokens.
   */
  segments: z.array(
    z.union([
      z.tuple([whole.min(1), whole, int, int, int, int]),
      z.tuple([z.literal(0), whole, int, int, int, int, whole.min(1), whole]),
    ]),
  ),
  /** In order, without overlap; the first begins before the first chunk, the last ends after the last one. */
  checkpoints: z.array(checkpointSchema).min(1),
});

export type Checkpoint = Readonly<z.output<typeof checkpointSchema>>;
export type SavedLog = z.output<typeof readingLogSchema>;

/** A stretch of the text that is a chunk, or a few of them. */
export interface Segment {
  /** Chunks read; 0 if the stretch was passed over. */
  readonly chunks: number;
  /** In UTF-16 code units. */
  readonly length: number;
  /** Hash of its first `HEAD_LENGTH` characters. */
  readonly head: number;
  readonly hash: TextHash;
  /** Hash of the memories after it. */
  readonly memory: number;
  /** What was passed over. */
  readonly passed?: { readonly chunks: number; readonly tokens: number };
}

/** Characters by which the beginning of a segment is looked for. */
export const HEAD_LENGTH = 24;
/** Segments beyond which neighbours are joined, to about half of them. */
const MOST_SEGMENTS = 2048;
/** Chunks passed over that are one segment from the start. More would hide what stays the same of a changed text. */
const MOST_PASSED = 16;
/** Memories that are kept. */
const MOST_CHECKPOINTS = 48;

export const headHash = (text: string) => fnv1a(text.slice(0, HEAD_LENGTH));

/** A hash of 53 bits of the memories of all questions. */
export function memoriesHash(memories: readonly string[]): number {
  const [high, low] = textHash(JSON.stringify(memories));
  return (high >>> 0) * 2 ** 21 + (low >>> 11);
}

export class ReadingLog {
  readonly #segments: Segment[] = [];
  readonly #checkpoints: Checkpoint[] = [];
  #turns = 0;
  #mostSegments = MOST_SEGMENTS;

  /** @param memories before the first chunk */
  constructor(memories: readonly KeptMemory[]) {
    this.#checkpoints.push({ from: 0, until: 0, memories: [...memories] });
  }

  /** Undefined if it contradicts itself, or was made by a reading of other numbers of chunks and characters. */
  static from({ segments, checkpoints }: SavedLog, turns?: number, position?: number): ReadingLog | undefined {
    const log = new ReadingLog(checkpoints[0].memories);
    log.#checkpoints.splice(0, 1, ...checkpoints);
    for (const segment of segments) {
      const [chunks, length, head, first, second, memory] = segment;
      const passed = segment.length === 8 ? { passed: { chunks: segment[6], tokens: segment[7] } } : {};
      log.#segments.push({ chunks, length, head, hash: [first, second], memory, ...passed });
      log.#turns += chunks;
    }
    const characters = segments.reduce((sum, [, length]) => sum + length, 0);
    const inOrder = checkpoints.every(({ from, until }, at) => {
      return from <= until && (at === 0 ? from === 0 : checkpoints[at - 1].until < from);
    });
    const isWhole = inOrder && checkpoints[checkpoints.length - 1].until === log.#turns;
    const isThis = (turns ?? log.#turns) === log.#turns && (position ?? characters) === characters;
    return isWhole && isThis ? log : undefined;
  }

  get segments(): readonly Segment[] {
    return this.#segments;
  }

  get checkpoints(): readonly Checkpoint[] {
    return this.#checkpoints;
  }

  /** Number of chunks. */
  get turns(): number {
    return this.#turns;
  }

  /** The memories after so many chunks, if they are kept. */
  checkpointAt(turn: number): Checkpoint | undefined {
    return this.#checkpoints.find(({ from, until }) => from <= turn && turn <= until);
  }

  /** A chunk has been read. @param memories after it */
  add(text: string, memories: readonly KeptMemory[]): void {
    const memory = memoriesHash(memories.map((each) => each.memory));
    this.append({ chunks: 1, length: text.length, head: headHash(text), hash: textHash(text), memory });
    this.keep({ from: this.#turns, until: this.#turns, memories: [...memories] });
  }

  /** A chunk has been passed over: the memories after it are those before it. */
  pass(text: string, tokens: number): void {
    const memory =
      this.#segments.at(-1)?.memory ?? memoriesHash(this.#checkpoints[0].memories.map((each) => each.memory));
    const passed = { chunks: 1, tokens };
    this.append({ chunks: 0, length: text.length, head: headHash(text), hash: textHash(text), memory, passed });
  }

  append(segment: Segment): void {
    const last = this.#segments.at(-1);
    const isOne = last?.passed && segment.passed && last.passed.chunks + segment.passed.chunks <= MOST_PASSED;
    if (isOne) this.#segments[this.#segments.length - 1] = joined(last, segment);
    else this.#segments.push(segment);
    this.#turns += segment.chunks;
    if (this.#segments.length <= this.#mostSegments) return;
    this.#joinSegments();
    // Where every other chunk was passed over, nothing can be joined.
    this.#mostSegments = Math.max(MOST_SEGMENTS, Math.ceil(1.5 * this.#segments.length));
  }

  /** What was passed over; nothing if all was read. */
  get unread(): Unread {
    const unread: Unread = { chunks: 0, tokens: 0, characters: 0, ranges: [] };
    let start = 0;
    for (const { length, passed } of this.#segments) {
      const end = start + length;
      if (passed) {
        unread.chunks += passed.chunks;
        unread.tokens += passed.tokens;
        unread.characters += length;
        const before = unread.ranges.at(-1);
        if (before?.end === start) before.end = end;
        else unread.ranges.push({ start, end });
      }
      start = end;
    }
    return unread;
  }

  /** Where reading goes on: after the last memories that are kept before something that was passed over is read. */
  startFor(wanted: Wanted): number {
    let [start, turns, kept] = [0, 0, 0];
    for (const { chunks, length, passed } of this.#segments) {
      if (passed && wanted(start, start + length)) return kept;
      start += length;
      turns += chunks;
      if (this.checkpointAt(turns)) kept = start;
    }
    return start;
  }

  /** Keeps memories that follow the last ones that were kept. */
  keep(checkpoint: Checkpoint): void {
    const last = this.#checkpoints[this.#checkpoints.length - 1];
    const follows = checkpoint.from <= last.until + 1;
    if (follows && JSON.stringify(last.memories) === JSON.stringify(checkpoint.memories)) {
      this.#checkpoints[this.#checkpoints.length - 1] = { ...last, until: checkpoint.until };
      return;
    }
    this.#checkpoints.push(checkpoint);
    if (this.#checkpoints.length > MOST_CHECKPOINTS) this.#dropCheckpoint();
  }

  toJSON(): SavedLog {
    return {
      segments: this.#segments.map(({ chunks, length, head, hash, memory, passed }) =>
        passed
          ? [0, length, head, ...hash, memory, passed.chunks, passed.tokens]
          : [chunks, length, head, ...hash, memory],
      ),
      checkpoints: this.#checkpoints.map(({ memories, ...turns }) => ({ ...turns, memories: [...memories] })),
    };
  }

  /** Joins neighbours, but keeps the places where memories are kept. */
  #joinSegments(): void {
    const most = 2 ** Math.floor(Math.log2((2 * this.#turns) / MOST_SEGMENTS));
    const kept = new Set(this.#checkpoints.map(({ until }) => until));
    const fewer: Segment[] = [];
    let turns = 0;
    for (const segment of this.#segments) {
      const last = fewer.at(-1);
      const isOne = last && !last.passed === !segment.passed && chunksOf(last) + chunksOf(segment) <= most;
      if (isOne && (segment.passed || !kept.has(turns))) fewer[fewer.length - 1] = joined(last, segment);
      else fewer.push(segment);
      turns += segment.chunks;
    }
    this.#segments.splice(0, this.#segments.length, ...fewer);
  }

  /**
   * Drops the memories that save least: between neighbours that are close together, measured by how much is read again
   * anyway after a change there. The first and the last stay.
   */
  #dropCheckpoint(): void {
    const list = this.#checkpoints;
    const cost = (at: number) => {
      const before = list[at - 1].until;
      return (list[at + 1].from - before) / (1.25 * this.#turns - before);
    };
    let least = 1;
    for (let at = 2; at + 1 < list.length; at++) if (cost(at) < cost(least)) least = at;
    list.splice(least, 1);
  }
}

const chunksOf = ({ chunks, passed }: Segment) => passed?.chunks ?? chunks;

/** Two neighbours, both read or both passed over, as one. */
function joined(one: Segment, next: Segment): Segment {
  const { passed } = next;
  return {
    chunks: one.chunks + next.chunks,
    length: one.length + next.length,
    head: one.head,
    hash: joinedHash(one.hash, next.hash, next.length),
    memory: next.memory,
    ...(one.passed &&
      passed && { passed: { chunks: one.passed.chunks + passed.chunks, tokens: one.passed.tokens + passed.tokens } }),
  };
}
