/** Rollouts of the mini task whose memories a test gives. */
import { miniTokenizer } from '../data/mini/tokenizer.js';
import type { Trajectory, Turn } from '../memory/trajectory.js';

const tokenizer = miniTokenizer();

/** Asks for anna, begins with the memory "anna ?", writes each memory as it is, and answers "oslo". */
export function miniRollout(memories: readonly string[], sample = 0): Trajectory {
  return {
    questionId: 'q',
    sample,
    questionIds: tokenizer.encode('anna'),
    initialMemoryIds: tokenizer.encode('anna ?'),
    turns: [
      ...memories.map((memory) => turnOf('memory', memory, memory)),
      turnOf('answer', 'oslo', memories.at(-1) ?? 'anna ?'),
    ],
    output: 'oslo',
  };
}

function turnOf(kind: Turn['kind'], written: string, memory: string): Turn {
  const outputIds = tokenizer.encode(`${written} <eos>`);
  const memoryIds = tokenizer.encode(memory);
  return {
    kind,
    promptIds: [],
    outputIds,
    logProbabilities: outputIds.map(() => -1),
    memoryIds,
    promptTokens: 0,
    outputTokens: outputIds.length,
    memoryTokens: memoryIds.length,
    stopReason: 'stop',
    empty: written === '',
    seconds: 0,
  };
}
