/** What people are told about a reading: its cost, what it left out, what it could not answer. */
import { count, counted, duration } from '../base/format.js';
import { given } from '../base/objects.js';
import type { Budgets } from '../memory/frames.js';
import { moneyText, type Prices } from '../policy/prices.js';
import type { FollowUpAnswer } from './conversation.js';
import type { DryRun } from './estimate-reading.js';
import type { Answer, QuestionMemory } from './events.js';
import type { Unread } from './extent.js';
import type { ReadingEstimate, ReadingPlan } from './plan.js';
import type { DocumentOutcome } from './read-documents.js';
import type { MemoryReader } from './reader.js';
import { type ReadTokens, sumOf, tokensSince } from './tokens.js';

const MOST_RANGES = 5;

function estimateText({ exact, chunks, requests, tokens, cost, seconds }: ReadingEstimate): string {
  const money = cost ? `, ${moneyText(cost)}` : '';
  const time = seconds === undefined ? '' : `, about ${duration(seconds)}`;
  return `${exact ? '' : 'About '}${counted(chunks, 'chunk')}, ${counted(requests, 'request')}; at most ${count(tokens.prompt)} tokens read, ${count(tokens.output)} written${money}${time}\n`;
}

/** Shorter readings are over before their estimate has been read. */
const LONG = 20;

/** The estimate of a long reading, of every one that has a price, and of one that leaves something out. */
export function estimateTold({ estimate, unread }: ReadingPlan): string {
  return estimate && (estimate.chunks >= LONG || estimate.cost || unread) ? estimateText(estimate) : '';
}

/** `tamtrl ask --dry-run`, and what was assumed. */
export function dryRunTexts(found: DryRun): { found: string; assumed: string } {
  const assumed = `The server was not asked for its window: ${count(found.contextLength)} tokens are assumed. Set it with --context-length.\n`;
  return { found: `${estimateText(found)}${unreadText(found.unread)}`, assumed: found.assumed ? assumed : '' };
}

/** The memories after a turn, line by line. @param several more than one question */
export function memoryLines(memories: readonly QuestionMemory[], several: boolean): string[] {
  return memories.flatMap(({ question, memory, truncated, repeating, empty }) => [
    ...(several ? [`  ${question}`] : []),
    ...memory.split('\n').map((line) => `  ${line}`),
    ...(truncated ? [repeating ? '  (repeats itself up to the limit)' : '  (cut off at the limit)'] : []),
    ...(empty ? ['  (nothing new was written)'] : []),
  ]);
}

/** Nothing if nothing was left out. */
export function unreadText(unread: Unread | undefined): string {
  if (!unread || unread.chunks === 0) return '';
  const { chunks, tokens, ranges } = unread;
  const where = ranges.length === 0 ? '' : `, characters ${rangesText(ranges)}`;
  return `Not read: ${counted(chunks, 'chunk')} (${count(tokens)} tokens)${where}\n${unfoundText(unread)}`;
}

/** A budget goes to the chunks that a search for the question's words finds. */
function unfoundText({ unfound = [] }: Unread): string {
  if (unfound.length === 0) return '';
  const which = unfound.map((question) => JSON.stringify(question)).join(', ');
  return `No word of ${which} occurs in the text, so the budget went to its beginning.\n`;
}

function rangesText(ranges: Unread['ranges']): string {
  const shown = ranges.slice(0, MOST_RANGES).map(({ start, end }) => `${count(start)} to ${count(end)}`);
  const more = ranges.length > MOST_RANGES ? `, and ${ranges.length - MOST_RANGES} more stretches` : '';
  return `${shown.join(', ')}${more}`;
}

/** Why there is no answer; undefined if there is one to each question. @param empty turns without a memory */
export function noAnswerText(answers: readonly Answer[], { answerTokens }: Budgets, empty: number): string | undefined {
  const missing = answers.filter(({ answer }) => answer === '');
  if (missing.length === 0) return undefined;
  const [{ question, truncated }] = missing;
  const which = answers.length === 1 ? 'the question' : JSON.stringify(question);
  const why = truncated
    ? `It used up ${count(answerTokens)} tokens without one, as models do that think: raise --answer-tokens, or use --no-thinking.`
    : 'If the model can think, use --no-thinking. Also check that it is a chat model.';
  const chunks = empty === 0 ? '' : ` It wrote no memory after ${counted(empty, 'chunk')} either.`;
  return `The model wrote nothing in answer to ${which}. ${why}${chunks}`;
}

