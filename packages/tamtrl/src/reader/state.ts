/** Where a reader stands, as plain JSON that can be saved and given back. */
import { z } from 'zod';

const whole = z.number().int().min(0);

const sourceSchema = z.object({
  /** Number of the chunk, from 0. */
  chunk: whole,
  /** Place in the text that was read, in UTF-16 code units. */
  start: whole,
  end: whole,
  /**
   * `exact`: these characters; `words`: the same words in this order, case and punctuation aside; `similar`: most of
   * the words.
   */
  match: z.enum(['exact', 'words', 'similar']),
});

const pieceSchema = z.object({
  /** A sentence or line of the memory. */
  text: z.string(),
  /** Absent: nothing like it stood in the text that was read when it appeared. */
  source: sourceSchema.optional(),
});

export const readerStateSchema = z.object({
  version: z.literal(1),
  questions: z.array(z.object({ question: z.string(), memory: z.string(), pieces: z.array(pieceSchema) })).min(1),
  budgets: z.object({ questionTokens: whole, chunkTokens: whole, memoryTokens: whole, answerTokens: whole }),
  /** Chunks that have been read. */
  turns: whole,
  /** Characters that have been read; what follows is `pending`. */
  position: whole,
  /** A fingerprint of the characters before `position`. */
  fingerprint: z.number().int(),
  /** Text after `position` that is not yet a whole chunk. */
  pending: z.string(),
  tokens: z.object({ prompt: whole, output: whole }),
  seconds: z.number().min(0),
});

export type ReaderState = z.output<typeof readerStateSchema>;
export type MemoryPiece = z.output<typeof pieceSchema>;
export type PieceSource = z.output<typeof sourceSchema>;
