/** What the model reads of sequences that enter the batch: their prompts, with their drafts behind. */
import type { Sequence } from './sequences.js';

/** A prompt and a draft that one or more sequences begin with. */
export interface Text {
  /** The prompt, then the draft as far as it is read. */
  ids: readonly number[];
  promptLength: number;
  sequences: readonly Sequence[];
  /** The sequences that have drawn nothing but the draft so far. */
  following: Sequence[];
  /** Hidden states of the prompt's last token and of the draft's tokens. [draft + 1][hiddenSize] */
  hidden: Float32Array[];
}

/** A place in a text after which a token is drawn: 0 is after the prompt, k after k tokens of the draft. */
export interface Place {
  text: Text;
  place: number;
}

/** The texts of sequences, longest first. Sequences with the same prompt and draft share one. */
export function textsOf(sequences: readonly Sequence[]): Text[] {
  const groups = new Map<string, Sequence[]>();
  for (const sequence of sequences) {
    const key = `${sequence.promptIds.join()};${sequence.draft.join()}`;
    const group = groups.get(key);
    if (group) group.push(sequence);
    else groups.set(key, [sequence]);
  }
  const texts = [...groups.values()].map((group): Text => {
    const { promptIds, draft } = group[0];
    const ids = draft.length === 0 ? promptIds : [...promptIds, ...draft];
    return { ids, promptLength: promptIds.length, sequences: group, following: group, hidden: [] };
  });
  return texts.sort((a, b) => b.ids.length - a.ids.length);
}

/** Every place of `texts` after which a token may be drawn, the first places of all texts first. */
export function placesOf(texts: readonly Text[]): Place[] {
  return texts
    .flatMap((text) => text.hidden.map((_, place): Place => ({ text, place })))
    .sort((a, b) => a.place - b.place);
}
