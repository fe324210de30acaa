/**
 * One turn of the agent: samples many prompts in one call and takes the new memory or answer from each output. Rollouts
 * (agent.ts) and the reader share this code, so they agree on what is empty, a thought, or the memory.
 */
import type { GenerateOptions, GenerateRequest, Policy, Sample } from '../policy/types.js';
import type { Tokenizer } from '../text/tokenizer.js';
import { MemoryError } from './errors.js';
import { withoutThoughts } from './extract.js';
import type { Budgets, PromptFrames } from './frames.js';
import type { DraftCounts, Turn } from './trajectory.js';

/** The part of a policy that the agent needs. */
export type MemoryModel = Pick<Policy, 'tokenizer' | 'chat' | 'contextLength' | 'sample'> &
  Partial<Pick<Policy, 'capabilities'>> & {
    /** Readings that share its calls (side-by-side.ts), and so the rows that reading ahead may fill. */
    sharedBy?: number;
  };

/** What an empty output does to the memory before it: keep it, or lose it. */
export type EmptyRule = 'keep' | 'overwrite';

/** What the model wrote in answer to a prompt. */
export interface Output {
  /** All sampled tokens, thoughts and stop token included. */
  sample: Sample;
  /** The part that is carried on, without thoughts and stop tokens. */
  ids: number[];
  /** That part as text, without special tokens. */
  text: string;
  /** The model wrote nothing but white space. */
  empty: boolean;
  /** The model said that the memory stays as it is (`PromptFormat.unchanged`). */
  unchanged?: boolean;
  /** The model said that it need not read on (`PromptFormat.exit`). */
  exited?: boolean;
  /** Absent if no draft was verified. */
  draft?: DraftCounts;
}

/** Samples all prompts of a turn in one call: [requests][samples]. @throws whatever the model throws. */
export async function sampleTurn(
  model: MemoryModel,
  requests: readonly GenerateRequest[],
  options: Omit<GenerateOptions, 'stopIds'>,
): Promise<Output[][]> {
  const { tokenizer, chat } = model;
  const { stopIds } = chat;
  const results = await model.sample(requests, { ...options, stopIds });
  return results.map((samples, at) =>
    samples.map((sample): Output => {
      const { promptIds, draft: drafted } = requests[at];
      const ids = carriedIds({ promptIds, outputIds: sample.tokens }, model);
      const draft = drafted && countsOf(drafted, sample);
      const written = plainText(tokenizer, ids);
      // If the tokenizer has no token for the end of a thought, it is found in the text.
      const said = withoutThoughts(written);
      if (said === written) return { sample, ids, text: written, empty: written.trim() === '', draft };
      const text = said.trimStart();
      return { sample, ids: tokenizer.encodeText(text), text, empty: text === '', draft };
    }),
  );
}

function countsOf(draft: readonly number[], { acceptedDraft }: Sample): DraftCounts | undefined {
  return acceptedDraft === undefined ? undefined : { drafted: draft.length, accepted: acceptedDraft };
}

/** The output as the next prompt's memory, without control tokens, which could end a message there. */
export function asMemory(output: Output, frames: PromptFrames): Output {
  const rest = withoutExit(output, frames);
  if (rest) {
    // The words alone: nothing is new, and nothing more is needed.
    if (rest.ids.length === 0) return { ...output, ids: [], text: '', empty: false, unchanged: true, exited: true };
    return { ...asNotes({ ...output, ...rest }, frames), exited: true };
  }
  return asNotes(output, frames);
}

function asNotes(output: Output, frames: PromptFrames): Output {
  const { unchanged, format } = frames;
  const isSaid = unchanged?.length === output.ids.length && unchanged.every((id, at) => id === output.ids[at]);
  // The same words may be cut into other tokens at the beginning of a message.
  if (isSaid || (format.unchanged !== undefined && output.text.trim() === format.unchanged))
    return { ...output, empty: false, unchanged: true };
  const ids = frames.carried(output.ids);
  const text = plainText(frames.tokenizer, ids);
  return { ...output, ids: [...ids], text, empty: text.trim() === '' };
}

