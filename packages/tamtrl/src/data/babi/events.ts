/** What happens in bAbI's stories (Weston et al. 2015, arXiv 1502.05698), as sentences and as events. */
import type { SeededRandom } from '../../base/random.js';

/** The tasks that can be simulated and followed. */
export const BABI_TASKS = ['qa1', 'qa2', 'qa3', 'qa4', 'qa5', 'qa6', 'qa7', 'qa8', 'qa9', 'qa10'] as const;
export type BabiTask = (typeof BABI_TASKS)[number];

export function isBabiTask(name: string): name is BabiTask {
  return (BABI_TASKS as readonly string[]).includes(name);
}

export type Direction = 'north' | 'south' | 'east' | 'west';
export const OPPOSITE: Readonly<Record<Direction, Direction>> = {
  north: 'south',
  south: 'north',
  east: 'west',
  west: 'east',
};

export type BabiEvent =
  | { kind: 'move'; person: string; place: string }
  | { kind: 'get'; person: string; object: string }
  | { kind: 'drop'; person: string; object: string }
  | { kind: 'give'; person: string; object: string; receiver: string }
  /** "Mary is in the park." */
  | { kind: 'in'; person: string; place: string }
  /** "Mary is not in the park." and "Mary is no longer in the park." */
  | { kind: 'not'; person: string; place: string }
  | { kind: 'either'; person: string; places: readonly [string, string] }
  /** `place` is north of `other`. */
  | { kind: 'relation'; place: string; direction: Direction; other: string };

/**
 * Persons, by the tasks that they occur in. The order matters: of several to whom an object could be given, it is the
 * first.
 */
export const HOUSEHOLD = ['John', 'Mary', 'Sandra', 'Daniel'] as const;
export const GIVERS = ['Mary', 'Fred', 'Bill', 'Jeff'] as const;
export const TOWNSPEOPLE = ['Mary', 'Fred', 'Bill', 'Julie'] as const;
export const ROOMS = ['bathroom', 'bedroom', 'garden', 'hallway', 'kitchen', 'office'] as const;
export const TOWN = ['bedroom', 'cinema', 'kitchen', 'office', 'park', 'school'] as const;
export const OBJECTS = ['apple', 'football', 'milk'] as const;

/** Every person, place and object of the ten tasks. */
export const WORLD_WORDS = {
  persons: [...new Set<string>([...HOUSEHOLD, ...GIVERS, ...TOWNSPEOPLE])],
  places: [...new Set<string>([...ROOMS, ...TOWN])],
  objects: [...OBJECTS],
} as const;

const MOVES = ['moved', 'went', 'went back', 'journeyed', 'travelled'] as const;
const GETS = ['got', 'took', 'grabbed', 'picked up'] as const;
const DROPS = ['dropped', 'left', 'discarded', 'put down'] as const;
const GIVES = ['gave', 'handed', 'passed'] as const;
const NOTS = ['not', 'no longer'] as const;

/** Share of the sentences about a drop (qa3: also about a get) that end in "there". */
const THERE = 0.2;

/**
 * The event in one of bAbI's wordings, all equally likely. "there" ends every sentence about a get, except in qa3,
 * where it ends one in five.
 */
export function sentenceOf(event: BabiEvent, task: BabiTask, random: SeededRandom): string {
  const there = () => (random.next() < THERE ? ' there' : '');
  switch (event.kind) {
    case 'move':
      return `${event.person} ${random.pick(MOVES)} to the ${event.place}.`;
    case 'get':
      return `${event.person} ${random.pick(GETS)} the ${event.object}${task === 'qa3' ? there() : ' there'}.`;
    case 'drop':
      return `${event.person} ${random.pick(DROPS)} the ${event.object}${there()}.`;
    case 'give':
      return `${event.person} ${random.pick(GIVES)} the ${event.object} to ${event.receiver}.`;
    case 'in':
      return `${event.person} is in the ${event.place}.`;
    case 'not':
      return `${event.person} is ${random.pick(NOTS)} in the ${event.place}.`;
    case 'either':
      return `${event.person} is either in the ${event.places[0]} or the ${event.places[1]}.`;
    case 'relation':
      return `The ${event.place} is ${event.direction} of the ${event.other}.`;
  }
}

const oneOf = (verbs: readonly string[]) => `(?:${verbs.join('|')})`;
const PATTERNS: readonly [RegExp, (found: string[]) => BabiEvent][] = [
  [new RegExp(`^(\\w+) ${oneOf(MOVES)} to the (\\w+)\\.$`), ([person, place]) => ({ kind: 'move', person, place })],
  [
    new RegExp(`^(\\w+) ${oneOf(GETS)} the (\\w+)(?: there)?\\.$`),
    ([person, object]) => ({ kind: 'get', person, object }),
  ],
  [
    new RegExp(`^(\\w+) ${oneOf(DROPS)} the (\\w+)(?: there)?\\.$`),
    ([person, object]) => ({ kind: 'drop', person, object }),
  ],
  [
    new RegExp(`^(\\w+) ${oneOf(GIVES)} the (\\w+) to (\\w+)\\.$`),
    ([person, object, receiver]) => ({ kind: 'give', person, object, receiver }),
  ],
  [/^(\w+) is in the (\w+)\.$/, ([person, place]) => ({ kind: 'in', person, place })],
  [new RegExp(`^(\\w+) is ${oneOf(NOTS)} in the (\\w+)\\.$`), ([person, place]) => ({ kind: 'not', person, place })],
  [
    /^(\w+) is either in the (\w+) or the (\w+)\.$/,
    ([person, first, second]) => ({ kind: 'either', person, places: [first, second] }),
  ],
  [
    /^The (\w+) is (north|south|east|west) of the (\w+)\.$/,
    ([place, direction, other]) => ({ kind: 'relation', place, direction: direction as Direction, other }),
  ],
];

/** The event that a sentence of tasks 1 to 10 tells; undefined for any other sentence. */
export function eventOf(sentence: string): BabiEvent | undefined {
  for (const [pattern, make] of PATTERNS) {
    const found = pattern.exec(sentence.trim());
    if (found) return make(found.slice(1));
  }
  return undefined;
}
