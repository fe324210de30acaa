/**
 * Groups of rollouts that a run keeps for people to look at: what was read, what was written, and how likely each token
 * was. Everything here has been computed by the step already; keeping it costs the writing.
 */
import { extractAnswer } from '../memory/extract.js';
import { plainText } from '../memory/turn.js';
import type { Policy } from '../policy/types.js';
import type { AgentChunk } from '../text/chunks.js';
import type { Tokenizer } from '../text/tokenizer.js';
import type { RunConfig } from './config.js';
import type { RewardedGroup } from './step-metrics.js';

/** A line of groups.jsonl. */
export interface KeptGroup {
  step: number;
  questionId: string;
  question: string;
  answers: readonly string[];
  /** The memory before the first turn. */
  initialMemory: string;
  /** What was read at each memory turn, in order. */
  chunks: KeptChunk[];
  rollouts: KeptRollout[];
}

export interface KeptChunk {
  /** Place in the rendered text, in UTF-16 code units. */
  start: number;
  end: number;
  parts: ChunkPart[];
}

/** Text, or the number of characters that were left out. */
export type ChunkPart = { text: string; relevant?: true } | { left: number };

export interface KeptRollout {
  sample: number;
  outcome: number;
  /** What was taken from its output as the answer. */
  answer: string;
  turns: KeptTurn[];
}

export interface KeptTurn {
  kind: 'memory' | 'answer';
  /** All that was written, special tokens included. */
  text: string;
  /** Of a memory turn, the memory after it: a part of `text`, from and to, or a text of its own. */
  memory?: readonly [start: number, end: number] | string;
  /** Tokens that were read before it was written. */
  promptTokens: number;
  stopReason: string;
  reward: number;
  score?: number;
  advantage: number;
  /** UTF-16 code units of `text` that each token takes: see `packed`. */
  lengths: string;
  /** Log-probability of each token when it was sampled: see `packedLogProbabilities`. */
  student: string;
  /** The same under the teacher, where the method has one. */
  teacher?: string;
}

/** How large the file may be after a step: the limit is spread over the run, so that its end is kept too. */
export function allowance(step: number, { steps, savedGroups }: Pick<RunConfig, 'steps' | 'savedGroups'>): number {
  const bytes = savedGroups.megabytes * 1e6;
  return step === 1 ? bytes : bytes * Math.min(1, step / steps);
}

/** The first groups of a step. */
export function keptGroups(
  step: number,
  drawn: readonly RewardedGroup[],
  count: number,
  { tokenizer }: Pick<Policy, 'tokenizer'>,
): KeptGroup[] {
  return drawn.slice(0, count).map(({ group, chunks, teacher, scores, rewards, advantages }): KeptGroup => {
    const { id, question, answers, trajectories, outcomes, found, relevantRanges } = group;
    return {
      step,
      questionId: id,
      question,
      answers,
      initialMemory: plainText(tokenizer, trajectories[0].initialMemoryIds),
      chunks: chunks.map((chunk, at) => keptChunk(chunk, relevantRanges?.[at] ?? [], tokenizer)),
      rollouts: trajectories.map(({ sample, output, turns }, i): KeptRollout => {
        return {
          sample,
          outcome: outcomes[i],
          answer: found?.[i] ?? extractAnswer(output),
          turns: turns.map((turn, t): KeptTurn => {
            const text = tokenizer.decode(turn.outputIds);
            const known = teacher?.[i]?.[t];
            return {
              kind: turn.kind,
              text,
              ...(turn.kind === 'memory' && { memory: placed(plainText(tokenizer, turn.memoryIds), text) }),
              promptTokens: turn.promptTokens,
              stopReason: turn.stopReason,
              reward: rewards[i][t],
              score: scores?.[i][t],
              advantage: advantages[i][t],
              lengths: packed(tokenLengths(turn.outputIds, text, tokenizer)),
              student: packedLogProbabilities(turn.logProbabilities),
              ...(known && { teacher: packedLogProbabilities(known) }),
            };
          }),
        };
      }),
    };
  });
}

