/** `tamtrl data generate` */
import { count, counted, duration } from '../../base/format.js';
import { Pace } from '../../base/pace.js';
import { Books, EMBEDDED_BOOKS } from '../../data/babi/books.js';
import { DataError } from '../../data/errors.js';
import { requireFreeFile } from '../../data/files/output.js';
import { type StreamedRecord, writeRecords } from '../../data/files/writer.js';
import { babilongRecords, babilongTasks } from '../../data/generators/babilong.js';
import { chosenStories, haystackSentences, rulerHqaRecords } from '../../data/generators/from-files.js';
import { syntheticRecords } from '../../data/generators/generators.js';
import { miniRecords } from '../../data/mini/task.js';
import type { QuestionRecord } from '../../data/records.js';
import { openTokenizer } from '../../models/tokenizer.js';
import { ReaderError } from '../../reader/errors.js';
import { loadText } from '../../reader/files/load.js';
import type { Tokenizer } from '../../text/tokenizer.js';
import { EXIT, UsageError } from '../terminal/errors.js';
import { runInterruptible } from '../terminal/interruptible.js';
import type { Io } from '../terminal/io.js';
import { downloadTold, noteOn } from '../terminal/models.js';

export interface GenerateFlags {
  out: string;
  count?: number;
  seed: number;
  tokens?: number;
  tokenizer?: string;
  task?: string;
  stories?: string[];
  books?: string[];
  repeatBooks?: boolean;
  anyBooks?: boolean;
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

/** Milliseconds between two lines of progress. */
const TELL_EVERY = 2000;
/** Records where --count does not say how many. */
const COUNT = 100;

export function generateData(task: string, flags: GenerateFlags, io: Io): Promise<number> {
  return runInterruptible(io, async (signal) => {
    await requireFreeFile(flags.out, flags.overwrite);
    const pace = new Pace(TELL_EVERY);
    const { total, records } = await recordsOf(task, flags, io);
    const onRecord = (written: number) => {
      if (written === total || !pace.isDue()) return;
      const left = duration(pace.left(written, total - written));
      io.err(`${count(written)} of ${count(total)} records, ${left} left\n`);
    };
    const written = await writeRecords(flags.out, records, { signal, onRecord });
    const { seconds } = pace;
    if (flags.json) io.out(`${JSON.stringify({ out: flags.out, task, records: written, seconds })}\n`);
    else io.out(`${flags.out}: ${counted(written, 'record')} of ${task} in ${duration(seconds)}\n`);
    return EXIT.success;
  });
}

interface Generated {
  total: number;
  records: Iterable<QuestionRecord | StreamedRecord>;
}

async function recordsOf(task: string, flags: GenerateFlags, io: Io): Promise<Generated> {
  const { tokens, seed, count: total = COUNT } = flags;
  if (task === 'ruler-hqa') return hiddenRecords(flags, io);
  if (task === 'babilong') return storyRecords(flags, io);
  if (task === 'mini') {
    const { chunks, facts, queries } = flags;
    return { total, records: miniRecords({ chunks, factsPerChunk: facts, queries }, seed, total) };
  }
  if (tokens === undefined) throw new UsageError(`${task} needs --tokens: the length of each text.`);
  const tokenizer = await tokenizerOf(flags.tokenizer, task, io);
  const haystack = flags.haystack === undefined ? undefined : await haystackOf(flags.haystack, io);
  return { total, records: syntheticRecords(task, { tokenizer, tokens, seed, haystack }, total) };
}

/** Of a file of any kind and encoding that `ask` reads. */
async function haystackOf(path: string, io: Io): Promise<string[]> {
  const tell = noteOn(io);
  let text = '';
  try {
    for await (const piece of loadText(path, { onNote: (note) => tell(`${note}.`) })) text += piece.text;
  } catch (error) {
    if (!ReaderError.isInstance(error)) throw error;
    throw new DataError('file', `--haystack: ${error.message}`, { cause: error });
  }
  return haystackSentences(text, path);
}

async function hiddenRecords({ from = [], pool = [], documents, seed, count }: GenerateFlags, io: Io) {
  if (from.length === 0) throw new UsageError('ruler-hqa needs --from FILE: the records whose paragraphs are hidden.');
  if (documents === undefined)
    throw new UsageError('ruler-hqa needs --documents: the number of documents in each record.');
  return rulerHqaRecords({ from, pool, documents, seed, count }, noteOn(io));
}

async function storyRecords(flags: GenerateFlags, io: Io): Promise<Generated> {
  const { tokens, seed, stories: files, count, repeatBooks, anyBooks } = flags;
  if (tokens === undefined) {
    throw new UsageError('babilong needs --tokens: the length of each text, or 0 for the facts alone.');
  }
  if (flags.task === undefined && files === undefined) {
    throw new UsageError('babilong needs --task: qa1 to qa10, several as "qa1,qa3" or "qa1..qa5", or "all".');
  }
  const tasks = flags.task === undefined ? undefined : babilongTasks(flags.task);
  const stories = files && (await chosenStories(files, { tasks, count, tokens }, noteOn(io)));
  const settings = { tokens, seed, repeatBooks };
  const background = tokens > 0 && {
    tokenizer: await tokenizerOf(flags.tokenizer, 'babilong', io),
    books: await Books.open(flags.books ?? [EMBEDDED_BOOKS], { anyWords: anyBooks }),
  };
  return babilongRecords(stories ?? { tasks: tasks ?? [], count }, { ...settings, ...background });
}

async function tokenizerOf(model: string | undefined, task: string, io: Io): Promise<Tokenizer> {
  if (model === undefined) {
    throw new UsageError(`${task} needs --tokenizer: a model folder or .gguf file whose tokens --tokens counts.`);
  }
  return (await openTokenizer(model, { onDownload: downloadTold(noteOn(io)) })).tokenizer;
}
