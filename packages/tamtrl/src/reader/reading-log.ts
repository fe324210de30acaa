/**
 * What a reader remembers of its way through a text, so that a text that has changed need not be read again as a whole:
 * where its chunks ended and what they held, as hashes, and some of the memories on the way. Its size is bounded: of a
 * long text, several chunks share an entry, and only the memories are kept that save most.
 */
import { z } from 'zod';
import { fnv1a, joinedHash, type TextHash, textHash } from '../base/hash.js';
import { type KeptMemory, memorySchema } from './pieces.js';

const whole = z.number().int().min(0);

/** The memories of all questions, as they were after each of the chunks from `from` to `until`. */
const checkpointSchema = z.object({ from: whole, until: whole, memories: z.array(memorySchema).min(1) });

const int = z.number().int();

export const readingLogSchema = z.object({
  /** Consecutive parts of the text: chunks, characters, hash of the beginning, hash, hash of the memories after it. */
  segments: z.array(z.tuple([whole.min(1), whole, int, int, int, int])),
  /** In order, without overlap; the first begins before the first chunk, the last ends after the last one. */
  checkpoints: z.array(checkpointSchema).min(1),
});

export type Checkpoint = Readonly<z.output<typeof checkpointSchema>>;
export type SavedLog = z.output<typeof readingLogSchema>;

/** A stretch of the text that is a chunk, or a few of them. */
export interface Segment {
  readonly chunks: number;
  /** In UTF-16 code units. */
  readonly length: number;
  /** Hash of its first `HEAD_LENGTH` characters. */
  readonly head: number;
  readonly hash: TextHash;
  /** Hash of the memories after it. */
  readonly memory: number;
}

/** Characters by which the beginning of a segment is looked for. */
export const HEAD_LENGTH = 24;
/** Segments beyond which neighbours are joined, to about half of them. */
const MOST_SEGMENTS = 2048;
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

  /** @param memories before the first chunk */
  constructor(memories: readonly KeptMemory[]) {
    this.#checkpoints.push({ from: 0, until: 0, memories: [...memories] });
  }

  /** Undefined if it contradicts itself, or was made by a reading of other numbers of chunks and characters. */
  static from({ segments, checkpoints }: SavedLog, turns?: number, position?: number): ReadingLog | undefined {
    const log = new ReadingLog(checkpoints[0].memories);
    log.#checkpoints.splice(0, 1, ...checkpoints);
    for (const [chunks, length, head, first, second, memory] of segments) {
      log.#segments.push({ chunks, length, head, hash: [first, second], memory });
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

  append(segment: Segment): void {
    this.#segments.push(segment);
    this.#turns += segment.chunks;
    if (this.#segments.length > MOST_SEGMENTS) this.#joinSegments();
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
      segments: this.#segments.map(({ chunks, length, head, hash, memory }) => [chunks, length, head, ...hash, memory]),
      checkpoints: this.#checkpoints.map(({ memories, ...turns }) => ({ ...turns, memories: [...memories] })),
    };
  }

  /** Joins neighbours, but keeps the places where memories are kept. */
  #joinSegments(): void {
    const most = 2 ** Math.floor(Math.log2((2 * this.#turns) / MOST_SEGMENTS));
    const kept = new Set(this.#checkpoints.map(({ until }) => until));
    const joined: Segment[] = [];
    let turns = 0;
    for (const segment of this.#segments) {
      const last = joined[joined.length - 1];
      if (last && last.chunks + segment.chunks <= most && !kept.has(turns)) {
        joined[joined.length - 1] = {
          chunks: last.chunks + segment.chunks,
          length: last.length + segment.length,
          head: last.head,
          hash: joinedHash(last.hash, segment.hash, segment.length),
          memory: segment.memory,
        };
      } else joined.push(segment);
      turns += segment.chunks;
    }
    this.#segments.splice(0, this.#segments.length, ...joined);
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
