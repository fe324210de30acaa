/** Packs rows of different lengths into micro-batches within a token budget, sorted by length to keep padding small. */
import type { ScoreRow, TrainingRow } from '../api.js';
import { EngineError } from '../errors.js';
import type { ModelConfig } from '../models/config.js';

/** B sequences padded at the end to T tokens, and the M places whose next token is scored. */
export interface MicroBatch {
  /** The index of each sequence in the call's rows. [B] */
  rowIndices: number[];
  sequences: number;
  length: number;
  /** Input tokens, 0 where padded. [B x T] */
  ids: Int32Array;
  /** Flat indices (b T + t) of hidden states that predict a completion token. [M] */
  rows: number[];
  /** The completion tokens. [M] */
  targets: number[];
  /** Input tokens that are not padding. */
  tokens: number;
}

/** Number of a row's tokens that the model reads: all but the last, which is only predicted. */
export function inputLength(row: ScoreRow): number {
  return row.promptIds.length + row.completionIds.length - 1;
}

/** @throws EngineError 'empty-prompt', 'prompt-too-long' or 'token-out-of-vocabulary', naming the row. */
export function checkRow(config: ModelConfig, row: ScoreRow, index: number): void {
  if (row.promptIds.length === 0) {
    throw new EngineError(
      'empty-prompt',
      `Row ${index} has an empty prompt: a model needs at least one token to continue.`,
    );
  }
  const total = row.promptIds.length + row.completionIds.length;
  if (total > config.contextLength) {
    throw new EngineError(
      'prompt-too-long',
      `Row ${index} has ${row.promptIds.length} prompt and ${row.completionIds.length} completion tokens, ` +
        `${total} in all; the model's window holds ${config.contextLength}. Shorten the prompt or the completion.`,
      { expected: `at most ${config.contextLength} tokens`, found: `${total}` },
    );
  }
  checkTokens(config, row.promptIds, `Row ${index}'s prompt`);
  checkTokens(config, row.completionIds, `Row ${index}'s completion`);
}

/** @throws EngineError 'token-out-of-vocabulary' naming `where`, the position and the token. */
export function checkTokens(config: ModelConfig, ids: readonly number[], where: string): void {
  for (let position = 0; position < ids.length; position++) {
    const id = ids[position];
    if (Number.isInteger(id) && id >= 0 && id < config.vocabularySize) continue;
    throw new EngineError(
      'token-out-of-vocabulary',
      `${where} has token ${id} at position ${position}; the model's vocabulary has ids 0 to ` +
        `${config.vocabularySize - 1}. Use the model's own tokenizer.`,
      { expected: `0 to ${config.vocabularySize - 1}`, found: `${id}` },
    );
  }
}

/**
 * Micro-batches in which every row with a completion appears once, of at most `tokens` padded tokens and `targets`
 * scored tokens each (a single row may exceed them). The order depends only on lengths and positions.
 */
export function packRows(rows: readonly ScoreRow[], budget: { tokens: number; targets: number }): MicroBatch[] {
  const order = rows
    .map((_, index) => index)
    .filter((index) => rows[index].completionIds.length > 0)
    .sort((a, b) => inputLength(rows[b]) - inputLength(rows[a]) || a - b);
  const batches: MicroBatch[] = [];
  for (let start = 0; start < order.length; ) {
    const length = inputLength(rows[order[start]]);
    let end = start;
    let targets = 0;
    while (end < order.length) {
      targets += rows[order[end]].completionIds.length;
      if (end > start && ((end + 1 - start) * length > budget.tokens || targets > budget.targets)) break;
      end++;
    }
    batches.push(fill(rows, order.slice(start, end), length));
    start = end;
  }
  return batches;
}

function fill(rows: readonly ScoreRow[], rowIndices: number[], length: number): MicroBatch {
  const ids = new Int32Array(rowIndices.length * length);
  const flat: number[] = [];
  const targets: number[] = [];
  let tokens = 0;
  rowIndices.forEach((rowIndex, b) => {
    const { promptIds, completionIds } = rows[rowIndex];
    const offset = b * length;
    ids.set(promptIds, offset);
    ids.set(completionIds.slice(0, -1), offset + promptIds.length);
    tokens += promptIds.length + completionIds.length - 1;
    for (let j = 0; j < completionIds.length; j++) {
      flat.push(offset + promptIds.length - 1 + j);
      targets.push(completionIds[j]);
    }
  });
  return { rowIndices, sequences: rowIndices.length, length, ids, rows: flat, targets, tokens };
}

/** Per-token numbers of a batch's rows in sequence, in the form of the graph's [M] inputs. */
export function gatherTokens(
  rows: readonly TrainingRow[],
  batch: MicroBatch,
  numbers: (row: TrainingRow) => readonly number[] | number,
): Float32Array {
  const result = new Float32Array(batch.targets.length);
  let offset = 0;
  for (const index of batch.rowIndices) {
    const row = rows[index];
    const values = numbers(row);
    if (typeof values === 'number') result.fill(values, offset, offset + row.completionIds.length);
    else result.set(values, offset);
    offset += row.completionIds.length;
  }
  return result;
}
