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
  /** Chunks of a stretch, of which all are read side by side and merged; absent or 0: one chunk after another. */
  parallel: z.number().int().min(0).optional(),
  /** Memories that one merge takes; absent: 2. */
  mergeWidth: z.number().int().min(2).max(64).optional(),
  align: z.enum(['token', 'sentence']).default('token'),
  /** Wording, and the order of its parts: see prompts.ts. */
  prompts: z
    .enum([
      ...(['chat', 'chat-chunk-first', 'chat-gated'] as const),
      ...(['mini', 'mini-chunk-first', 'mini-gated'] as const),
      ...(['babi', 'babi-copy'] as const),
    ])
    .default('chat'),
});

/** How a text is read side by side. */
export interface ParallelReading {
  /** Chunks of a stretch. */
  chunks: number;
  /** Memories that one merge takes. */
  width: number;
}

/** What `memory.parallel` and `memory.mergeWidth` of a configuration ask for; undefined: one chunk after another. */
export function parallelOf({
  parallel = 0,
  mergeWidth = 2,
}: {
  parallel?: number;
  mergeWidth?: number;
}): ParallelReading | undefined {
  return parallel > 0 ? { chunks: parallel, width: mergeWidth } : undefined;
}
