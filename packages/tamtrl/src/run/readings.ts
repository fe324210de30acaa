/** Held-out questions read once before and once after training, with everything that a person needs to follow the memory. */

import type { ExampleSource } from '../data/examples.js';
import { answered } from '../eval/answered.js';
import { agentReader } from '../eval/readers.js';
import { PromptFrames } from '../memory/frames.js';
import { promptFormatNamed } from '../memory/prompts.js';
import { memoryTurns } from '../memory/trajectory.js';
import { plainText } from '../memory/turn.js';
import type { Policy } from '../policy/types.js';
import type { CommonConfig } from '../train/config.js';

export interface Reading {
  id: string;
  question: string;
  answers: readonly string[];
  /** One for each section, in order. */
  turns: { section: string; memory: string; tokens: number; cut: boolean }[];
  output: string;
  answer: string;
  right: boolean;
}

/** The same questions in the same order. */
export interface HeldOutReadings {
  before: Reading[];
  after?: Reading[];
}

/** Generated questions are short; among many, one that training turned right is likely. */
const GENERATED_COUNT = 24;
const RECORD_COUNT = 3;
/** Characters of a section that are kept: a report is no copy of the documents. */
const SECTION_CHARACTERS = 2000;

/** Reads the first held-out questions greedily, as evaluation does. */
export async function readHeldOut(
  policy: Policy,
  heldOut: ExampleSource,
  config: CommonConfig,
  signal: AbortSignal,
): Promise<Reading[]> {
  const wanted = config.data.kind === 'records' ? RECORD_COUNT : GENERATED_COUNT;
  const count = Math.min(wanted, config.evaluation.questions, heldOut.size);
  const examples = await Promise.all(Array.from({ length: count }, (_, at) => heldOut.get(at)));
  const frames = new PromptFrames(policy, promptFormatNamed(config.memory.prompts));
  const { memory: budgets, seed } = config;
  const read = agentReader(policy, {
    frames,
    budgets,
    empty: budgets.empty,
    temperature: 0,
    seed,
    keep: 'memories',
    signal,
  });
  const groups = await answered(examples, read, frames.format);
  const text = (ids: readonly number[]) => plainText(policy.tokenizer, ids);
  return examples.map(({ id, question, answers, chunks }, at): Reading => {
    const [{ trajectory, answer, scores }] = groups[at];
    return {
      id,
      question,
      answers,
      output: trajectory.output,
      answer,
      right: scores.exact_match === 1,
      turns: memoryTurns(trajectory).map(({ memoryIds, memoryTokens, stopReason }, turn) => ({
        section: shortened(text(chunks[turn].ids), SECTION_CHARACTERS),
        memory: text(memoryIds),
        tokens: memoryTokens,
        cut: stopReason === 'length',
      })),
    };
  });
}

/** Numbers of the most telling questions: those that training turned right, then those it changed. */
export function telling({ before, after }: HeldOutReadings, count: number): number[] {
  const rank = (at: number) => {
    const now = after?.[at];
    if (!now) return 0;
    if (now.right !== before[at].right) return now.right ? 3 : 2;
    return now.right ? 1 : 0;
  };
  const order = before.map((_, at) => at).sort((a, b) => rank(b) - rank(a) || a - b);
  return order.slice(0, count);
}

/** How the shown questions were chosen: they are no sample of all. */
export function selectionText({ before, after }: HeldOutReadings): string {
  const right = (readings: readonly Reading[]) => readings.filter((reading) => reading.right).length;
  const now = after ? `, ${right(after)} after` : '';
  return `From ${before.length} held-out questions (${right(before)} right before training${now}), those that training changed first.`;
}

/** The start and the end of a long text. */
export function shortened(text: string, characters: number): string {
  if (text.length <= characters) return text;
  const half = Math.floor((characters - 5) / 2);
  return `${text.slice(0, half).trimEnd()} ... ${text.slice(-half).trimStart()}`;
}

/** Turn by turn, for a terminal or a code block. Long documents lose their middle turns. */
export function readingText(reading: Reading, { sectionCharacters = 240, maxTurns = 24 } = {}): string {
  const { question, turns, answer, output, answers, right } = reading;
  const flat = (text: string) => text.replace(/\s+/g, ' ').trim();
  const left = Math.max(0, turns.length - maxTurns);
  const lines = [`Question  ${flat(question)}`];
  turns.forEach(({ section, memory, tokens, cut }, at) => {
    const head = Math.ceil(maxTurns / 2);
    if (left > 0 && at === head) lines.push(`  ... ${left} sections left out ...`);
    if (left > 0 && at >= head && at < head + left) return;
    lines.push(`  Section ${at + 1}  ${flat(shortened(section, sectionCharacters))}`);
    lines.push(`  Memory ${at + 1}   ${flat(memory) || '(empty)'}  [${tokens} tokens${cut ? ', cut off' : ''}]`);
  });
  const said = flat(answer) || (flat(output) === '' ? '(empty)' : `(none in: ${flat(shortened(output, 120))})`);
  const gold = answers.map(flat).join(' / ');
  lines.push(`Answer    ${said}  ${right ? 'right' : `wrong, expected ${gold}`}`);
  return `${lines.join('\n')}\n`;
}
