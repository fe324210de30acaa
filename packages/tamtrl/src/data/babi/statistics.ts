/** Counts by which stories are compared with the published ones. */
import { type BabiEvent, eventOf } from './events.js';
import type { BabiQuestion } from './stories.js';

export type Counts = Record<string, number>;

export interface StoryStatistics {
  /** Number of questions counted. */
  questions: number;
  answers: Counts;
  /** Number of facts before the question. */
  facts: Counts;
  /** Number of supporting facts. */
  supporting: Counts;
  /** Sentences from the last supporting fact to the question; 0 where it is the last sentence. */
  last: Counts;
  /** The same for the first supporting fact. */
  first: Counts;
  /** Wordings of questions, without names, places and objects. */
  forms: Counts;
  /** Wordings of facts, each fact counted once for each question that follows it. */
  wordings: Counts;
  /** Who does something in the facts. */
  persons: Counts;
  /** Kinds of events and the places or objects in them. */
  events: Counts;
}

export const STATISTICS = [
  'answers',
  'facts',
  'supporting',
  'last',
  'first',
  'forms',
  'wordings',
  'persons',
  'events',
] as const satisfies readonly (keyof StoryStatistics)[];

export function storyStatistics(questions: Iterable<BabiQuestion>): StoryStatistics {
  const counts = Object.fromEntries(STATISTICS.map((name) => [name, {}])) as Omit<StoryStatistics, 'questions'>;
  let total = 0;
  const add = (name: (typeof STATISTICS)[number], value: string | number) => {
    counts[name][value] = (counts[name][value] ?? 0) + 1;
  };
  for (const { sentences, question, answer, supporting } of questions) {
    total++;
    add('answers', answer);
    add('facts', sentences.length);
    add('supporting', supporting.length);
    add('last', sentences.length - 1 - Math.max(...supporting));
    add('first', sentences.length - 1 - Math.min(...supporting));
    add('forms', wordingOf(question));
    for (const sentence of sentences) {
      add('wordings', wordingOf(sentence));
      const event = eventOf(sentence);
      if (event === undefined) continue;
      add('events', `${event.kind} ${detailOf(event)}`);
      if ('person' in event) add('persons', event.person);
    }
  }
  return { questions: total, ...counts };
}

/** Half the sum of the absolute differences of two distributions, in [0, 1]. */
export function totalVariation(a: Counts, b: Counts): number {
  const sum = (counts: Counts) => Object.values(counts).reduce((total, count) => total + count, 0);
  const [all, other] = [sum(a), sum(b)];
  const values = new Set([...Object.keys(a), ...Object.keys(b)]);
  let distance = 0;
  for (const value of values) distance += Math.abs((a[value] ?? 0) / all - (b[value] ?? 0) / other);
  return distance / 2;
}

function wordingOf(sentence: string): string {
  return sentence
    .trim()
    .replaceAll(/\b(?:apple|football|milk)\b/g, 'OBJECT')
    .replaceAll(/\b(?:bathroom|bedroom|garden|hallway|kitchen|office|park|school|cinema)\b/g, 'PLACE')
    .replaceAll(/\b(?:Mary|John|Daniel|Sandra|Fred|Jeff|Bill|Julie)\b/g, 'PERSON');
}

function detailOf(event: BabiEvent): string {
  switch (event.kind) {
    case 'relation':
      return event.direction;
    case 'either':
      return event.places.join(' ');
    default:
      return 'place' in event ? event.place : event.object;
  }
}
