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

/** Share of the decoys with a fact of somebody else. */
const OTHERS_SHARE = 0.4;
const OTHERS = (
  'he|she|they|I|we|you|it|who|everybody|both of them|the girl|the old man|the boys|her mother|' +
  'his brother|my friend|the doctor|one of the servants|Anne|Tom|Peter|Lucy|Harry|Jane|Edward|Emma|' +
  'Miss Brown|Mr. Dale|Alexey|Nicholas'
).split('|');
const ARTICLES = ['his', 'her', 'a', 'some', 'that', 'their', 'my'];
const JOINTS = [', and ', '; ', ', but ', ', while ', ', as ', ' before ', ' and then '];

/** The sentence itself if nothing in it can be replaced, or if it would become a fact of the story's persons. */
export function withDecoys(sentence: string, random: SeededRandom): string {
  const person = () => random.pick(WORLD_WORDS.persons);
  const changed = sentence
    .replace(NAME, person)
    .replace(PRONOUN, (pronoun) => (random.next() < 0.5 ? person() : pronoun))
    .replace(NOUN, (whole, article) => (random.next() < 0.25 ? `${article} ${random.pick(THINGS)}` : whole));
  const decoy = eventOf(changed) ? sentence : changed;
  return random.next() < OTHERS_SHARE ? joined(decoy, factOfOthers(random), random) : decoy;
}

/** A fact in the words of the stories, sometimes with another article, of somebody who is in none of them. */
function factOfOthers(random: SeededRandom): string {
  const [person, receiver] = ['Mary', 'John'];
  const object = random.pick(WORLD_WORDS.objects);
  const place = random.pick(WORLD_WORDS.places);
  const event = random.pick<BabiEvent>([
    { kind: 'move', person, place },
    { kind: 'move', person, place },
    { kind: 'get', person, object },
    { kind: 'drop', person, object },
    { kind: 'give', person, object, receiver },
  ]);
  return sentenceOf(event, 'qa3', random)
    .slice(0, -1)
    .replace(person, random.pick(OTHERS))
    .replace(receiver, random.pick(OTHERS))
    .replace(/\bthe(?= \w+(?: there)?$)/, (article) => (random.next() < 0.3 ? random.pick(ARTICLES) : article));
}

/** A sentence that tells both, or two sentences. */
function joined(sentence: string, fact: string, random: SeededRandom): string {
  const [, words, end] = /^(.*?)([.!?…]*["”’']*)$/su.exec(sentence) ?? [];
  if (!words) return sentence;
  const joint = random.pick(JOINTS);
  switch (random.integer(4)) {
    case 0:
      return `${words}${joint}${fact}${end}`;
    case 1:
      return `${capital(fact)}${joint}${sentence}`;
    case 2:
      return words.includes(', ') ? sentence.replace(', ', `, ${fact}, `) : `${words}, ${fact}${end}`;
    default:
      return random.next() < 0.5 ? `${sentence} ${capital(fact)}.` : `${capital(fact)}. ${sentence}`;
  }
}

const capital = (text: string) => text[0].toUpperCase() + text.slice(1);
