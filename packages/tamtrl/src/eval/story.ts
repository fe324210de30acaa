/** Reads a text with a story hidden in it, and tells every change of the memory with what caused it. */
import { count, counted, percent } from '../base/format.js';
import type { BabilongRecord } from '../data/generators/babilong.js';
import { runAgent } from '../memory/agent.js';
import type { Budgets, PromptFrames } from '../memory/frames.js';
import type { ChunkPlace, Turn } from '../memory/trajectory.js';
import type { MemoryModel } from '../memory/turn.js';
import { scoreAnswer } from '../reward/outcome.js';
import { chunkStream } from '../text/chunks.js';

export interface MemoryChange {
  turn: number;
  /** Facts of the story in the chunk that changed the memory. */
  facts: string[];
  memory: string;
}

export interface StoryReading {
  answer: string;
  correct: boolean;
  /** Chunks, and their tokens. */
  turns: number;
  tokens: number;
  changes: MemoryChange[];
}

export interface StoryOptions {
  frames: PromptFrames;
  budgets: Budgets;
  signal?: AbortSignal;
  /** @param tokens read so far, with the chunk that changed the memory */
  onChange?: (change: MemoryChange, tokens: number) => void;
  /** After every chunk, and after the change that it caused. */
  onTurn?: (turn: Turn, tokens: number) => void;
}

/** Greedily. The text is made as it is read. */
export async function readStory(
  model: MemoryModel,
  record: BabilongRecord,
  { frames, budgets, signal, onChange, onTurn }: StoryOptions,
): Promise<StoryReading> {
  const { id, question, source, answers } = record;
  const { tokenizer } = model;
  const changes: MemoryChange[] = [];
  let memory = frames.format.initialMemory(question);
  let tokens = 0;
  const chunks = chunkStream(pieces(record), tokenizer, { chunkTokens: budgets.chunkTokens, align: 'sentence' });
  const [[trajectory]] = await runAgent(model, [{ id, question, chunks }], {
    frames,
    budgets,
    temperature: 0,
    seed: 0,
    keep: 'counts',
    signal,
    onTurn: (turn, place) => {
      if (turn.kind !== 'memory' || !turn.chunk) return;
      tokens += turn.chunk.tokens;
      const now = tokenizer.decode(turn.memoryIds);
      if (now !== memory) {
        memory = now;
        const change = { turn: place.turn, facts: factsIn(turn.chunk, record), memory };
        changes.push(change);
        onChange?.(change, tokens);
      }
      onTurn?.(turn, tokens);
    },
  });
  const answer = trajectory.output;
  const correct = scoreAnswer(answer, { answers: [...answers], question, source }, { metric: 'babilong' }) === 1;
  return { answer, correct, turns: trajectory.turns.length - 1, tokens, changes };
}

async function* pieces({ text }: BabilongRecord): AsyncGenerator<string> {
  yield* text;
}

/** The facts that a chunk holds, at least in part. */
function factsIn({ start, end }: ChunkPlace, record: BabilongRecord): string[] {
  return record
    .facts()
    .flatMap((fact, at) => (fact.start < end && fact.end > start ? [record.story.sentences[at]] : []));
}

/** A change and what caused it, for people. @param share of the text that has been read */
export function changeText({ facts, memory }: MemoryChange, share: number): string {
  const cause = facts.length > 0 ? facts.join(' ') : '(nothing of the story)';
  return `${percent(share).padStart(6)}  ${cause}\n        → ${memory}`;
}

/** How often the memory changed, and whether the story was the cause: "10 times, always at sentences of the story". */
export function changesText(changes: readonly MemoryChange[]): string {
  const idle = changes.filter(({ facts }) => facts.length === 0).length;
  const told = counted(changes.length, 'time');
  if (changes.length === 0) return told;
  return idle === 0
    ? `${told}, always at sentences of the story`
    : `${told}, ${count(idle)} of them without a sentence of the story`;
}
