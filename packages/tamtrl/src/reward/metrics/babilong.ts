/** BABILong's rule (arXiv 2406.10149), which takes an answer for the choice of one of the task's labels. */
import { type Reference, taskOf } from '../../data/metrics.js';

const PLACES = ['bathroom', 'bedroom', 'garden', 'hallway', 'kitchen', 'office'];

/** The labels of each task, as babilong/metrics.py of github.com/booydar/babilong has them. */
const BABILONG_LABELS: Readonly<Record<string, readonly string[]>> = {
  qa1: PLACES,
  qa2: PLACES,
  qa3: PLACES,
  qa4: PLACES,
  qa5: ['bill', 'fred', 'jeff', 'mary', 'apple', 'football', 'milk'],
  qa6: ['no', 'yes'],
  qa7: ['none', 'one', 'two', 'three'],
  qa8: ['apple', 'football', 'milk', 'nothing'],
  qa9: ['no', 'yes'],
  qa10: ['maybe', 'no', 'yes'],
  qa11: PLACES,
  qa12: PLACES,
  qa13: PLACES,
  qa14: ['bedroom', 'cinema', 'kitchen', 'office', 'park', 'school'],
  qa15: ['cat', 'mouse', 'sheep', 'wolf'],
  qa16: ['gray', 'green', 'white', 'yellow'],
  qa17: ['no', 'yes'],
  qa18: ['no', 'yes'],
  qa19: ['e,e', 'e,n', 'e,s', 'n,e', 'n,n', 'n,w', 's,e', 's,s', 's,w', 'w,n', 'w,s', 'w,w'],
  qa20: ['bedroom', 'bored', 'garden', 'hungry', 'kitchen', 'thirsty', 'tired'],
};

/** The record's own labels, else those of its task; undefined if neither is known. */
export function babilongLabels(
  reference: Pick<Reference, 'labels' | 'task' | 'source'>,
): readonly string[] | undefined {
  if (reference.labels !== undefined && reference.labels.length > 0) return reference.labels;
  return BABILONG_LABELS[taskOf(reference)?.match(/^qa\d+/)?.[0] ?? ''];
}

/**
 * 1 if, of the labels that the output's first sentence mentions and the question does not, the targets are all there
 * are. A target of more than three characters with commas is a list (qa8: "football,milk"). Mentions are substrings, as
 * in the published script: "know" mentions "no", and "none" mentions "one", so that "none" is never right in qa7.
 */
export function babilongMatch(output: string, target: string, question: string, labels: readonly string[]): number {
  const wanted = target.toLowerCase();
  const targets = wanted.includes(',') && wanted.length > 3 ? wanted.split(',') : [wanted];
  const asked = question.toLowerCase();
  const said = output.toLowerCase().split('.', 1)[0].split('<context>', 1)[0].split('<example>', 1)[0];
  const lower = new Set(labels.map((label) => label.toLowerCase()));
  const mentioned = [...lower].filter((label) => said.includes(label) && !asked.includes(label));
  return mentioned.length === targets.length && targets.every((each) => mentioned.includes(each)) ? 1 : 0;
}
