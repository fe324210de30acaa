/**
 * Supervised conversations of an agent that reads side by side (memory/parallel.ts): the update of a chunk within its
 * stretch, a merge of what two or more neighbouring parts of the text told, or the answer.
 */
import type { SeededRandom } from '../base/random.js';
import type { Example } from '../data/examples.js';
import { filteredChunks } from '../eval/evaluate.js';
import type { ParallelReading } from '../memory/settings.js';
import type { TrainingRow } from '../policy/types.js';
import { TrainError } from './errors.js';
import { answerRow, rowOf, type SupervisedParts } from './sft-rows.js';

/** Chunks from one number to before another. */
type Span = readonly [from: number, to: number];

/**
 * One conversation of an example, each as likely as the others that the reading of its text has.
 * @throws TrainError `no-data` if the task does not know ideal memories of parts.
 */
export function parallelRow(
  example: Example,
  parallel: ParallelReading,
  random: SeededRandom,
  filteredShare: number,
  parts: SupervisedParts,
): TrainingRow {
  const { frames, config } = parts;
  const { chunks, idealMemoryOf } = example;
  if (!idealMemoryOf) {
    throw new TrainError(
      'no-data',
      `${JSON.stringify(example.id)} has no ideal memories of parts of its text, which supervised warm-up needs to teach merging. Set memory.parallel to 0, data.kind to "mini", or data.tasks to BABILong's qa1, qa4, qa5, qa6, qa9 or qa10.`,
    );
  }
  const { tokenizer } = frames;
  const encoded = ([from, to]: Span) => tokenizer.encodeText(idealMemoryOf(from, to));
  const question = tokenizer.encodeText(example.question);
  const merges = mergesOf(chunks.length, parallel, (span) => idealMemoryOf(...span) !== idealMemoryOf(0, 0));
  const drawn = random.integer(chunks.length + merges.length + 1);
  const filtered = random.next() < filteredShare;
  if (drawn < chunks.length) {
    const start = drawn - (drawn % parallel.chunks);
    const [before, after] = [idealMemoryOf(start, drawn), idealMemoryOf(start, drawn + 1)];
    const shown = filtered ? filteredChunks(example, frames, config.memory) : chunks;
    const promptIds = frames.update(question, tokenizer.encodeText(before), shown[drawn].ids);
    const target = before === after && frames.unchanged ? frames.unchanged : tokenizer.encodeText(after);
    return rowOf(example, promptIds, target, `ideal memory of chunk ${drawn}`, parts);
  }
  if (drawn === chunks.length + merges.length) return answerRow(example, encoded([0, chunks.length]), parts);
  const { telling, whole } = merges[drawn - chunks.length];
  const [early, ...later] = telling;
  const promptIds = frames.merge(question, encoded(early), later.map(encoded));
  const same = idealMemoryOf(...early) === idealMemoryOf(...whole);
  const target = same && frames.unchanged ? frames.unchanged : encoded(whole);
  return rowOf(example, promptIds, target, 'ideal memory of a merge', parts);
}

/** The merges of a text in which at least two parts have something to tell. */
function mergesOf(
  chunks: number,
  parallel: ParallelReading,
  tells: (span: Span) => boolean,
): { telling: Span[]; whole: Span }[] {
  let spans = Array.from({ length: Math.ceil(chunks / parallel.chunks) }, (_, at): Span => {
    return [at * parallel.chunks, Math.min(chunks, (at + 1) * parallel.chunks)];
  });
  const merges: { telling: Span[]; whole: Span }[] = [];
  while (spans.length > 1) {
    const next: Span[] = [];
    for (let at = 0; at < spans.length; at += parallel.width) {
      const group = spans.slice(at, at + parallel.width);
      const whole: Span = [group[0][0], group[group.length - 1][1]];
      const telling = group.filter(tells);
      if (telling.length > 1) merges.push({ telling, whole });
      next.push(whole);
    }
    spans = next;
  }
  return merges;
}
