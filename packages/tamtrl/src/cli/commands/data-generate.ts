/** `tamtrl data generate` */
import { readFile } from 'node:fs/promises';
import { count, duration } from '../../base/format.js';
import { requireFreeFile } from '../../data/files/output.js';
import { type StreamedRecord, writeRecords } from '../../data/files/writer.js';
import { findSyntheticTask } from '../../data/generators/generators.js';
import { DocumentPool, rulerHqa } from '../../data/generators/ruler-hqa.js';
import { miniExample, toRecord } from '../../data/mini/task.js';
import { loadRecords, type QuestionRecord } from '../../data/records.js';
import { openTokenizer } from '../../models/tokenizer.js';
import { splitSentences } from '../../text/sentences.js';
import type { Tokenizer } from '../../text/tokenizer.js';
import { EXIT, UsageError } from '../terminal/errors.js';
import { runInterruptible } from '../terminal/interruptible.js';
import type { Io } from '../terminal/io.js';
import { downloadTold, noteOn } from '../terminal/models.js';
import { type BabilongFlags, babilongRecords } from './data-babilong.js';

export interface GenerateFlags extends BabilongFlags {
  out: string;
  haystack?: string;
  from?: string[];
  pool?: string[];
  documents?: number;
  chunks: number;
  facts: number;
  queries: number;
  overwrite?: boolean;
  json?: boolean;
}

export function generateData(task: string, flags: GenerateFlags, io: Io): Promise<number> {
  return runInterruptible(io, async (signal) => {
    await requireFreeFile(flags.out, flags.overwrite);
    const started = performance.now();
    const { total, records } = await recordsOf(task, flags, io);
    let told = started;
    const onRecord = (written: number) => {
      const now = performance.now();
      if (now - told < 2000 || written === total) return;
      told = now;
      const left =
        total === undefined ? '' : `, ${duration((((now - started) / written) * (total - written)) / 1000)} left`;
      io.err(`${count(written)}${total === undefined ? '' : ` of ${count(total)}`} records${left}\n`);
    };
    const written = await writeRecords(flags.out, records, { signal, onRecord });
    const seconds = (performance.now() - started) / 1000;
    if (flags.json) io.out(`${JSON.stringify({ out: flags.out, task, records: written, seconds })}\n`);
    else io.out(`${flags.out}: ${count(written)} records of ${task} in ${duration(seconds)}\n`);
    return EXIT.success;
  });
}

interface Generated {
  total?: number;
  records: Iterable<QuestionRecord | StreamedRecord>;
}

async function recordsOf(task: string, flags: GenerateFlags, io: Io): Promise<Generated> {
  if (task === 'ruler-hqa') return rulerHqaRecords(flags, io);
  if (task === 'mini') return miniRecords(flags);
  if (task === 'babilong') return babilongRecords(flags, (model) => tokenizerOf(model, task, io), io);
  const { tokens, seed, count: total = 100 } = flags;
  const { make } = findSyntheticTask(task)!;
  if (tokens === undefined) throw new UsageError(`${task} needs --tokens: the length of each text.`);
  const tokenizer = await tokenizerOf(flags.tokenizer, task, io);
  const haystack = flags.haystack === undefined ? undefined : await sentencesOf(flags.haystack);
  return {
    total,
    records: {
      *[Symbol.iterator]() {
        for (let index = 0; index < total; index++) yield make({ tokenizer, tokens, seed, index, haystack });
      },
    },
  };
}

function miniRecords({ chunks, facts, queries, seed, count: total = 100 }: GenerateFlags): Generated {
  const task = { chunks, factsPerChunk: facts, queries };
  // A wrong combination is refused before anything is written.
  miniExample(task, seed, 0);
  return {
    total,
    records: {
      *[Symbol.iterator]() {
        for (let index = 0; index < total; index++) yield toRecord(miniExample(task, seed, index));
      },
    },
  };
}

async function rulerHqaRecords(flags: GenerateFlags, io: Io): Promise<Generated> {
  const { from = [], pool: more = [], documents, seed } = flags;
  if (from.length === 0) throw new UsageError('ruler-hqa needs --from FILE: the records whose paragraphs are hidden.');
  if (documents === undefined)
    throw new UsageError('ruler-hqa needs --documents: the number of documents in each record.');
  const pool = new DocumentPool();
  const records: QuestionRecord[] = [];
  for (const file of from) {
    const loaded = await loadRecords(file);
    records.push(...loaded.records);
    if (loaded.problems.length > 0) io.err(`${file}: ${count(loaded.problems.length)} lines left out\n`);
  }
  for (const record of records) pool.add(record);
  for (const file of more)
    for (const record of (await loadRecords(file, { requireGold: false })).records) pool.add(record);
  const chosen = records.slice(0, flags.count ?? records.length);
  if (chosen.length === 0) throw new UsageError(`${from.join(', ')}: there are no usable records.`);
  io.err(`${count(pool.size)} paragraphs to borrow from\n`);
  return {
    total: chosen.length,
    records: {
      *[Symbol.iterator]() {
        for (const record of chosen) yield rulerHqa(record, pool, { documents, seed });
      },
    },
  };
}

async function tokenizerOf(model: string | undefined, task: string, io: Io): Promise<Tokenizer> {
  if (model === undefined) {
    throw new UsageError(`${task} needs --tokenizer: a model folder or .gguf file whose tokens --tokens counts.`);
  }
  return (await openTokenizer(model, { onDownload: downloadTold(noteOn(io)) })).tokenizer;
}

async function sentencesOf(path: string): Promise<string[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new UsageError(`--haystack: cannot read ${path}: ${(error as Error).message}.`);
  }
  const sentences = splitSentences(text).map(({ start, end }) => text.slice(start, end).replaceAll(/\s+/g, ' '));
  if (sentences.length === 0) throw new UsageError(`--haystack: there is no sentence in ${path}.`);
  return sentences;
}
