/** Our own words and sentences for generated texts. */
import type { SeededRandom } from '../../base/random.js';

const ADJECTIVES =
  'amber ancient autumn bitter brave bright broken calm careful clever cloudy crimson curious dusty eager early earnest faded faithful fierce floral foggy gentle gilded golden graceful hasty hidden hollow humble icy idle ivory jolly keen lively lonely lucky marble mellow merry misty modest narrow nimble noble northern patient placid polite proud quiet rapid rustic secret shallow silent silver sleepy smooth solemn steady sunny tender thirsty timid tranquil velvet vivid wandering warm weary whispering wild windy wooden'.split(
    ' ',
  );

const NOUNS =
  'anchor apple arrow badger barrel basket beacon blossom bridge candle canyon castle cellar cherry cliff compass copper cottage cradle crystal desert dolphin dragon eagle ember falcon feather ferry fiddle forest fountain garden garnet glacier harbor harvest hammer heron hollow island jacket journey kettle ladder lantern lagoon ledger lemon lighthouse maple marsh meadow mirror mountain needle nutmeg oasis orchard otter paddle pebble pepper pilgrim planet pocket prairie quarry quilt raven ribbon river saddle sparrow spindle summit tavern thistle thunder timber tunnel valley violin voyage walnut willow window'.split(
    ' ',
  );

/** "amber-anchor": over 8,000 of them. */
export function wordKey(random: SeededRandom): string {
  return `${random.pick(ADJECTIVES)}-${random.pick(NOUNS)}`;
}

/** Seven digits, the first not 0. */
export function number7(random: SeededRandom): string {
  return String(1_000_000 + random.integer(9_000_000));
}

export function uuid(random: SeededRandom): string {
  const hex = (count: number) => Array.from({ length: count }, () => random.integer(16).toString(16)).join('');
  return `${hex(8)}-${hex(4)}-4${hex(3)}-${'89ab'[random.integer(4)]}${hex(3)}-${hex(12)}`;
}

/** Five capital letters. */
export function variable(random: SeededRandom): string {
  return Array.from({ length: 5 }, () => String.fromCharCode(65 + random.integer(26))).join('');
}

const SYLLABLES =
  'ba be bi bo bu da de di do du fa fe fi fo ga go ha hi ka ke ko la le li lo lu ma me mi mo na ne ni no pa pe po ra re ri ro ru sa se si so ta te ti to va ve vi vo za zo'.split(
    ' ',
  );
const ENDINGS = 'n r s l t m nd rk st lm x nt'.split(' ');

/** A made-up word such as "velorist", different for each number. */
export function madeUpWord(number: number): string {
  const base = SYLLABLES.length;
  let rest = number;
  let word = '';
  do {
    word += SYLLABLES[rest % base];
    rest = Math.floor(rest / base);
  } while (rest > 0);
  // The ending distinguishes words of different lengths: no word is a prefix of another with the same number of
  // syllables.
  return word + SYLLABLES[(number * 7 + 3) % base] + ENDINGS[number % ENDINGS.length];
}

/** Six lower-case letters, for coded texts. */
export function codedWord(random: SeededRandom): string {
  return Array.from({ length: 6 }, () => String.fromCharCode(97 + random.integer(26))).join('');
}

/** Repeated in haystacks of pure noise. */
export const NOISE = [
  'The wind goes over the hill.',
  'The lamp stands by the door.',
  'The road bends to the left.',
  'Here it begins.',
  'Round it goes once more.',
];

const SUBJECTS = [
  'The old clockmaker',
  'A visitor from the coast',
  'Her younger brother',
  'The committee',
  'Nobody in the village',
  'The teacher of the evening class',
  'A friend of the family',
  'The last passenger',
  'An engineer whom everybody trusted',
  'The keeper of the archive',
  'My neighbour',
  'The painter',
];
const VERBS = [
  'believed that',
  'was told that',
  'had read somewhere that',
  'liked to say that',
  'never understood why',
  'wrote in a letter that',
  'remembered that',
  'used to explain how',
  'doubted that',
  'noticed that',
];
const CLAUSES = [
  'good tools outlast the people who make them',
  'a garden needs more patience than water',
  'the bridge had been built twice',
  'most plans fail at the second step',
  'the harvest depends on a single week in June',
  'a quiet room is worth more than a large one',
  'the maps of that region were drawn from memory',
  'every repair begins with taking something apart',
  'the river had moved its bed since the survey',
  'habits are easier to start than to stop',
  'the best questions come after the meeting',
  'bread tastes of the oven it was baked in',
  'a short letter takes longer to write',
  'the bells could be heard across the lake',
];
const ENDS = [
  '.',
  ', and there the matter rested.',
  ', though nobody asked.',
  ', which turned out to be half true.',
  ' in those years.',
  ', as far as anyone could tell.',
  ', at least on weekdays.',
  ', and said so often.',
];

/**
 * A sentence of an essay about nothing in particular. It holds no digits, no hyphenated words and no capitals within.
 */
export function essaySentence(random: SeededRandom): string {
  return `${random.pick(SUBJECTS)} ${random.pick(VERBS)} ${random.pick(CLAUSES)}${random.pick(ENDS)}`;
}
