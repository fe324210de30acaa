/** A reader's state, as plain JSON that can be saved and passed back. */
import { z } from 'zod';
import { answerSchema, memorySchema } from './pieces.js';
import { readingLogSchema } from './reading-log.js';

const whole = z.number().int().min(0);

export const readerStateSchema = z.object({
  version: z.literal(1),
  questions: z.array(memorySchema.extend({ question: z.string(), exited: z.boolean().optional() })).min(1),
  budgets: z.object({ questionTokens: whole, chunkTokens: whole, memoryTokens: whole, answerTokens: whole }),
  /** Number of chunks read. */
  turns: whole,
  /** Number of characters read or passed over; `pending` follows them. */
  position: whole,
  /** A fingerprint of the characters before `position`. */
  fingerprint: z.number().int(),
  /** Text after `position` that is not yet a whole chunk. */
  pending: z.string(),
  /** Where the places begin that `pending` lies in; absent if none are known. */
  places: z.array(z.object({ start: whole, label: z.string() })).optional(),
  /** `cached`: those of the prompts that servers say they had in their caches. */
  tokens: z.object({ prompt: whole, output: whole, cached: whole.optional() }),
  seconds: z.number().min(0),
  /** The way through the text, by which a changed text is read again in part; absent in states of earlier versions. */
  log: readingLogSchema.optional(),
  /** While a changed text is read again: the way through the text as it was. */
  former: readingLogSchema.optional(),
});

/** Notes for the questions of a conversation, and what was asked and answered. */
export const conversationSchema = z.object({
  /** The memories after the whole text, each with the question that it was written for. */
  notes: z.array(memorySchema.extend({ question: z.string() })),
  exchanges: z.array(
    z.object({
      question: z.string(),
      answer: z.string(),
      /** Answered from notes that were there, or by reading the text for the question. */
      from: z.enum(['memory', 'text']),
    }),
  ),
});

export type ConversationState = z.output<typeof conversationSchema>;

/** What `tamtrl ask --state` writes. */
export const savedStateSchema = readerStateSchema.extend({
  /** Files that were read, in order; absent in files of earlier versions. */
  documents: z
    .array(z.union([z.string(), z.object({ path: z.string(), title: z.string(), mayFail: z.boolean().optional() })]))
    .optional(),
  /** Absent before the first answer; forgotten when the text has changed. */
  conversation: conversationSchema.optional(),
  /** Of `ask --each`: the answers from the whole text, waiting text included. */
  answers: z.array(answerSchema).optional(),
});

export type SavedState = z.output<typeof savedStateSchema>;
export type ReaderState = z.output<typeof readerStateSchema>;
/** Whether nothing was read or passed over between two states of one reading. */
export function isSameReading(before: ReaderState | undefined, after: ReaderState): boolean {
  const passages = ({ log }: ReaderState) => JSON.stringify(log?.segments);
  const isSameText = before?.fingerprint === after.fingerprint && before.pending === after.pending;
  return isSameText && !before.former && !after.former && passages(before) === passages(after);
}

export type { MemoryPiece, PieceSource } from './pieces.js';
