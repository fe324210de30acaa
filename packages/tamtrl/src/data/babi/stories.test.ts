/** Simulated stories: like the published ones, and true to themselves. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BABI_TASKS } from './events.js';
import { type BabiNote, idealNotes, idealReader } from './ideal.js';
import { STATISTICS, type StoryStatistics, storyStatistics, totalVariation } from './statistics.js';
import { babiStories, babiStory } from './stories.js';

const published = JSON.parse(
  readFileSync(new URL('../../../fixtures/babi/statistics.json', import.meta.url), 'utf8'),
) as Record<string, StoryStatistics>;

/** Total variation of small samples by chance alone: about the square root of values over questions, stories apart. */
const chance = (values: number, stories: number) => 0.03 + 0.75 * Math.sqrt(values / stories);

describe.each(BABI_TASKS)('%s', (task) => {
  const stories = task === 'qa4' ? 800 : 200;
  const questions = [...babiStories({ task, seed: 3, count: stories })];

  it('has the statistics of the published stories', () => {
    const own = storyStatistics(questions);
    for (const name of STATISTICS) {
      const values = Object.keys(published[task][name]).length;
      const distance = totalVariation(published[task][name], own[name]);
      expect(distance, name).toBeLessThan(chance(values, stories));
      // Short stories have no wording, person or place that the published ones do not have.
      if (!['facts', 'last', 'first', 'supporting', 'answers'].includes(name))
        expect(Object.keys(published[task][name]), name).toEqual(expect.arrayContaining(Object.keys(own[name])));
    }
  });

  it('has answers that follow from the facts, and from the supporting ones among them', () => {
    for (const { sentences, question, answer, supporting } of questions.slice(0, 200)) {
      const reader = idealReader(question);
      for (const sentence of sentences) reader.read(sentence);
      expect(reader.answer(), question).toBe(answer);
      expect(supporting).toEqual([...supporting].sort((a, b) => a - b));
      expect(sentences.length - supporting.at(-1)!).toBeLessThanOrEqual(5);
    }
  });

  it('is the same for a seed and an index, whatever range is asked for', () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.nat(5), (seed, index) => {
        const story = babiStory({ task, seed, index });
        expect([...babiStories({ task, seed, from: index, count: 1 })]).toEqual(story);
        expect([...babiStories({ task, seed, count: index + 1 })].slice(-story.length)).toEqual(story);
      }),
      { numRuns: 3 },
    );
  });
});

describe('what an ideal reader knows', () => {
  const after = (question: string, ...sentences: string[]): BabiNote[] => idealNotes(question, sentences).at(-1)!;

  it('is nothing at first, and only what the question can need', () => {
    expect(idealNotes('Where is Sandra?', ['John moved to the garden.', 'Sandra went to the hallway.'])).toEqual([
      [],
      [],
      [{ kind: 'at', person: 'Sandra', place: 'hallway' }],
    ]);
  });

  it('is where everybody is until the place of the object is known, then its holder and place', () => {
    const question = 'Where is the football?';
    const story = ['Mary went to the office.', 'John got the football there.', 'John moved to the kitchen.'];
    expect(after(question, ...story.slice(0, 2))).toEqual([
      { kind: 'at', person: 'Mary', place: 'office' },
      { kind: 'holds', person: 'John', object: 'football' },
    ]);
    expect(after(question, ...story)).toEqual([
      { kind: 'at', person: 'John', place: 'kitchen' },
      { kind: 'holds', person: 'John', object: 'football' },
    ]);
    expect(after(question, ...story, 'John left the football.')).toEqual([
      { kind: 'lies', object: 'football', place: 'kitchen' },
    ]);
  });

  it('holds where the object was before the last time that it came to the place asked for', () => {
    const story = ['Mary went to the office.', 'Mary took the milk.', 'Mary went to the garden.'];
    const question = 'Where was the milk before the garden?';
    expect(after(question, ...story)).toEqual([
      { kind: 'at', person: 'Mary', place: 'garden', after: 'office' },
      { kind: 'holds', person: 'Mary', object: 'milk' },
    ]);
    const away = [...story, 'Mary went to the hallway.'];
    expect(after(question, ...away)).toEqual([
      { kind: 'at', person: 'Mary', place: 'hallway' },
      { kind: 'holds', person: 'Mary', object: 'milk' },
      { kind: 'was', object: 'milk', place: 'office', next: 'garden' },
    ]);
    const again = [...away, 'Mary moved to the garden.', 'Mary dropped the milk there.'];
    expect(after(question, ...again)).toEqual([{ kind: 'lies', object: 'milk', place: 'garden', after: 'hallway' }]);
  });

  it.each([
    ['Who gave the milk to Fred?', 'Bill passed the milk to Fred.', 'Bill'],
    ['What did Bill give to Fred?', 'Bill handed the milk to Fred.', 'milk'],
    ['Who did Bill give the milk to?', 'Bill gave the milk to Fred.', 'Fred'],
    ['What is north of the office?', 'The garden is north of the office.', 'garden'],
    ['What is the office south of?', 'The office is south of the garden.', 'garden'],
    ['Is Mary in the park?', 'Mary is either in the park or the school.', 'maybe'],
    ['Is Mary in the park?', 'Mary is either in the office or the school.', 'no'],
    ['Is Mary in the park?', 'Mary is no longer in the park.', 'no'],
    ['Is Mary in the park?', 'Mary is in the park.', 'yes'],
    ['How many objects is Mary carrying?', 'Mary picked up the milk there.', 'one'],
    ['What is Mary carrying?', 'Bill gave the milk to Fred.', 'nothing'],
  ])('%s %s %s', (question, sentence, answer) => {
    const reader = idealReader(question);
    reader.read('It was a dark and stormy night.');
    reader.read(sentence);
    expect(reader.answer()).toBe(answer);
  });

  it('refuses a question of no task, with examples of those that are', () => {
    expect(() => idealReader('Why is Mary in the park?')).toThrow(
      `"Why is Mary in the park?" is not a question of bAbI's tasks 1 to 10, such as "Where is Mary?"`,
    );
  });
});
