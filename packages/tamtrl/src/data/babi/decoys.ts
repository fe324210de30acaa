/**
 * Sentences of books with persons, objects and places of the stories in them, and with what stories tell, told of
 * others: "…, and she went back to the kitchen." Few books have many such sentences, but a reader of a million tokens
 * meets some, and must not take them for facts.
 */
import type { SeededRandom } from '../../base/random.js';
import { type BabiEvent, eventOf, sentenceOf, WORLD_WORDS } from './events.js';

/** Inside a sentence, a word with a capital is mostly a name. */
const NAME = /(?<=[\p{Ll},;] )\p{Lu}\p{Ll}+/gu;
const PRONOUN = /\b(?:he|she|He|She)\b/g;
const NOUN = /\b(the|a|his|her|my|your) (\p{Ll}{3,})\b/gu;
const THINGS = [...WORLD_WORDS.objects, ...WORLD_WORDS.places];

const PLACE = new RegExp(`\\bthe (?:${WORLD_WORDS.places.join('|')})\\b`);
const OBJECT = new RegExp(`\\bthe (?:${WORLD_WORDS.objects.join('|')})\\b`);

/** Share of the decoys with a fact of somebody else. */
const OTHERS_SHARE = 0.4;
const OTHERS = (
  'he|she|they|I|we|you|it|who|everybody|both of them|the girl|the old man|the boys|her mother|' +
  'his brother|my friend|the doctor|one of the servants|Anne|Tom|Peter|Lucy|Harry|Jane|Edward|Emma|' +
  'Miss Brown|Mr. Dale|Alexey|Nicholas'
).split('|');
/** Where the stories' persons never are, what they never have, and what they are never called. */
const ELSEWHERE = (
  'the door|the window|the fire|the village|the old house|the stairs|the table|the end of the street|the next room|' +
  'the door of the study|her father’s room|his own room|her brother|him|them|bed|church|London|a chair|the river'
).split('|');
const BELONGINGS = 'the letter|his hat|a candle|her hand|the child|a book|the road|the key|the horse|the room'.split(
  '|',
);
const TITLES = 'Princess|Aunt|Uncle|Old|Little|Miss|Poor|Prince|St.|Sir'.split('|');
const ARTICLES = ['his', 'her', 'a', 'some', 'that', 'their', 'my'];
const JOINTS = [', and ', '; ', ', but ', ', while ', ', as ', ' before ', ' and then '];

/**
 * The sentence itself if nothing in it can be replaced, or if it would become a fact of the story's persons.
 * @param nearFacts share of the sentences that also tell what one of these persons did elsewhere: "Princess Mary went
 *   to the door"
 */
export function withDecoys(sentence: string, random: SeededRandom, nearFacts = 0): string {
  const person = () => random.pick(WORLD_WORDS.persons);
  const changed = sentence
    .replace(NAME, person)
    .replace(PRONOUN, (pronoun) => (random.next() < 0.5 ? person() : pronoun))
    .replace(NOUN, (whole, article) => (random.next() < 0.25 ? `${article} ${random.pick(THINGS)}` : whole));
  const decoy = eventOf(changed) ? sentence : changed;
  const told = random.next() < OTHERS_SHARE ? joined(decoy, factOfOthers(random), random) : decoy;
  return nearFacts > 0 && random.next() < nearFacts ? joined(told, nearFact(random), random) : told;
}

/** Placeholders, replaced by others. */
const person = 'Mary';
const receiver = 'John';

/** A fact in the words of the stories, without its full stop. */
function fact(random: SeededRandom): string {
  const object = random.pick(WORLD_WORDS.objects);
  const place = random.pick(WORLD_WORDS.places);
  const event = random.pick<BabiEvent>([
    { kind: 'move', person, place },
    { kind: 'move', person, place },
    { kind: 'get', person, object },
    { kind: 'drop', person, object },
    { kind: 'give', person, object, receiver },
  ]);
  return sentenceOf(event, 'qa3', random).slice(0, -1);
}

/** A fact, sometimes with another article, of somebody who is in none of the stories. */
function factOfOthers(random: SeededRandom): string {
  return fact(random)
    .replace(person, random.pick(OTHERS))
    .replace(receiver, random.pick(OTHERS))
    .replace(/\bthe(?= \w+(?: there)?$)/, (article) => (random.next() < 0.3 ? random.pick(ARTICLES) : article));
}

/** What a person of the stories did with something, or at a place, that is in none of them. */
function nearFact(random: SeededRandom): string {
  const name = random.pick(WORLD_WORDS.persons);
  return fact(random)
    .replace(person, random.next() < 0.4 ? `${random.pick(TITLES)} ${name}` : name)
    .replace(receiver, random.pick(WORLD_WORDS.persons))
    .replace(PLACE, random.pick(ELSEWHERE))
    .replace(OBJECT, random.pick(BELONGINGS));
}

/** A sentence that tells both, or two sentences. */
function joined(sentence: string, clause: string, random: SeededRandom): string {
  const [, words, end] = /^(.*?)([.!?…]*["”’']*)$/su.exec(sentence) ?? [];
  if (!words) return sentence;
  const joint = random.pick(JOINTS);
  switch (random.integer(4)) {
    case 0:
      return `${words}${joint}${clause}${end}`;
    case 1:
      return `${capital(clause)}${joint}${sentence}`;
    case 2:
      return words.includes(', ') ? sentence.replace(', ', `, ${clause}, `) : `${words}, ${clause}${end}`;
    default:
      return random.next() < 0.5 ? `${sentence} ${capital(clause)}.` : `${capital(clause)}. ${sentence}`;
  }
}

const capital = (text: string) => text[0].toUpperCase() + text.slice(1);
