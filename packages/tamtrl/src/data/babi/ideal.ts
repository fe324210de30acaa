/**
 * What a reader who forgets nothing that the question may need, and keeps nothing else, knows after each sentence of a
 * story. Ideal memories are made from it. It reads published stories as well as simulated ones.
 */
import { DataError } from '../errors.js';
import { type BabiEvent, type Direction, eventOf, OPPOSITE } from './events.js';

export type BabiNote =
  /** `after`: whence the object that is asked about came there, if that is the place in question. */
  | { kind: 'at'; person: string; place: string; after?: string }
  | { kind: 'not at'; person: string; place: string }
  | { kind: 'either'; person: string; places: readonly [string, string] }
  | { kind: 'holds'; person: string; object: string }
  | { kind: 'lies'; object: string; place: string; after?: string }
  /** The object was in `place` just before it came to `next`, and has left `next` since. */
  | { kind: 'was'; object: string; place: string; next: string }
  | { kind: 'gave'; person: string; object: string; receiver: string }
  | { kind: 'relation'; place: string; direction: Direction; other: string };

export interface IdealReader {
  /** Takes in the next sentence; whatever is no fact of tasks 1 to 10 changes nothing. */
  read(sentence: string): void;
  /** What is known so far and may still be needed. */
  notes(): BabiNote[];
  /** The answer from what is known so far, in the published wording; undefined while it is open. */
  answer(): string | undefined;
  /**
   * The notes on two parts of a text always tell the notes on both together. Not so where objects are followed: that
   * somebody let go of a thing says nothing to one who does not know where, or whether, it was picked up.
   */
  readonly merges: boolean;
}

interface Tracker {
  readonly merges?: boolean;
  take(event: BabiEvent): void;
  notes(): BabiNote[];
  answer(): string | undefined;
}

const QUESTIONS: readonly [RegExp, (found: string[]) => Tracker][] = [
  [/^Where is the (\w+)\?$/, ([object]) => objectTracker(object)],
  [/^Where is (\w+)\?$/, ([person]) => personTracker(person)],
  [/^Where was the (\w+) before the (\w+)\?$/, ([object, next]) => objectTracker(object, next)],
  [/^Is (\w+) in the (\w+)\?$/, ([person, place]) => personTracker(person, place)],
  [/^How many objects is (\w+) carrying\?$/, ([person]) => carryingTracker(person, true)],
  [/^What is (\w+) carrying\?$/, ([person]) => carryingTracker(person, false)],
  [/^What did (\w+) give to (\w+)\?$/, ([person, receiver]) => giftTracker('object', { person, receiver })],
  [/^Who gave the (\w+)\?$/, ([object]) => giftTracker('person', { object })],
  [/^Who gave the (\w+) to (\w+)\?$/, ([object, receiver]) => giftTracker('person', { object, receiver })],
  [/^Who received the (\w+)\?$/, ([object]) => giftTracker('receiver', { object })],
  [/^Who did (\w+) give the (\w+) to\?$/, ([person, object]) => giftTracker('receiver', { person, object })],
  [
    /^What is (north|south|east|west) of the (\w+)\?$/,
    ([direction, place]) => relationTracker(place, direction as Direction),
  ],
  [
    /^What is the (\w+) (north|south|east|west) of\?$/,
    ([place, direction]) => relationTracker(place, OPPOSITE[direction as Direction]),
  ],
];

/** @throws DataError `invalid-argument` for a question that none of the tasks 1 to 10 asks. */
export function idealReader(question: string): IdealReader {
  for (const [pattern, make] of QUESTIONS) {
    const found = pattern.exec(question.trim());
    if (!found) continue;
    const tracker = make(found.slice(1));
    return {
      read(sentence) {
        const event = eventOf(sentence);
        if (event) tracker.take(event);
      },
      notes: () => tracker.notes(),
      answer: () => tracker.answer(),
      merges: tracker.merges ?? false,
    };
  }
  throw new DataError(
    'invalid-argument',
    `${JSON.stringify(question)} is not a question of bAbI's tasks 1 to 10, such as "Where is Mary?" or "What is north of the office?".`,
  );
}

/** The notes before the first sentence and after each: [sentences + 1]. */
export function idealNotes(question: string, sentences: readonly string[]): BabiNote[][] {
  const reader = idealReader(question);
  return [
    reader.notes(),
    ...sentences.map((sentence) => {
      reader.read(sentence);
      return reader.notes();
    }),
  ];
}

