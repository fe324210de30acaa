/** Which records a run can use: checked once, before it starts, so that none of them ends it later. */
import { setImmediate } from 'node:timers/promises';
import { count } from '../base/format.js';
import type { ChunkingOptions, RelevanceSource } from '../data/examples.js';
import type { QuestionRecord } from '../data/records.js';
import { promptFormatNamed } from '../memory/prompts.js';
import { chunkDocuments, chunksOf, omitMiddle } from '../text/chunks.js';
import { TextError } from '../text/errors.js';
import { filterChunk } from '../text/filter.js';
import type { Tokenizer } from '../text/tokenizer.js';
import type { CommonConfig } from '../train/config.js';
import { TrainError } from '../train/errors.js';

type Memory = CommonConfig['memory'];

/** Chunks of fewer tokens may be too small for a single character. */
const SAFE_CHUNK_TOKENS = 64;

/** Why a record cannot be read within the limits; undefined if it can. */
function obstacle(record: QuestionRecord, tokenizer: Tokenizer, memory: Memory): string | undefined {
  const { questionTokens, memoryTokens, chunkTokens, align } = memory;
  const question = tokenizer.encodeText(record.question).length;
  if (question > questionTokens) {
    return `the question has ${count(question)} tokens, memory.questionTokens allows ${count(questionTokens)}`;
  }
  const first = tokenizer.encodeText(promptFormatNamed(memory.prompts).initialMemory(record.question)).length;
  if (first > memoryTokens) {
    return `the first memory has ${count(first)} tokens, memory.memoryTokens allows ${count(memoryTokens)}`;
  }
  if (chunkTokens >= SAFE_CHUNK_TOKENS) return undefined;
  try {
    chunkDocuments(record.documents, tokenizer, { chunkTokens, align });
    return undefined;
  } catch (error) {
    if (!TextError.isInstance(error)) throw error;
    return error.message;
  }
}

/** Records that can be read, and a line for each that cannot. */
export function readable(
  records: readonly QuestionRecord[],
  tokenizer: Tokenizer,
  memory: Memory,
): { records: QuestionRecord[]; problems: string[] } {
  const problems: string[] = [];
  const kept = records.filter((record) => {
    const problem = obstacle(record, tokenizer, memory);
    if (problem !== undefined) problems.push(`${JSON.stringify(record.id)}: ${problem}`);
    return problem === undefined;
  });
  return { records: kept, problems };
}

/** Records that are named in a message. */
const NAMED = 3;

/** "2 of 152 records cannot be read …: "a": …; "b": …" */
export function unreadableText(problems: readonly string[], total: number): string {
  const more = problems.length > NAMED ? '; …' : '';
  return `${count(problems.length)} of ${count(total)} records cannot be read within the limits of memory: ${problems.slice(0, NAMED).join('; ')}${more}.`;
}

/** @throws TrainError `no-data` naming the first records that cannot be read. */
export function refuseUnreadable(problems: readonly string[], total: number): void {
  if (problems.length === 0) return;
  throw new TrainError(
    'no-data',
    `${unreadableText(problems, total)} Raise the limits, or leave such records out with data.leaveOut.unreadable: true.`,
  );
}

/** Where counting stops, as long as no record is to be left out: cutting a large data set takes minutes. */
const LOOKED_AT_CHARACTERS = 20_000_000;

/** How many records lose relevant text to `maxChunks`. */
export interface LostEvidence {
  records: number;
  /** Records that were looked at: all, or the first ones of a large data set. */
  looked: number;
  /** Those that lose any of it, those that lose all of it included. */
  any: number;
  all: number;
}

export interface EvidenceOptions {
  /** Records to leave out: none, those that lose all of their relevant text, or those that lose any. */
  leaveOut: 'none' | 'all' | 'any';
  signal?: AbortSignal;
  /** Where counting stops if no record is to be left out. */
  mostCharacters?: number;
}

/**
 * What `maxChunks` takes from the records. Records without relevance marks are not counted.
 */
export async function evidenceKept(
  records: readonly QuestionRecord[],
  tokenizer: Tokenizer,
  { maxChunks, ...cutting }: ChunkingOptions,
  marksOf: RelevanceSource,
  { leaveOut, signal, mostCharacters = LOOKED_AT_CHARACTERS }: EvidenceOptions,
): Promise<{ records: QuestionRecord[]; lost: LostEvidence }> {
  const lost: LostEvidence = { records: records.length, looked: 0, any: 0, all: 0 };
  if (maxChunks === undefined) return { records: [...records], lost };
  const kept: QuestionRecord[] = [];
  let characters = 0;
  for (const record of records) {
    if (leaveOut === 'none' && characters >= mostCharacters) break;
    // Long documents take time to cut; a signal must get through.
    await setImmediate();
    signal?.throwIfAborted();
    lost.looked++;
    characters += record.documents.reduce((sum, { text }) => sum + text.length, 0);
    const whole = [...chunksOf(record.documents, tokenizer, cutting)];
    const marks = whole.length > maxChunks ? await marksOf(record) : undefined;
    if (!marks || marks.length === 0) {
      kept.push(record);
      continue;
    }
    const stays = new Set(omitMiddle(whole, maxChunks).chunks.map(({ start }) => start));
    const relevant = whole.filter((chunk) => filterChunk(chunk, marks) !== '');
    const any = relevant.some(({ start }) => !stays.has(start));
    const all = any && relevant.every(({ start }) => !stays.has(start));
    if (any) lost.any++;
    if (all) lost.all++;
    if (!(leaveOut === 'any' ? any : leaveOut === 'all' && all)) kept.push(record);
  }
  return { records: leaveOut === 'none' ? [...records] : kept, lost };
}

/** A sentence about the loss; undefined if nothing is lost. */
export function lostEvidenceText(
  { records, looked, any, all }: LostEvidence,
  maxChunks: number,
  leaveOut: 'none' | 'all' | 'any',
): string | undefined {
  if (any === 0) return undefined;
  const of = looked < records ? `the first ${count(looked)} of ${count(records)}` : count(records);
  const found = `memory.maxChunks is ${count(maxChunks)}: ${count(any)} of ${of} training records lose relevant text, ${count(all)} of them all of it.`;
  if (leaveOut === 'none') {
    return `${found} Raise it, or leave such records out: data.leaveOut.lostEvidence: any (or all).`;
  }
  return `${found} ${count(leaveOut === 'any' ? any : all)} are left out (data.leaveOut.lostEvidence: ${leaveOut}).`;
}
