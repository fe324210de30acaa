/** `tamtrl data generate babilong` */
import { count } from '../../base/format.js';
import { Books, EMBEDDED_BOOKS } from '../../data/babi/books.js';
import { readStories } from '../../data/babi/read.js';
import type { BabiQuestion } from '../../data/babi/stories.js';
import type { StreamedRecord } from '../../data/files/writer.js';
import {
  type BabilongOptions,
  babilongRecord,
  babilongTasks,
  mostFacts,
  simulatedQuestion,
} from '../../data/generators/babilong.js';
import type { Tokenizer } from '../../text/tokenizer.js';
import { UsageError } from '../terminal/errors.js';
import type { Io } from '../terminal/io.js';

export interface BabilongFlags {
  count?: number;
  seed: number;
  tokens?: number;
  tokenizer?: string;
  task?: string;
  stories?: string[];
  books?: string[];
  repeatBooks?: boolean;
  anyBooks?: boolean;
}

const EACH_TASK = 100;

/** @param open opens the tokenizer, or says that one is needed */
export async function babilongRecords(
  flags: BabilongFlags,
  open: (model: string | undefined) => Promise<Tokenizer>,
  io: Io,
): Promise<{ total: number; records: Iterable<StreamedRecord> }> {
  const { tokens, seed, stories: files, repeatBooks, anyBooks } = flags;
  if (tokens === undefined) {
    throw new UsageError('babilong needs --tokens: the length of each text, or 0 for the facts alone.');
  }
  if (flags.task === undefined && files === undefined) {
    throw new UsageError('babilong needs --task: qa1 to qa10, several as "qa1,qa3" or "qa1..qa5", or "all".');
  }
  const tasks = flags.task === undefined ? undefined : babilongTasks(flags.task);
  const stories = files === undefined ? undefined : await storiesOf(files, tasks, { ...flags, tokens }, io);
  const settings: Omit<BabilongOptions, 'index'> = {
    tokens,
    seed,
    repeatBooks,
    ...(tokens > 0 && {
      tokenizer: await open(flags.tokenizer),
      books: await Books.open(flags.books ?? [EMBEDDED_BOOKS], { anyWords: anyBooks }),
    }),
  };
  function* records(): Generator<StreamedRecord> {
    if (stories) {
      for (const [index, story] of stories.entries()) yield babilongRecord(story, { ...settings, index });
      return;
    }
    for (const task of tasks ?? []) {
      for (let index = 0; index < (flags.count ?? EACH_TASK); index++) {
        yield babilongRecord(simulatedQuestion(task, seed, index, tokens!), { ...settings, index });
      }
    }
  }
  return { total: stories?.length ?? (tasks ?? []).length * (flags.count ?? EACH_TASK), records: records() };
}

/** The stories of the wanted tasks that are short enough, of each task at most --count. */
async function storiesOf(
  files: readonly string[],
  tasks: readonly string[] | undefined,
  flags: BabilongFlags & { tokens: number },
  io: Io,
): Promise<BabiQuestion[]> {
  const most = mostFacts(flags.tokens);
  const taken = new Map<string, number>();
  const stories: BabiQuestion[] = [];
  let long = 0;
  for (const file of files) {
    for await (const story of readStories(file)) {
      const task = story.task ?? (tasks?.length === 1 ? tasks[0] : undefined);
      if (task === undefined) {
        throw new UsageError(
          `--stories: ${file} does not say which task its stories belong to; name it with --task, such as qa1.`,
        );
      }
      if (tasks !== undefined && !tasks.some((wanted) => wanted === task)) continue;
      const number = taken.get(task) ?? 0;
      if (flags.count !== undefined && number >= flags.count) continue;
      if (story.sentences.length > most) {
        long++;
        continue;
      }
      taken.set(task, number + 1);
      stories.push({ ...story, task });
    }
  }
  if (long > 0) io.err(`${count(long)} stories of more than ${count(most)} facts left out: too long for this length\n`);
  if (stories.length > 0) return stories;
  throw new UsageError(
    `--stories: ${files.join(', ')} has no story${tasks === undefined ? '' : ` of ${tasks.join(', ')}`}${long > 0 ? ' that is short enough' : ''}.`,
  );
}