function personTracker(person: string, asked?: string): Tracker {
  let last: BabiNote | undefined;
  return {
    merges: true,
    take(event) {
      if (!('person' in event) || event.person !== person) return;
      if (event.kind === 'move' || event.kind === 'in') last = { kind: 'at', person, place: event.place };
      else if (event.kind === 'not') last = { kind: 'not at', person, place: event.place };
      else if (event.kind === 'either') last = { kind: 'either', person, places: event.places };
    },
    notes: () => (last ? [last] : []),
    answer() {
      if (!last) return undefined;
      if (last.kind === 'at') return asked === undefined ? last.place : last.place === asked ? 'yes' : 'no';
      if (asked === undefined) return undefined;
      if (last.kind === 'either') return last.places.includes(asked) ? 'maybe' : 'no';
      return last.kind === 'not at' && last.place === asked ? 'no' : 'maybe';
    },
  };
}

/**
 * Follows one object. As long as its place is not known, everybody's place may tell it: whoever picks it up stands
 * where it lies. Once it is known, only its holder can change it.
 */
function objectTracker(object: string, next?: string): Tracker {
  const places = new Map<string, string>();
  let holder: string | undefined;
  let place: string | undefined;
  let was: string | undefined;
  const comeTo = (found: string | undefined) => {
    if (found === undefined || found === place) return;
    if (found === next && place !== undefined) was = place;
    place = found;
  };
  return {
    take(event) {
      if (event.kind === 'move') {
        places.set(event.person, event.place);
        if (event.person === holder) comeTo(event.place);
      } else if ('object' in event && event.object === object) {
        comeTo(places.get(event.person));
        holder = event.kind === 'get' ? event.person : event.kind === 'give' ? event.receiver : undefined;
        if (holder !== undefined) comeTo(places.get(holder));
      }
    },
    notes() {
      const notes: BabiNote[] = [];
      if (place === undefined) {
        for (const [person, at] of places) notes.push({ kind: 'at', person, place: at });
      } else {
        const there = place === next && was !== undefined ? { place, after: was } : { place };
        notes.push(
          holder === undefined ? { kind: 'lies', object, ...there } : { kind: 'at', person: holder, ...there },
        );
      }
      if (holder !== undefined) notes.push({ kind: 'holds', person: holder, object });
      if (was !== undefined && next !== undefined && place !== next)
        notes.push({ kind: 'was', object, place: was, next });
      return notes;
    },
    answer: () => (next === undefined ? place : was),
  };
}

const COUNTS = ['none', 'one', 'two', 'three'];

function carryingTracker(person: string, counted: boolean): Tracker {
  /** In the order in which each was first taken, which is that of the published answers. */
  const taken: string[] = [];
  const held = new Set<string>();
  const holding = () => taken.filter((object) => held.has(object));
  return {
    take(event) {
      if (!('object' in event)) return;
      const gains = event.kind === 'give' ? event.receiver === person : event.kind === 'get' && event.person === person;
      if (gains) {
        held.add(event.object);
        if (!taken.includes(event.object)) taken.push(event.object);
      } else if (event.person === person) held.delete(event.object);
    },
    notes: () => holding().map((object) => ({ kind: 'holds', person, object })),
    answer() {
      if (counted) return COUNTS[held.size];
      return held.size === 0 ? 'nothing' : holding().join(',');
    },
  };
}

type Gift = Extract<BabiNote, { kind: 'gave' }>;

function giftTracker(wanted: 'person' | 'object' | 'receiver', given: Partial<Omit<Gift, 'kind'>>): Tracker {
  let last: Gift | undefined;
  return {
    merges: true,
    take(event) {
      if (event.kind !== 'give') return;
      const fits = (['person', 'object', 'receiver'] as const).every(
        (part) => given[part] === undefined || given[part] === event[part],
      );
      if (fits) last = { ...event, kind: 'gave' };
    },
    notes: () => (last ? [last] : []),
    answer: () => last?.[wanted],
  };
}

/** What lies `direction` of `place`. */
function relationTracker(place: string, direction: Direction): Tracker {
  let found: { note: BabiNote; answer: string } | undefined;
  return {
    merges: true,
    take(event) {
      if (event.kind !== 'relation') return;
      if (event.other === place && event.direction === direction) found = { note: event, answer: event.place };
      else if (event.place === place && event.direction === OPPOSITE[direction])
        found = { note: event, answer: event.other };
    },
    notes: () => (found ? [found.note] : []),
    answer: () => found?.answer,
  };
}