export const answerText = ({ answer, truncated }: Answer) =>
  `${answer === '' ? '(no answer)' : answer}${truncated ? ' (cut off at the limit)' : ''}\n`;

/** Where the answer to a follow-up question comes from, and what it took. */
export function followUpText(answer: FollowUpAnswer, prices: Prices | undefined): string {
  return `${whereFrom(answer)} ${tokensText(answer.tokens, prices)}.\n${unreadText(answer.unread)}`;
}

function whereFrom({ from, missing, notesFor }: FollowUpAnswer): string {
  if (from === 'text') return 'The text was read for this question.';
  const notes = `the notes for ${notesFor.map((question) => JSON.stringify(question)).join(', ')}`;
  if (!missing) return `From ${notes}; the text was not read again.`;
  return `Not in ${notes}. To read the text again for this question, use --reread.`;
}

/** "3,000 tokens read (500 from the cache), 200 written, 0.0020 USD" */
function tokensText(tokens: ReadTokens, prices: Prices | undefined, more = ''): string {
  const { prompt, output, cached } = tokens;
  const kept = cached === undefined ? '' : ` (${count(cached)} from the cache)`;
  const money = prices ? `, ${moneyText(prices.of(tokens))}` : '';
  return `${count(prompt)} tokens read${kept}, ${count(output)} written${more}${money}`;
}

export interface Told {
  answers: readonly Answer[];
  /** Of the first question, after each chunk. */
  memory: readonly string[];
  reader: MemoryReader;
  turns: number;
  /** Of earlier runs, which the state has kept. */
  before?: ReadTokens;
  unread?: Unread;
  prices?: Prices;
  followUps?: readonly FollowUpAnswer[];
  /** Of the follow-up questions. */
  further?: ReadTokens;
}

/** Chunks that were read now, without those of a saved state. */
const ownChunks = ({ reader, turns }: Told) => reader.chunksRead + turns - reader.turns;

/** Tokens of this run: those of earlier ones were paid then. */
const ownTokens = ({ reader, before, further }: Told) =>
  sumOf(before ? tokensSince(reader.tokens, before) : reader.tokens, further);

/** `tamtrl ask --json`. */
export function jsonReading(told: Told): object {
  const { answers, memory, reader, turns, unread, prices, followUps = [] } = told;
  const own = ownTokens(told);
  const { prompt, output, cached } = own;
  const chunks = ownChunks(told);
  const each = answers.map(({ output: _, truncated: __, ...rest }) => rest);
  const later = followUps.map(({ output: _, truncated: __, ...rest }) => rest);
  const tokens = { prompt, output, ...given({ cached }), total: prompt + output };
  // Only follow-up questions about a saved reading have no first answer.
  const first = answers.at(0);
  return {
    ...(first && { answer: first.answer }),
    turns,
    memory,
    ...(first && { provenance: first.provenance }),
    tokens,
    seconds: reader.seconds,
    ...(chunks !== turns && { chunksRead: chunks }),
    ...(answers.length > 1 && { answers: each }),
    ...(later.length > 0 && { followUps: later }),
    ...given({ cost: prices?.of(own), unread }),
  };
}

/** "12 chunks, 3,000 tokens read, 200 written, 4.1 s in the model" */
export function readingText(told: Told): string {
  const { reader, turns, prices } = told;
  const own = ownChunks(told);
  const again = own === turns ? '' : ` (${count(own)} of them read now)`;
  const time = `, ${duration(reader.seconds)} in the model`;
  return `${counted(turns, 'chunk')}${again}, ${tokensText(ownTokens(told), prices, time)}\n`;
}

/** Of all documents that were read. */
export function tokensOf(outcomes: readonly DocumentOutcome[]): ReadTokens {
  return outcomes.reduce((sum, { reading }) => sumOf(sum, reading?.tokens), { prompt: 0, output: 0 });
}

/** `tamtrl ask --each --json`. */
export function jsonDocuments(names: readonly string[], outcomes: readonly DocumentOutcome[], prices?: Prices): object {
  const documents = outcomes.map(({ reading, error }, at) => {
    if (error) return { document: names[at], error: error.message };
    const { answer, answers, turns, provenance, tokens, unread } = reading;
    const each = answers.map(({ output: _, truncated: __, ...rest }) => rest);
    const more = given({ answers: each.length > 1 ? each : undefined, unread });
    return { document: names[at], answer, turns, provenance, tokens, ...more };
  });
  const tokens = tokensOf(outcomes);
  return {
    documents,
    tokens: { ...tokens, total: tokens.prompt + tokens.output },
    ...given({ cost: prices?.of(tokens) }),
  };
}
