import { describe, expect, it } from 'vitest';
import { isRepetition } from './repetition.js';

const sentence = 'Alice was beginning to get very tired. ';

describe('an output that only repeats itself', () => {
  it.each([
    ['one sentence', sentence.repeat(5)],
    ['one sentence, the last one cut off', sentence.repeat(4) + sentence.slice(0, 17)],
    ['two sentences in turn', `${sentence}She had nothing to do. `.repeat(3)],
    ['after something else', `The rabbit ran past. ${sentence.repeat(4)}`],
    ['numbered lines', [1, 2, 3, 4].map((at) => `${at}. ${sentence}\n`).join('')],
    ['one letter', 'a'.repeat(40)],
    ['a word', 'No notes yet. '.repeat(4)],
    ['without spaces', '船は出た。'.repeat(6)],
  ])('%s', (_, text) => {
    expect(isRepetition(text)).toBe(true);
  });

  it.each([
    ['different sentences', 'Anna sold the horse in May. Ben bought it for ten pounds. The horse was called Star.'],
    ['a sentence twice', sentence.repeat(2)],
    ['a short text', 'no no no no no'],
    ['repetition that takes less than half', `${'Anna sold the horse in May to Ben of Oslo. '}ha ha ha ha`],
    [
      'lines that share a beginning',
      'The price of tea is low.\nThe price of rye is high.\nThe price of oil is unknown.\n',
    ],
    ['nothing', ''],
  ])('is not: %s', (_, text) => {
    expect(isRepetition(text)).toBe(false);
  });

  it('takes linear time', () => {
    const started = performance.now();
    isRepetition(`${'ab'.repeat(200_000)}c`);
    expect(performance.now() - started).toBeLessThan(5000);
  });
});