/** What was written before the words that end the reading; undefined if they are not there. */
function withoutExit({ ids, text }: Output, frames: PromptFrames): Pick<Output, 'ids' | 'text'> | undefined {
  const { exit, format, tokenizer } = frames;
  if (exit === undefined || format.exit === undefined) return undefined;
  const start = ids.length - exit.length;
  const isSaid = start >= 0 && exit.every((id, at) => id === ids[start + at]);
  const said = text.trimEnd();
  if (!isSaid && !said.endsWith(format.exit)) return undefined;
  const before = isSaid ? plainText(tokenizer, ids.slice(0, start)) : said.slice(0, -format.exit.length);
  // "UNDONE" is another word than "DONE".
  if (/^[\p{L}\p{N}]/u.test(format.exit) && /[\p{L}\p{N}]$/u.test(before)) return undefined;
  const trimmed = before.trimEnd();
  if (isSaid && trimmed === before) return { ids: ids.slice(0, start), text: before };
  return { ids: trimmed === '' ? [] : tokenizer.encodeText(trimmed), text: trimmed };
}

/** The memory after an update. */
export function memoryAfter(
  before: readonly number[],
  { ids, empty, unchanged }: Output,
  rule: EmptyRule,
): readonly number[] {
  if (unchanged) return before;
  if (!empty) return ids;
  return rule === 'keep' ? before : [];
}

/**
 * A turn in the form that trajectories keep. `memoryIds` is the new memory of an update, or the memory that an answer
 * was given from.
 */
export function turnOf(
  kind: Turn['kind'],
  promptIds: number[],
  { sample, empty, unchanged, exited, draft }: Output,
  memoryIds: readonly number[],
  seconds: number,
): Turn {
  return {
    kind,
    promptIds,
    outputIds: sample.tokens,
    logProbabilities: sample.logProbabilities,
    memoryIds: [...memoryIds],
    promptTokens: promptIds.length,
    outputTokens: sample.tokens.length,
    memoryTokens: memoryIds.length,
    stopReason: sample.stopReason,
    empty,
    ...(unchanged && { unchanged }),
    ...(exited && { exited }),
    ...(draft && { draft }),
    seconds,
  };
}

/** Last tokens of a prompt in which a chat template opens a thought for the model. */
const PROMPT_END = 8;

/**
 * The part of an output that is carried on, from `start` to before `end`: everything after the last end of a thought,
 * without the stop tokens at the end. Empty if a thought was cut off before its end.
 */
export function carriedSpan(
  { promptIds, outputIds }: Pick<Turn, 'outputIds'> & Pick<GenerateRequest, 'promptIds'>,
  { tokenizer, chat }: Pick<MemoryModel, 'tokenizer' | 'chat'>,
): { start: number; end: number } {
  let end = outputIds.length;
  while (end > 0 && chat.stopIds.includes(outputIds[end - 1])) end--;
  if (end === 0) return { start: 0, end };
  const last = (ids: readonly number[], text: string) => {
    const id = tokenizer.idOf(text);
    return id === undefined ? -1 : ids.lastIndexOf(id);
  };
  const written = outputIds.slice(0, end);
  const closed = last(written, '</think>');
  const asked = promptIds.slice(-PROMPT_END);
  const begun = closed < 0 && last(asked, '<think>') > last(asked, '</think>');
  if (begun || last(written, '<think>') > closed) return { start: end, end };
  return { start: closed + 1, end };
}

/** The ids in `carriedSpan`. */
export function carriedIds(...parts: Parameters<typeof carriedSpan>): number[] {
  const { start, end } = carriedSpan(...parts);
  return parts[0].outputIds.slice(start, end);
}

/** Ids as text for people, without special tokens. */
export function plainText(tokenizer: Tokenizer, ids: readonly number[]): string {
  return tokenizer.decode(ids, { skipSpecialTokens: true });
}

/**
 * The ids of a question. `id` names the question in an error.
 * @throws MemoryError `question-too-long`.
 */
export function questionIdsOf(frames: PromptFrames, budgets: Budgets, question: string, id?: string): number[] {
  const ids = frames.tokenizer.encodeText(question);
  if (ids.length <= budgets.questionTokens) return ids;
  throw new MemoryError(
    'question-too-long',
    `The question${ownerOf(id)} has ${ids.length} tokens; questionTokens allows ${budgets.questionTokens}. Raise questionTokens or shorten the question.`,
  );
}

/**
 * The memory before the first chunk. `id` names the question in an error.
 * @throws MemoryError `window` if it exceeds the memory's budget.
 */
export function firstMemoryOf(frames: PromptFrames, budgets: Budgets, question: string, id?: string): number[] {
  const ids = frames.initialMemory(question);
  if (ids.length <= budgets.memoryTokens) return ids;
  throw new MemoryError(
    'window',
    `The first memory${ownerOf(id)} has ${ids.length} tokens; memoryTokens allows ${budgets.memoryTokens}. Raise memoryTokens.`,
  );
}

function ownerOf(id: string | undefined): string {
  return id === undefined ? '' : ` of ${JSON.stringify(id)}`;
}
