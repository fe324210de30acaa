/**
 * Which records a run trains on and which it holds out. It is settled when the run starts and kept in its folder, so
 * that no later setting moves a record from one set to the other.
 */
import { z } from 'zod';
import { count } from '../base/format.js';
import { SeededRandom } from '../base/random.js';
import { keyOf, type RecordKey, sharedNames, sharedRecords } from '../data/overlap.js';
import type { QuestionRecord } from '../data/records.js';
import { TrainError } from '../train/errors.js';

const FORMAT = 'tamtrl-split-1';

/** Records by id and content, in the order in which they are numbered. */
export interface Split {
  train: RecordKey[];
  heldOut: RecordKey[];
}

export interface SplitRecords {
  train: QuestionRecord[];
  heldOut: QuestionRecord[];
}

const keys = z
  .array(z.tuple([z.string(), z.string()]))
  .transform((rows) => rows.map(([id, content]): RecordKey => ({ id, content })));
const splitSchema = z.object({ format: z.literal(FORMAT), train: keys, heldOut: keys });

export function splitOf({ train, heldOut }: SplitRecords): Split {
  return { train: train.map(keyOf), heldOut: heldOut.map(keyOf) };
}

/** A row a record. */
export function splitText({ train, heldOut }: Split): string {
  const rows = (list: readonly RecordKey[]) => list.map(({ id, content }) => JSON.stringify([id, content])).join(',\n');
  return `{"format":"${FORMAT}",\n"heldOut":[\n${rows(heldOut)}\n],\n"train":[\n${rows(train)}\n]}\n`;
}

/** @throws TrainError `checkpoint` for a damaged file. */
export function parseSplit(text: string, place: string): Split {
  try {
    const { train, heldOut } = splitSchema.parse(JSON.parse(text));
    return { train, heldOut };
  } catch (cause) {
    throw new TrainError(
      'checkpoint',
      `${place} does not say which records the run holds out: expected format ${FORMAT}. Restore it, or start a new run.`,
      { cause },
    );
  }
}

/** Holds out `questions` records that the seed draws; the others stay in their order. */
export function drawnSplit(records: readonly QuestionRecord[], questions: number, seed: number): SplitRecords {
  const order = new SeededRandom('held-out', seed).shuffled(records.map((_, at) => at));
  const held = order.slice(0, questions);
  const isHeld = new Set(held);
  return { train: records.filter((_, at) => !isHeld.has(at)), heldOut: held.map((at) => records[at]) };
}

/** As earlier versions held out: the last records. */
export function formerSplit(records: readonly QuestionRecord[], questions: number): SplitRecords {
  return { train: records.slice(0, -questions), heldOut: records.slice(-questions) };
}

/** Training records whose content is held out under another id are left out of training. */
export function withoutHeldOut({ train, heldOut }: SplitRecords): SplitRecords & { repeated: number } {
  const held = new Set(heldOut.map((record) => keyOf(record).content));
  const kept = train.filter((record) => !held.has(keyOf(record).content));
  return { train: kept, heldOut, repeated: train.length - kept.length };
}

/** @throws TrainError `no-data` for records that are in both files. */
export function requireApart({ train, heldOut }: SplitRecords, files: { train: string; heldOut: string }): void {
  const text = overlapText({ train, heldOut }, files);
  if (text === undefined) return;
  throw new TrainError(
    'no-data',
    `${text} A model must not be judged by what it was trained on: take them out of one of the files, or name another held-out file.`,
  );
}

/** The records that are in both files; undefined if there are none. */
export function overlapText(
  { train, heldOut }: SplitRecords,
  files: { train: string; heldOut: string },
): string | undefined {
  const shared = sharedRecords(train.map(keyOf), heldOut.map(keyOf));
  if (shared.length === 0) return undefined;
  return `${count(shared.length)} of the ${count(heldOut.length)} held-out records of ${files.heldOut} are also in ${files.train}, by id or by question and documents: ${sharedNames(shared)}.`;
}

/**
 * The records of a split, in its order, from files that may have grown.
 * @throws TrainError `no-data` for records that are missing or have changed.
 */
export function recordsOf(
  { train, heldOut }: Split,
  files: SplitRecords,
  names: { train: string; heldOut: string },
): SplitRecords {
  return {
    train: chosen(train, files.train, names.train),
    heldOut: chosen(heldOut, files.heldOut, names.heldOut),
  };
}

function chosen(wanted: readonly RecordKey[], records: readonly QuestionRecord[], file: string): QuestionRecord[] {
  const byId = new Map(records.map((record) => [record.id, record]));
  const changed = wanted.filter(({ id, content }) => {
    const record = byId.get(id);
    return record === undefined || keyOf(record).content !== content;
  });
  if (changed.length > 0) {
    throw new TrainError(
      'no-data',
      `${file} is not what the run was started with: ${count(changed.length)} of its ${count(wanted.length)} records are missing or have changed (the first: ${JSON.stringify(changed[0].id)}). Restore the file, or start a new run.`,
    );
  }
  return wanted.map(({ id }) => byId.get(id)!);
}
