/**
 * Reads a text again that was read before and may have changed. What a memory becomes depends only on the memory before
 * it and on the text that follows. So the reader goes on from the last memory that it kept before the first change, and
 * cuts the changed part so that the chunks after it are those of before. As soon as its memory after one of them is the
 * same as it was there, all that follows is known until the next change. Text that was passed over and is wanted now
 * is such a change too: it is as if it were new.
 */
import { count } from '../base/format.js';
import { fnv1a, textHash } from '../base/hash.js';
import { ReaderError } from './errors.js';
import type { Wanted } from './extent.js';
import { textOf } from './input.js';
import { MovedSources } from './moved-sources.js';
import type { KeptMemory } from './pieces.js';
import type { PlacedText, Places } from './places.js';
import { type Checkpoint, HEAD_LENGTH, headHash, memoriesHash, ReadingLog, type Segment } from './reading-log.js';
import { TextWindow } from './text-window.js';

/** A place in the text, and the memories there. */
export interface ReadingPoint {
  /** Chunks before it. */
  turns: number;
  /** Characters before it. */
  position: number;
  /** FNV-1a of the characters before it. */
  fingerprint: number;
  memories: readonly KeptMemory[];
}

/** The reader, as its rereading sees it. */
export interface Rereader {
  readonly log: ReadingLog;
  /** The way through the text as it was, if it was being read again already. */
  readonly former: ReadingLog | undefined;
  /** Whether text that was passed over is to be read. */
  readonly wanted: Wanted;
  readonly places: Places;
  point(): ReadingPoint;
  moveTo(point: ReadingPoint, log: ReadingLog, former: ReadingLog): void;
  /** The former reading is of no use any more. */
  finish(): void;
  note(text: string): void;
}

/** Text to be read. */
export interface Part {
  text: AsyncIterable<string>;
  /** Known once it has been taken: the last chunk ends with it. */
  closed: boolean;
  /** It was read before. */
  known?: boolean;
}

/** A place up to which the text is as it was. */
interface Mark extends Omit<ReadingPoint, 'memories'> {
  /** Segments of the former reading before it. */
  index: number;
  /** Absent: the reader is there. */
  checkpoint?: Checkpoint;
}

/** Characters in which a known segment is looked for at a time. */
const SLICE = 4096;
/** Characters at the beginning of a text in which at least one segment must be known, if the first is not. */
const FOREIGN = 1 << 20;

/** Letters of scripts that divide words by spaces: no chunk begins between two of them. */
const IN_WORD = /^[\p{Lu}\p{Ll}\p{N}_]{2}$/u;

/** Gives the parts of the text that have to be read, and moves the reader past the others. */
export class Rereading {
  readonly #reader: Rereader;
  readonly #window: TextWindow;
  /** Of the reader's way through this text. */
  #log: ReadingLog;
  #former: ReadingLog;
  #moved: MovedSources;
  /** The segments of the former reading by the hashes of their beginnings. */
  #heads = new Map<number, number[]>();
  #sums = sumsOf([]);
  /** Up to here the text is as it was, as far as is known: segments of the former reading, characters of this text. */
  #index = 0;
  #offset = 0;
  #fingerprint = fnv1a('');

  constructor(reader: Rereader, source: AsyncIterable<PlacedText>) {
    this.#reader = reader;
    reader.places.clear();
    this.#window = new TextWindow(reader.places.record(source, 0));
    this.#log = reader.log;
    this.#former = reader.log;
    this.#moved = new MovedSources([], reader.places);
  }

