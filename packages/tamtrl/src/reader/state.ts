/** A reader's state, as plain JSON that can be saved and passed back. */
import { z } from 'zod';

const whole = z.number().int().min(0);

const sourceSchema = z.object({
  /** Number of the chunk, from 0. */
  chunk: whole,
  /** Place in the text that was read, in UTF-16 code units. */
  start: whole,
  end: whole,
  /**
   * `exact`: the same characters; `words`: the same words in the same order, ignoring case and punctuation; `similar`:
   * most of the words.
   */
  match: z.enum(['exact', 'words', 'similar']),
  /** What people call that place: "page 12", "sheet Prices, cell B7", "notes.txt:40"; absent if nothing is known. */
  place: z.string().optional(),
});

const pieceSchema = z.object({
  /** A sentence or line of the memory. */
  text: z.string(),
  /** Absent if the text that was read when the piece appeared has nothing like it. */
  source: sourceSchema.optional(),
});

export const readerStateSchema = z.object({
  version: z.literal(1),
  questions: z.array(z.object({ question: z.string(), memory: z.string(), pieces: z.array(pieceSchema) })).min(1),
  budgets: z.object({ questionTokens: whole, chunkTokens: whole, memoryTokens: whole, answerTokens: whole }),
  /** Number of chunks read. */
  turns: whole,
  /** Number of characters read; `pending` follows them. */
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
});

/** What `tamtrl ask --state` writes. */
export const savedStateSchema = readerStateSchema.extend({
  /** Files that were read, in order; absent in files of earlier versions. */
  documents: z
    .array(z.union([z.string(), z.object({ path: z.string(), title: z.string(), mayFail: z.boolean().optional() })]))
    .optional(),
});

export type SavedState = z.output<typeof savedStateSchema>;
export type ReaderState = z.output<typeof readerStateSchema>;
export type MemoryPiece = z.output<typeof pieceSchema>;
export type PieceSource = z.output<typeof sourceSchema>;
