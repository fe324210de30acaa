/** Ideal memories of stories in words: "Mary kitchen; John has football". */
import type { BabiNote } from './ideal.js';

/** The memory while nothing is known. */
export const NO_NOTES = 'nothing';
const BETWEEN = '; ';

export function memoryOf(notes: readonly BabiNote[]): string {
  return notes.length === 0 ? NO_NOTES : notes.map(words).join(BETWEEN);
}

/** The notes of a memory, each as its words. */
export function notesIn(memory: string): string[] {
  return memory === NO_NOTES ? [] : memory.split(BETWEEN.trim()).map((note) => note.trim());
}

/** Kinds of the notes after a change, new ones with a plus: "at+, holds" when a person with something moves. */
export function changeKind(before: readonly BabiNote[], after: readonly BabiNote[]): string {
  if (memoryOf(before) === memoryOf(after)) return 'stays';
  const earlier = new Set(before.map(words));
  const kinds = after.map((note) => {
    const kind = 'after' in note ? `${note.kind} after` : note.kind;
    return earlier.has(words(note)) ? kind : `${kind}+`;
  });
  return [...new Set(kinds)].sort().join(', ');
}

function words(note: BabiNote): string {
  switch (note.kind) {
    case 'at':
      return `${note.person} ${placeOf(note)}`;
    case 'not at':
      return `${note.person} not ${note.place}`;
    case 'either':
      return `${note.person} ${note.places[0]} or ${note.places[1]}`;
    case 'holds':
      return `${note.person} has ${note.object}`;
    case 'lies':
      return `${note.object} ${placeOf(note)}`;
    case 'was':
      return `${note.object} ${note.place} before ${note.next}`;
    case 'gave':
      return `${note.person} gave ${note.object} to ${note.receiver}`;
    case 'relation':
      return `${note.place} ${note.direction} of ${note.other}`;
  }
}

const placeOf = ({ place, after }: { place: string; after?: string }) =>
  after === undefined ? place : `${place} after ${after}`;
