/**
 * Stories like those of bAbI's tasks 1 to 10 (Weston et al. 2015, arXiv 1502.05698), written from the descriptions of
 * the tasks and from counts in the published stories. qa3 follows version 1.2, which BABILong uses: an object's places
 * are those to which its present holder carried it, and stories are twice as long as in version 1.1.
 */
import { SeededRandom } from '../../base/random.js';
import {
  type BabiTask,
  type Direction,
  GIVERS,
  HOUSEHOLD,
  OBJECTS,
  OPPOSITE,
  ROOMS,
  sentenceOf,
  TOWN,
  TOWNSPEOPLE,
} from './events.js';
import { type Asked, ask, type Happening } from './questions.js';
import { type Action, House } from './world.js';

/** A question about the beginning of a story. */
export interface BabiQuestion {
  /** "qa1" to "qa20"; undefined if a file does not say. */
  task?: string;
  /** The facts up to the question. */
  sentences: string[];
  question: string;
  /** "apple,football" for the lists of qa8. */
  answer: string;
  /** Indices of the facts that the answer rests on, ascending. */
  supporting: number[];
}

export interface BabiStoryOptions {
  task: BabiTask;
  seed: number;
  /** Number of the story; each has its own random numbers. */
  index: number;
}

/** Questions in a story of any task but qa4, which asks one. */
export const QUESTIONS_EACH = 5;

const ACTIONS: Readonly<Partial<Record<BabiTask, readonly Action[]>>> = {
  qa1: ['move'],
  qa2: ['move', 'get', 'drop'],
  qa3: ['move', 'get', 'drop'],
  qa5: ['move', 'get', 'drop', 'give'],
  qa6: ['move', 'get', 'drop'],
  qa7: ['move', 'get', 'drop', 'give'],
  qa8: ['move', 'get', 'drop'],
};

/** The questions of one story in order; each has the story up to it. The same options give the same story. */
export function babiStory({ task, seed, index }: BabiStoryOptions): BabiQuestion[] {
  const random = new SeededRandom('babi', task, seed, index);
  const wording = new SeededRandom('babi', task, seed, index, 'wording');
  const events: Happening[] = [];
  const sentences: string[] = [];
  const questions: BabiQuestion[] = [];
  const next = happenings(task, random);
  const places = task === 'qa10' ? TOWN : ROOMS;
  const wanted = task === 'qa4' ? 1 : QUESTIONS_EACH;
  while (questions.length < wanted) {
    for (let nth = 0; nth < 2; nth++) {
      const event = next();
      events.push(event);
      sentences.push(sentenceOf(event, task, wording));
    }
    const asked: Asked | undefined = ask(task, events, random, places);
    if (!asked) continue;
    const { question, answer, supporting } = asked;
    questions.push({ task, sentences: [...sentences], question, answer, supporting });
  }
  return questions;
}

/** Questions of the stories `from`, `from + 1`, … of a seed, without end unless `count` stories are asked for. */
export function* babiStories(options: {
  task: BabiTask;
  seed: number;
  from?: number;
  count?: number;
}): Generator<BabiQuestion> {
  const { task, seed, from = 0, count = Number.POSITIVE_INFINITY } = options;
  for (let index = from; index < from + count; index++) yield* babiStory({ task, seed, index });
}

function happenings(task: BabiTask, random: SeededRandom): () => Happening {
  if (task === 'qa4') return relations(random);
  if (task === 'qa9' || task === 'qa10') return reports(task, random);
  const actions = ACTIONS[task]!;
  const house = new House(random, task === 'qa5' ? GIVERS : HOUSEHOLD, ROOMS, OBJECTS);
  return () => house.next(actions);
}

/** Two rooms on either side of a third, each seen from it in two of three cases. */
function relations(random: SeededRandom): () => Happening {
  const [middle, ...sides] = random.shuffled(ROOMS);
  const axis = random.pick<Direction>(['north', 'east']);
  const directions = random.shuffled([axis, OPPOSITE[axis]]);
  let nth = 0;
  return () => {
    const [side, direction] = [sides[nth], directions[nth]];
    nth++;
    return random.next() < 2 / 3
      ? { kind: 'relation', place: side, direction, other: middle }
      : { kind: 'relation', place: middle, direction: OPPOSITE[direction], other: side };
  };
}

/**
 * Persons who change place at every sentence, half of which tell the new place only in part (qa9, qa10) or as a state.
 */
function reports(task: 'qa9' | 'qa10', random: SeededRandom): () => Happening {
  const [persons, places] = task === 'qa9' ? [HOUSEHOLD, ROOMS] : [TOWNSPEOPLE, TOWN];
  const at = new Map<string, string>(persons.map((person) => [person, random.pick<string>(places)]));
  return () => {
    const person = random.pick<string>(persons);
    const before = at.get(person)!;
    const truth = random.pick<string>(places.filter((place) => place !== before));
    at.set(person, truth);
    const kind = random.next();
    if (kind < 0.5) return { kind: 'move', person, place: truth, truth };
    if (kind < 0.75) return { kind: 'in', person, place: truth, truth };
    if (task === 'qa9') return { kind: 'not', person, place: before, truth };
    // The published stories draw the other place from all, so that one in six names the same place twice.
    const [first, second] = random.shuffled([truth, random.pick<string>(places)]);
    return { kind: 'either', person, places: [first, second], truth };
  };
}
