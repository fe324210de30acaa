/**
 * Sentences as they stand in the files of real books, where a reader of chunks meets headings without a full stop,
 * parts of sentences that are too long for a chunk, and speech that breaks off. A fact follows them as it follows a
 * sentence.
 */
import type { SeededRandom } from '../../base/random.js';
import { eventOf } from './events.js';

/** The words of a heading are at most so many. */
const HEADING_WORDS = 9;
const NUMERALS = 'I|II|III|IV|V|VI|VII|VIII|IX|X|XI|XII|XIV|XIX|XX|XXIII|XL'.split('|');
const PARTS = 'CHAPTER|Chapter|BOOK|PART|LETTER|ACT|SCENE|CANTO'.split('|');

/**
 * Its beginning or its middle without the mark at its end, its end, or a heading of its words; the sentence itself if
 * nothing would be left, or a fact of the stories.
 */
export function fragmentOf(sentence: string, random: SeededRandom): string {
  const part = partOf(sentence, random);
  return part === '' || eventOf(part) ? sentence : part;
}

function partOf(sentence: string, random: SeededRandom): string {
  const words = sentence.split(' ');
  const from = random.integer(Math.max(1, words.length - 3));
  switch (random.integer(4)) {
    case 0:
      return headingOf(words.slice(from, from + 1 + random.integer(HEADING_WORDS)), random);
    case 1:
      return withoutEnd(words.slice(0, from + 3));
    case 2:
      return words.slice(from).join(' ');
    default:
      return withoutEnd(words.slice(from, from + 3 + random.integer(words.length)));
  }
}

function headingOf(words: readonly string[], random: SeededRandom): string {
  const title = withoutEnd(words);
  const name = random.next() < 0.7 ? title.toUpperCase() : title;
  if (random.next() < 0.4) return name;
  const joint = random.pick([' ', '. ', '—', ': ']);
  return `${random.pick(PARTS)} ${random.pick(NUMERALS)}${joint}${name}`;
}

const withoutEnd = (words: readonly string[]) => words.join(' ').replace(/[.!?…,;:"”’]+$/u, '');