function placed(memory: string, text: string): KeptTurn['memory'] {
  const start = text.indexOf(memory);
  return start < 0 ? memory : [start, start + memory.length];
}

/** Characters of irrelevant text that are kept on either side of what is relevant, and at the ends of a chunk. */
const MARGIN = 400;

/** A chunk's text; long stretches without relevant text lose their middle. */
function keptChunk(
  chunk: AgentChunk,
  relevant: readonly { start: number; end: number }[],
  tokenizer: Tokenizer,
): KeptChunk {
  const text = 'text' in chunk && typeof chunk.text === 'string' ? chunk.text : plainText(tokenizer, chunk.ids);
  const parts: ChunkPart[] = [];
  let from = 0;
  const pass = (to: number) => {
    const between = text.slice(from, to);
    if (between.length > 2 * MARGIN + 100) {
      parts.push(
        { text: between.slice(0, MARGIN) },
        { left: between.length - 2 * MARGIN },
        { text: between.slice(-MARGIN) },
      );
    } else if (between !== '') parts.push({ text: between });
  };
  for (const { start, end } of relevant) {
    pass(start);
    parts.push({ text: text.slice(start, end), relevant: true });
    from = end;
  }
  pass(text.length);
  return { start: chunk.start, end: chunk.end, parts };
}

/** Tokens before one that its text may depend on: for white space, and for characters of several tokens. */
const CONTEXT = 4;

/**
 * How many characters of the decoded text each token adds. A token that only begins a character adds none; the one that
 * completes it adds all.
 */
export function tokenLengths(ids: readonly number[], text: string, tokenizer: Tokenizer): number[] {
  const near = ids.map((_, at) => {
    const from = Math.max(0, at - CONTEXT);
    return visible(tokenizer, ids.slice(from, at + 1)) - visible(tokenizer, ids.slice(from, at));
  });
  if (sum(near) === text.length && near.every((length) => length >= 0)) return near;
  // The text depends on more than that.
  const ends = ids.map((_, at) => visible(tokenizer, ids.slice(0, at + 1)));
  if (ends.length > 0) ends[ends.length - 1] = text.length;
  let reached = 0;
  return ends.map((end) => {
    const length = Math.max(0, end - reached);
    reached += length;
    return length;
  });
}

/** Characters of a decoded text without those that are not complete at its end. */
function visible(tokenizer: Tokenizer, ids: readonly number[]): number {
  return tokenizer.decode(ids).replace(/\ufffd+$/, '').length;
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}

const LARGEST = 0xffff;

/** Whole numbers from 0 to 65,535, larger ones as that, as unsigned 16-bit little-endian in base64. */
export function packed(values: readonly number[]): string {
  const bytes = Buffer.alloc(2 * values.length);
  values.forEach((value, at) => {
    bytes.writeUInt16LE(Math.min(LARGEST, Math.max(0, Math.round(value))), 2 * at);
  });
  return bytes.toString('base64');
}

/** Thousandths of a nat below 0, up to 65.534 nats; 65,535 for an unknown one. */
export function packedLogProbabilities(values: readonly number[]): string {
  return packed(values.map((value) => (Number.isNaN(value) ? LARGEST : Math.min(LARGEST - 1, -1000 * value))));
}

export function unpacked(text: string): number[] {
  const bytes = Buffer.from(text, 'base64');
  return Array.from({ length: Math.floor(bytes.length / 2) }, (_, at) => bytes.readUInt16LE(2 * at));
}

/** In nats; NaN for an unknown one. */
export function unpackedLogProbabilities(text: string): number[] {
  return unpacked(text).map((value) => (value === LARGEST ? Number.NaN : value === 0 ? 0 : -value / 1000));
}
