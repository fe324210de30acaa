/** What a reader reports: memories turn by turn, and answers. */
import type { MemoryPiece } from './state.js';
import type { ReadTokens } from './tokens.js';

export type { Answer } from './pieces.js';

/** The memory of one question after a turn. */
export interface QuestionMemory {
  question: string;
  memory: string;
  /** Its sentences and lines, and where each comes from. */
  provenance: MemoryPiece[];
  /** The model reached the token limit: the memory may end within a sentence. */
  truncated: boolean;
  /** It reached the limit by writing the same thing again and again. */
  repeating: boolean;
  /** The model wrote nothing, so the previous memory was kept. */
  empty: boolean;
  /** The model said that it need not read on (`PromptFormat.exit`): what follows is not read for this question. */
  exited?: boolean;
}

export interface MemoryEvent {
  type: 'memory';
  /** Chunks read so far, this one included. */
  turn: number;
  chunk: { index: number; start: number; end: number; tokens: number };
  memories: QuestionMemory[];
  tokens: ReadTokens;
  seconds: number;
}