  /**
   * Each part must be read before the next one is asked for.
   * @throws ReaderError `state` if nothing of the text is known.
   */
  async *parts(): AsyncGenerator<Part> {
    try {
      const mark = await this.#follow();
      const isOver = mark !== undefined && (yield* this.#changes(mark));
      if (!isOver) yield { text: this.#window.rest(this.#offset), closed: false };
      this.#reader.finish();
    } finally {
      await this.#window.close();
    }
  }

  get #ended(): boolean {
    return this.#index === this.#former.segments.length;
  }

  /** Follows the reader's own way. @returns where it has to go on reading before its end, if the text has changed */
  async #follow(): Promise<Mark | undefined> {
    const { log, former } = this.#reader;
    this.#compareWith(log);
    const start: Mark = { index: 0, turns: 0, position: 0, fingerprint: this.#fingerprint };
    const mark = await this.#verify(start);
    if (this.#ended) {
      if (former === undefined) return undefined;
      this.#compareWith(former);
      this.#learnBeginning(log);
      return { index: 0, turns: log.turns, position: this.#offset, fingerprint: this.#fingerprint };
    }
    const isSame = (await this.#sameText(this.#index, this.#offset)) !== undefined;
    const isForeign = async () => (await this.#search(0, FOREIGN, (...at) => this.#sameText(...at))) === undefined;
    if (this.#index === 0 && !isSame && (await isForeign())) {
      throw new ReaderError(
        'state',
        'The text differs from what the saved state has read, from its beginning on. Give the same text (parts of it may have changed), or read again without the state.',
      );
    }
    const [here, from] = [count(this.#offset), count(mark.position)];
    this.#reader.note(
      isSame
        ? `The text after character ${here} was not read before, so reading goes on from character ${from}, as far as needed`
        : `The text has changed after character ${here}, so it is read again from character ${from} on, as far as needed`,
    );
    const memories = log.checkpoints[0].memories;
    this.#log = new ReadingLog(memories);
    this.#move(start, mark, memories);
    return mark;
  }

  #compareWith(former: ReadingLog): void {
    this.#former = former;
    this.#moved = new MovedSources(former.checkpoints, this.#reader.places);
    this.#heads = new Map();
    for (const [at, { head, length }] of former.segments.entries()) {
      if (length >= HEAD_LENGTH) this.#heads.set(head, [...(this.#heads.get(head) ?? []), at]);
    }
    this.#sums = sumsOf(former.segments);
    this.#index = 0;
  }

  /** What the reader's way and the former one have in common at the beginning. */
  #learnBeginning(log: ReadingLog): void {
    let start = 0;
    for (const [at, { length, hash }] of this.#former.segments.entries()) {
      const same = log.segments[at];
      if (same?.length !== length || same.hash.join() !== hash.join()) break;
      this.#moved.add({ start, end: start + length, by: 0, chunks: 0 });
      start += length;
    }
  }

  /** Reads what has changed, until only new text can follow. @returns whether the text is over */
  async *#changes(begin: Mark): AsyncGenerator<Part, boolean> {
    let mark = begin;
    for (;;) {
      yield* this.#between(mark);
      if (this.#ended) return false;
      const changed = this.#changed();
      yield changed;
      if (!changed.closed) return true;
      // The chunks that follow are those of before, the memory perhaps not.
      for (let text = await this.#matching(); text !== undefined && !this.#isSameMemory(); ) {
        const { chunks } = this.#former.segments[this.#index];
        this.#pass(text, this.#reader.point().turns);
        yield partOf(text, chunks);
        this.#window.drop(this.#offset - 1);
        text = await this.#matching();
      }
      const { memories, ...point } = this.#reader.point();
      mark = { ...point, index: this.#index };
      if (!this.#isSameMemory()) continue;
      const to = await this.#verify(mark);
      if (to.index > mark.index) this.#move(mark, to, memories);
      mark = to;
    }
  }

  /** What lies between the reader and the place up to which the text is as it was. */
  async *#between(mark: Mark): AsyncGenerator<Part> {
    let { position } = mark;
    for (let at = mark.index; at < this.#index; at++) {
      const { chunks, length } = this.#former.segments[at];
      const end = position + length;
      yield partOf((await this.#window.slice(position, end))!, chunks);
      position = end;
      this.#window.drop(position - 1);
    }
  }

  /** The text up to the next segment that is as it was, or to its end. */
  #changed(): Part {
    const taken = async function* (this: Rereading) {
      for (let text = await this.#passedOver(); text !== undefined; text = await this.#passedOver()) {
        yield text;
        this.#offset += text.length;
        this.#index++;
        this.#window.drop(this.#offset - 1);
        part.closed = (await this.#matching()) !== undefined;
        if (part.closed) return;
      }
      for (;;) {
        const found = await this.#search(this.#offset, SLICE);
        const text = await this.#window.upTo(this.#offset, found ? found.offset - this.#offset : SLICE);
        if (text !== '') yield text;
        this.#offset += text.length;
        if (found) this.#index = found.index;
        part.closed = found !== undefined;
        if (found || text === '') return;
        // One character tells whether a word goes on.
        this.#window.drop(this.#offset - 1);
      }
    };
    const part: Part = { text: taken.call(this), closed: false };
    return part;
  }

  /** The first segment that begins among the given characters, the next one of those that are the same. */
  async #search(
    from: number,
    characters: number,
    found = (index: number, offset: number) => this.#matching(index, offset),
  ): Promise<{ offset: number; index: number } | undefined> {
    const before = from === 0 ? '' : ((await this.#window.slice(from - 1, from)) ?? '');
    const text = before + (await this.#window.upTo(from, characters + HEAD_LENGTH - 1));
    for (let at = before.length; at + HEAD_LENGTH <= text.length; at++) {
      const known = this.#heads.get(headHash(text.slice(at, at + HEAD_LENGTH)));
      if (!known || IN_WORD.test(text.slice(Math.max(0, at - 1), at + 1))) continue;
      const offset = from + at - before.length;
      for (const index of [...known.filter((each) => each >= this.#index), ...known]) {
        if ((await found(index, offset)) !== undefined) return { offset, index };
      }
    }
    return undefined;
  }

  /**
   * Passes all that is as it was.
   * @param from where the reader is, with the memory that it had there
   * @returns the last place with a memory that is kept; `from` if there is none
   */
  async #verify(from: Mark): Promise<Mark> {
    let mark = from;
    let { turns } = from;
    this.#fingerprint = from.fingerprint;
    for (let text = await this.#matching(); text !== undefined; text = await this.#matching()) {
      const { chunks } = this.#former.segments[this.#index];
      this.#pass(text, turns);
      turns += chunks;
      const checkpoint = this.#former.checkpointAt(this.#sums.turns[this.#index]);
      if (!checkpoint) continue;
      mark = { index: this.#index, turns, position: this.#offset, fingerprint: this.#fingerprint, checkpoint };
      this.#window.drop(Math.max(0, this.#offset - 1));
      this.#reader.places.drop(this.#offset);
    }
    return mark;
  }

  /** The text of a segment, if it need not be read: it is as it was, and was read or is not wanted now either. */
  async #matching(index = this.#index, offset = this.#offset): Promise<string | undefined> {
    return this.#isWanted(index, offset) ? undefined : this.#sameText(index, offset);
  }

  /** The text of the next segment, if it is as it was, and wanted now. */
  async #passedOver(): Promise<string | undefined> {
    return this.#isWanted(this.#index, this.#offset) ? this.#sameText(this.#index, this.#offset) : undefined;
  }

  /** Whether a segment was passed over and is wanted now. */
  #isWanted(index: number, offset: number): boolean {
    const segment: Segment | undefined = this.#former.segments[index];
    return segment?.passed !== undefined && this.#reader.wanted(offset, offset + segment.length);
  }

  /** The text of a segment, if it is as it was; undefined if it is not, or there is none. */
  async #sameText(index: number, offset: number): Promise<string | undefined> {
    const segment = this.#former.segments[index];
    const text = segment && (await this.#window.slice(offset, offset + segment.length));
    return text !== undefined && textHash(text).join() === segment.hash.join() ? text : undefined;
  }

  /** The next segment is as it was. @param turns chunks of this reading before it */
  #pass(text: string, turns: number): void {
    const start = this.#sums.characters[this.#index];
    const chunks = turns - this.#sums.turns[this.#index];
    this.#moved.add({ start, end: start + text.length, by: this.#offset - start, chunks });
    this.#fingerprint = fnv1a(text, this.#fingerprint);
    this.#offset += text.length;
    this.#index++;
  }

  /** The reader's memory is what it was at this place. */
  #isSameMemory(): boolean {
    const before = this.#former.segments[this.#index - 1]?.memory;
    const hashOf = (memories: readonly KeptMemory[]) => memoriesHash(memories.map(({ memory }) => memory));
    return hashOf(this.#reader.point().memories) === (before ?? hashOf(this.#former.checkpoints[0].memories));
  }

  /** Moves the reader over what is as it was. @param memories at `from` */
  #move(from: Mark, to: Mark, memories: readonly KeptMemory[]): void {
    const log = this.#log;
    const by = from.turns - this.#sums.turns[from.index];
    const [first, last] = [this.#sums.turns[from.index], this.#sums.turns[to.index]];
    const kept = this.#former.checkpoints.filter((each) => each.until > first && each.from <= last);
    for (let [at, turns, next] = [from.index, first, 0]; at < to.index; at++) {
      log.append(this.#former.segments[at]);
      turns += this.#former.segments[at].chunks;
      for (; next < kept.length && (kept[next].until <= turns || at + 1 === to.index); next++) {
        const until = Math.min(kept[next].until, last);
        const moved = this.#moved.moved(kept[next].memories, memories);
        log.keep({ from: Math.max(kept[next].from, first + 1) + by, until: until + by, memories: moved });
      }
    }
    const { turns, position, fingerprint, checkpoint } = to;
    const now = checkpoint ? this.#moved.moved(checkpoint.memories, memories) : memories;
    this.#reader.moveTo({ turns, position, fingerprint, memories: now }, log, this.#former);
  }
}

/** Of the segments before each. */
function sumsOf(segments: readonly Segment[]): { turns: number[]; characters: number[] } {
  const sums = { turns: [0], characters: [0] };
  for (const [at, { chunks, length }] of segments.entries()) {
    sums.turns.push(sums.turns[at] + chunks);
    sums.characters.push(sums.characters[at] + length);
  }
  return sums;
}

/** @param chunks that were read of it before */
const partOf = (text: string, chunks: number): Part => ({ text: textOf(text), closed: true, known: chunks > 0 });
