/** A memory with the places that its pieces come from, as plain JSON. */
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
  /** The chunk that was read when a piece without a source appeared: what it says may be there in other words. */
  written: sourceSchema.omit({ match: true }).optional(),
});

/** A question's memory, and where it comes from. */
export const memorySchema = z.object({ memory: z.string(), pieces: z.array(pieceSchema) });

/** An answer, and the memory that it was given from. */
export const answerSchema = z.object({
  question: z.string(),
  answer: z.string(),
  /** All that the model wrote, the box around the answer included. */
  output: z.string(),
  /** The memory that it was given from. */
  memory: z.string(),
  provenance: z.array(pieceSchema),
  truncated: z.boolean(),
});

export type Answer = z.output<typeof answerSchema>;
export type MemoryPiece = z.output<typeof pieceSchema>;
export type PieceSource = z.output<typeof sourceSchema>;
export type KeptMemory = z.output<typeof memorySchema>;
