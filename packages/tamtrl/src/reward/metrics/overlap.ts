/**
 * Scores by equality, by containment and by overlap of words, as SQuAD's, HotpotQA's and MemAgent's scripts define
 * them for one gold answer, and what they mean where several answers are wanted together.
 */
import { type Normalization, normalizeAnswer, normalizeSquad, squadTokensOfNormalized } from '../normalize.js';

export interface F1Score {
  precision: number;
  recall: number;
  f1: number;
}

/**
 * How token F1 treats its corner cases. `squad`: nothing in common is 0, two empty answers too (SQuAD 1.1). `squad-2`:
 * two empty answers are 1 (SQuAD 2.0). `hotpotqa`: as `squad`, and yes, no and noanswer only agree with themselves.
 */
export type F1Variant = 'squad' | 'squad-2' | 'hotpotqa';

const NO_SCORE: F1Score = { precision: 0, recall: 0, f1: 0 };
const CLOSED_ANSWERS = new Set(['yes', 'no', 'noanswer']);

/** Overlap of two bags of tokens; 0 if they have nothing in common. */
export function bagF1(said: readonly string[], wanted: readonly string[]): F1Score {
  const left = new Map<string, number>();
  for (const token of wanted) left.set(token, (left.get(token) ?? 0) + 1);
  let common = 0;
  for (const token of said) {
    const count = left.get(token) ?? 0;
    if (count === 0) continue;
    left.set(token, count - 1);
    common++;
  }
  if (common === 0) return NO_SCORE;
  const precision = common / said.length;
  const recall = common / wanted.length;
  return { precision, recall, f1: (2 * precision * recall) / (precision + recall) };
}

/** 1 if both are the same after normalisation, else 0. */
export function exactMatch(prediction: string, gold: string, normalization: Normalization = 'squad'): number {
  return normalizeAnswer(prediction, normalization) === normalizeAnswer(gold, normalization) ? 1 : 0;
}

/** Overlap of the two bags of SQuAD-normalised words; see `F1Variant` for the corner cases. */
export function tokenF1(prediction: string, gold: string, variant: F1Variant = 'squad-2'): F1Score {
  const said = normalizeSquad(prediction);
  const wanted = normalizeSquad(gold);
  if (variant === 'hotpotqa' && said !== wanted && (CLOSED_ANSWERS.has(said) || CLOSED_ANSWERS.has(wanted))) {
    return NO_SCORE;
  }
  if (variant === 'squad-2' && said === '' && wanted === '') return { precision: 1, recall: 1, f1: 1 };
  return bagF1(squadTokensOfNormalized(said), squadTokensOfNormalized(wanted));
}

/**
 * 1 if the prediction contains the gold answer, as whole words: "no" is not in "Nobel", and a prediction that is only
 * a part of the gold answer scores 0. With `math`, which has no words, the gold answer may be anywhere in the
 * prediction.
 */
export function subExactMatch(prediction: string, gold: string, normalization: Normalization = 'squad'): number {
  const said = normalizeAnswer(prediction, normalization);
  const wanted = normalizeAnswer(gold, normalization);
  if (normalization === 'math' && wanted !== '') return said.includes(wanted) ? 1 : 0;
  return holdsWords(said, wanted) ? 1 : 0;
}

/**
 * MemAgent's sub-exact match (`sub_em` of its evaluation scripts, arXiv 2507.02259): after SQuAD's normalisation, the
 * prediction contains the gold answer anywhere, or the gold answer contains the prediction. So a fragment is
 * right, and so is every prediction that normalises to nothing, such as the empty one or "The".
 */
export function memagentSubExactMatch(prediction: string, gold: string): number {
  const said = normalizeSquad(prediction);
  const wanted = normalizeSquad(gold);
  return said.includes(wanted) || wanted.includes(said) ? 1 : 0;
}

function holdsWords(said: string, wanted: string): boolean {
  if (wanted === '') return said === '';
  for (let at = said.indexOf(wanted); at >= 0; at = said.indexOf(wanted, at + 1)) {
    if (!joinsWord(said, at) && !joinsWord(said, at + wanted.length)) return true;
  }
  return false;
}

/** Two word characters meet at this offset, so it lies inside a word. */
function joinsWord(text: string, offset: number): boolean {
  return (
    /[\p{L}\p{N}_]$/u.test(text.slice(Math.max(0, offset - 2), offset)) && /^[\p{L}\p{N}_]/u.test(text.slice(offset))
  );
}

/** Lower case without punctuation; only lower case if it is all punctuation. Articles stay. */
function plainForm(text: string): string {
  const lower = squadTokensOfNormalized(text.toLowerCase()).join(' ');
  return squadTokensOfNormalized(lower.replaceAll(/[\p{P}\p{S}]/gu, '')).join(' ') || lower;
}

/** Gold answers such as "A" and "The" normalise to nothing, as an empty output does. */
export function isErased(gold: string, normalization: Normalization = 'squad'): boolean {
  return normalizeAnswer(gold, normalization) === '';
}

