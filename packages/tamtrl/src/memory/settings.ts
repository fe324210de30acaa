/** How a memory agent reads, as configurations say it: token limits, rules and wording. */
import { z } from 'zod';

const count = z.number().int().min(1);

export const memorySchema = z.strictObject({
  questionTokens: count.default(1024),
  chunkTokens: count.default(5000),
  memoryTokens: count.default(1024),
  answerTokens: count.default(1024),
  /** What an empty output does to the old memory. */
  empty: z.enum(['keep', 'overwrite']).default('keep'),
  /** In training, longer documents lose their middle; absent: all is read. */
  maxChunks: count.optional(),
  align: z.enum(['token', 'sentence']).default('token'),
  /** Wording, and the order of its parts: see prompts.ts. */
  prompts: z.enum(['chat', 'chat-chunk-first', 'mini', 'mini-chunk-first', 'babi', 'babi-copy']).default('chat'),
});
