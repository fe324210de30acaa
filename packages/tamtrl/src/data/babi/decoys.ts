/**
 * Sentences of books with persons, objects and places of the stories in them. Few books mention all of these names, but
 * a reader meets one that does, and must not take a conversation with Mary for a fact about her.
 */
import type { SeededRandom } from '../../base/random.js';
import { eventOf, WORLD_WORDS } from './events.js';

/** Inside a sentence, a word with a capital is mostly a name. */
const NAME = /(?<=[\p{Ll},;] )\p{Lu}\p{Ll}+/gu;
const PRONOUN = /\b(?:he|she|He|She)\b/g;
const NOUN = /\b(the|a|his|her|my|your) (\p{Ll}{3,})\b/gu;
const THINGS = [...WORLD_WORDS.objects, ...WORLD_WORDS.places];

/** The sentence itself if nothing in it can be replaced, or if it would become a fact. */
export function withDecoys(sentence: string, random: SeededRandom): string {
  const person = () => random.pick(WORLD_WORDS.persons);
  const changed = sentence
    .replace(NAME, person)
    .replace(PRONOUN, (pronoun) => (random.next() < 0.5 ? person() : pronoun))
    .replace(NOUN, (whole, article) => (random.next() < 0.25 ? `${article} ${random.pick(THINGS)}` : whole));
  return eventOf(changed) ? sentence : changed;
}
