/** Where the sources of a memory lie after a text has changed: stretches that stayed as they were may have moved. */
import { given } from '../base/objects.js';
import type { KeptMemory, PieceSource } from './pieces.js';
import type { Places } from './places.js';
import { piecesOf } from './provenance.js';
import type { Checkpoint } from './reading-log.js';

type Place = Omit<PieceSource, 'match'>;

/** A stretch of the text as it was, and how far it has moved, in characters and in chunks. */
interface Stretch {
  start: number;
  end: number;
  by: number;
  chunks: number;
}

/** The same text may lie in several places by now, so each stretch names the places of its sources itself. */
interface Kept extends Stretch {
  /** By old offsets. */
  labels: Map<string, string | undefined>;
}

export class MovedSources {
  readonly #places: Places;
  /** All that may be asked for, in the order of the text. */
  readonly #sources: readonly Place[];
  readonly #stretches: Kept[] = [];

  /** @param places of the text as it is, while it passes */
  constructor(checkpoints: readonly Checkpoint[], places: Places) {
    this.#places = places;
    const all = new Map<string, Place>();
    for (const { memories } of checkpoints) {
      for (const piece of memories.flatMap(({ pieces }) => pieces)) {
        const place = piece.source ?? piece.written;
        if (place) all.set(keyOf(place), place);
      }
    }
    this.#sources = [...all.values()].sort((a, b) => a.start - b.start);
  }

  /** A stretch has stayed as it was. Its places are still known. */
  add(stretch: Stretch): void {
    const last = this.#stretches[this.#stretches.length - 1];
    const { start, end, by, chunks } = stretch;
    const goesOn = last && last.end === start && last.by === by && last.chunks === chunks;
    const kept = goesOn ? last : { ...stretch, labels: new Map<string, string | undefined>() };
    if (goesOn) last.end = end;
    else this.#stretches.push(kept);
    let at = this.#firstFrom(start);
    for (; at < this.#sources.length && this.#sources[at].start < end; at++) {
      const source = this.#sources[at];
      if (source.end <= end) kept.labels.set(keyOf(source), this.#places.between(source.start + by, source.end + by));
    }
  }

  /**
   * The memories with the places that their pieces have now.
   * @param before memories of the text as it is, from which those of pieces come whose text has changed
   */
  moved(memories: readonly KeptMemory[], before: readonly KeptMemory[]): KeptMemory[] {
    return memories.map(({ memory, pieces }, question) => {
      const found = piecesOf(memory, before[question].pieces, undefined);
      return {
        memory,
        pieces: pieces.map(({ text, source, written }) => {
          const same = found.find((piece) => piece.text === text);
          const now = source && (this.#moved(source) ?? same?.source);
          if (now) return { text, source: now };
          // What the memory had already said keeps the chunk after which it said so first.
          return { text, ...given({ written: same?.written ?? (written && this.#moved(written)) }) };
        }),
      };
    });
  }

  #moved<Kind extends Place>(source: Kind): Kind | undefined {
    const stretch = this.#stretches.find(({ start, end }) => start <= source.start && source.end <= end);
    if (!stretch) return undefined;
    const { place: before, chunk, start, end, ...rest } = source;
    const isKnown = stretch.labels.has(keyOf(source));
    const place = isKnown || stretch.by !== 0 ? stretch.labels.get(keyOf(source)) : before;
    const moved = { ...rest, chunk: chunk + stretch.chunks, start: start + stretch.by, end: end + stretch.by };
    return { ...moved, ...given({ place }) } as Kind;
  }

  #firstFrom(start: number): number {
    let [low, high] = [0, this.#sources.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#sources[middle].start < start) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

const keyOf = ({ start, end }: Place) => `${start}:${end}`;
