/** Conversations of supervised warm-up: what is shown, and what the model is to write. */
import type { SeededRandom } from '../base/random.js';
import type { Example } from '../data/examples.js';
import { filteredChunks } from '../eval/evaluate.js';
import type { Budgets, PromptFrames } from '../memory/frames.js';
import type { TrainingRow } from '../policy/types.js';
import type { SftConfig } from './config.js';
import { TrainError } from './errors.js';

/** What supervised rows need from a run. */
export interface SupervisedParts {
  frames: PromptFrames;
  policy: { chat: { stopIds: readonly number[] } };
  config: { memory: Budgets };
}

/**
 * Conversation `turn` of an example: an update from ideal memory to ideal memory, or, after the last chunk, the answer.
 */
export function supervisedRow(example: Example, turn: number, filtered: boolean, parts: SupervisedParts): TrainingRow {
  const { frames, config } = parts;
  const { idealMemories } = example;
  if (!idealMemories) {
    throw new TrainError(
      'no-data',
      `${JSON.stringify(example.id)} has no ideal memories to learn from; supervised warm-up needs a task that knows them.`,
    );
  }
  const { tokenizer } = frames;
  const question = tokenizer.encodeText(example.question);
  const memory = tokenizer.encodeText(idealMemories[turn]);
  if (turn === example.chunks.length) return answerRow(example, memory, parts);
  const chunks = filtered ? filteredChunks(example, frames, config.memory) : example.chunks;
  const promptIds = frames.update(question, memory, chunks[turn].ids);
  const target = updateTarget(example, turn, filtered, frames);
  return rowOf(example, promptIds, target, `ideal memory of turn ${turn}`, parts);
}

/** The answer from a memory. */
export function answerRow(example: Example, memory: readonly number[], parts: SupervisedParts): TrainingRow {
  const { frames } = parts;
  const target = frames.tokenizer.encodeText(frames.format.answerTarget(example.answers[0]));
  const promptIds = frames.answer(frames.tokenizer.encodeText(example.question), memory);
  return rowOf(example, promptIds, target, 'answer', parts);
}

/** @param what names the target in an error. @throws TrainError `no-data` if it exceeds its limit. */
export function rowOf(
  { id }: Example,
  promptIds: number[],
  target: readonly number[],
  what: string,
  { policy, config }: SupervisedParts,
): TrainingRow {
  const name = what === 'answer' ? 'answerTokens' : 'memoryTokens';
  const limit = config.memory[name];
  const completionIds = [...target, policy.chat.stopIds[0]];
  if (completionIds.length <= limit) return { promptIds, completionIds };
  throw new TrainError(
    'no-data',
    `${JSON.stringify(id)}: the ${what} has ${completionIds.length} tokens with its end, but ${name} allows ${limit}. Raise it.`,
  );
}

function updateTarget(
  { idealMemories = [], filteredMemories, enoughAfter = Number.POSITIVE_INFINITY }: Example,
  turn: number,
  filtered: boolean,
  frames: PromptFrames,
): readonly number[] {
  const next = (filtered && filteredMemories?.(turn)) || idealMemories[turn + 1];
  const memory =
    frames.unchanged !== undefined && next === idealMemories[turn]
      ? frames.unchanged
      : frames.tokenizer.encodeText(next);
  return frames.exit !== undefined && turn + 1 >= enoughAfter ? [...memory, ...frames.exit] : memory;
}

/** Which conversation of an example is learned: the number of an update, or of chunks for the answer. */
export function drawnTurn(
  { chunks, idealMemories = [], changeKinds }: Pick<Example, 'chunks' | 'idealMemories' | 'changeKinds'>,
  { changingShare, balanceChanges }: Pick<SftConfig, 'changingShare' | 'balanceChanges'>,
  random: SeededRandom,
): number {
  if (changingShare === undefined) return random.integer(chunks.length + 1);
  const balanced = balanceChanges ? changeKinds : undefined;
  const telling = chunks.flatMap((_, turn) => {
    const tells = balanced ? balanced[turn] !== undefined : idealMemories[turn + 1] !== idealMemories[turn];
    return tells ? [turn] : [];
  });
  if (telling.length === 0 || random.next() >= changingShare) return random.integer(chunks.length + 1);
  if (!balanced) return random.pick(telling);
  const kind = random.pick([...new Set(telling.map((turn) => balanced[turn]))]);
  return random.pick(telling.filter((turn) => balanced[turn] === kind));
}
