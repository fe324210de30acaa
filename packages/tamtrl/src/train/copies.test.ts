import { expect, it } from 'vitest';
import { miniChat, miniTokenizer } from '../data/mini/tokenizer.js';
import { PromptFrames } from '../memory/frames.js';
import { miniPrompts } from '../memory/prompts.js';
import type { Trajectory, Turn } from '../memory/trajectory.js';
import { copyRates } from './copies.js';

const tokenizer = miniTokenizer();
const frames = new PromptFrames({ tokenizer, chat: miniChat }, miniPrompts);

function rollout(...memories: (string | number[])[]): Trajectory {
  const ids = (memory: string | number[]) => (typeof memory === 'string' ? tokenizer.encode(memory) : memory);
  const turns = memories.map((memory) => ({ kind: 'memory', memoryIds: ids(memory) }) as Turn);
  return {
    questionId: 'q',
    sample: 0,
    questionIds: tokenizer.encode('anna ben'),
    initialMemoryIds: [],
    turns,
    output: '',
  };
}

it('counts memories that are the question, whatever its order', () => {
  // Two of four: "anna ? ben ?" is half the question's, and an empty memory is none's.
  const rates = copyRates([rollout('anna ben', 'ben anna anna', 'anna ? ben ?', '')], frames);
  expect(rates).toEqual({ question_copy_rate: 0.5, prompt_copy_rate: 0 });
});

it('counts memories that are the wording of the prompt', () => {
  const wording = [11, 12, 13, 14, 15, 16];
  const worded = { update: () => wording };
  // The runs of the second are 12-15, 13-16 and 14, 15, 16, 9: two of three; those of the third 13-16 of three others.
  const rates = copyRates([rollout(wording, [12, 13, 14, 15, 16, 9], [13, 14, 15, 16, 9, 8, 7], [11, 12, 13])], worded);
  expect(rates.prompt_copy_rate).toBe(0.5);
  // Four tokens are one run, three are none.
  expect(copyRates([rollout([12, 13, 14, 15]), rollout([12, 13, 14])], worded).prompt_copy_rate).toBe(0.5);
  expect(copyRates([], worded)).toEqual({ question_copy_rate: 0, prompt_copy_rate: 0 });
});