/** As `exactMatch`, but a gold answer that normalisation erases is compared without it. */
export function exactScore(prediction: string, gold: string, normalization?: Normalization): number {
  if (isErased(gold, normalization)) return plainForm(prediction) === plainForm(gold) ? 1 : 0;
  return exactMatch(prediction, gold, normalization);
}

/** As `tokenF1`, but a gold answer that normalisation erases is compared without it. */
export function f1Score(prediction: string, gold: string, variant?: F1Variant): number {
  if (!isErased(gold)) return tokenF1(prediction, gold, variant).f1;
  return bagF1(plainForm(prediction).split(' '), plainForm(gold).split(' ')).f1;
}

/** As `subExactMatch`, but a gold answer that normalisation erases is looked for without it. */
export function subExactScore(prediction: string, gold: string, normalization?: Normalization): number {
  if (isErased(gold, normalization)) return holdsWords(plainForm(prediction), plainForm(gold)) ? 1 : 0;
  return subExactMatch(prediction, gold, normalization);
}

/** Possible separators of a list's parts. */
const CONNECTORS = new Set(['and', 'or', '&']);

/** Normalisation joins "7,12" to 712; with a space it stays two words. */
function spaced(text: string): string {
  return text.replaceAll(/[,;/|]/g, '$& ');
}

/** Words with their offsets; list separators are between words. */
function wordsOf(text: string): { start: number; end: number }[] {
  return [...text.matchAll(/[^\s,;/|]+/gu)].map(({ 0: word, index }) => ({ start: index, end: index + word.length }));
}

/** 1 if the prediction names every gold answer, in any order, and nothing else but what connects a list. */
export function exactList(
  prediction: string,
  golds: readonly string[],
  normalization: Normalization = 'squad',
): number {
  const words = wordsOf(prediction);
  const taken = words.map(() => false);
  // The longest first: "New York" must not use up a part of "New York City".
  for (const gold of [...golds].sort((a, b) => b.length - a.length)) {
    // "1,000,000" is one word in the gold answer and three here.
    const most = wordsOf(gold).length + 3;
    const run = runsOf(taken, most).find(
      ([from, to]) => exactScore(prediction.slice(words[from].start, words[to].end), gold, normalization) === 1,
    );
    if (run === undefined) return 0;
    taken.fill(true, run[0], run[1] + 1);
  }
  const isRest = ({ start, end }: { start: number; end: number }, at: number) => {
    const word = prediction.slice(start, end).toLowerCase();
    return !taken[at] && !CONNECTORS.has(word) && !isErased(word, normalization);
  };
  return words.some(isRest) ? 0 : 1;
}

/** Stretches [first, last] of up to `most` free words. */
function runsOf(taken: readonly boolean[], most: number): [number, number][] {
  return taken.flatMap((_, from) => {
    const runs: [number, number][] = [];
    for (let to = from; to < taken.length && to - from < most && !taken[to]; to++) runs.push([from, to]);
    return runs;
  });
}

/** F1 of the prediction's words and those of all gold answers together. */
export function f1OfList(prediction: string, golds: readonly string[]): number {
  const wanted = golds.flatMap((gold) =>
    squadTokensOfNormalized(isErased(gold) ? plainForm(gold) : normalizeSquad(gold)),
  );
  const tokens = (text: string) =>
    squadTokensOfNormalized(normalizeSquad(text)).filter((word) => !CONNECTORS.has(word) || wanted.includes(word));
  return Math.max(bagF1(tokens(prediction), wanted).f1, bagF1(tokens(spaced(prediction)), wanted).f1);
}

/** 1 if the prediction contains every gold answer, as whole words. */
export function subExactList(prediction: string, golds: readonly string[], normalization?: Normalization): number {
  const stands = (gold: string) =>
    subExactScore(prediction, gold, normalization) === 1 ||
    subExactScore(spaced(prediction), gold, normalization) === 1;
  return golds.length > 0 && golds.every(stands) ? 1 : 0;
}

/**
 * For lists of things to choose or count: the share of the wanted ones named, times the share of the named ones wanted.
 */
export function listCoverage(named: readonly string[], wanted: readonly string[]): number {
  if (named.length === 0 || wanted.length === 0) return 0;
  const found = new Set(named);
  const right = new Set(wanted);
  const recall = [...right].filter((each) => found.has(each)).length / right.size;
  return (recall * named.filter((each) => right.has(each)).length) / named.length;
}

/** A list without its separators, and its gold answers as one text in the order in which the list has them. */
export function asOneText(prediction: string, golds: readonly string[]): { said: string; wanted: string } {
  const lower = prediction.toLowerCase();
  const placeOf = (gold: string) => {
    const at = lower.indexOf(gold.toLowerCase());
    return at < 0 ? lower.length : at;
  };
  const wanted = [...golds].sort((a, b) => placeOf(a) - placeOf(b)).join(' ');
  return { said: prediction.replaceAll(/[,;/|、，；]|\band\b/g, ' '), wanted };
}
