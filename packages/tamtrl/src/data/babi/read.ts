/** Stories from files: bAbI's own, or question records made of them. */
import { DataError } from '../errors.js';
import { type BabiRow, babiRows, isBabiFile } from '../files/babi-lines.js';
import { taskOf } from '../metrics.js';
import { readRecords } from '../records.js';
import type { BabiQuestion } from './stories.js';

/**
 * Questions with their stories, of a text file in bAbI's layout or of records with a document for each fact. Where
 * neither the file's name nor a record says the task, there is none.
 * @throws DataError `file` or `record` that names the file and the line.
 */
export async function* readStories(path: string): AsyncGenerator<BabiQuestion> {
  if (path.match(/\.jsonl(\.gz|\.zst)?$/i) && !(await isBabiFile(path))) {
    yield* fromRecords(path);
    return;
  }
  for await (const placed of babiRows(path)) {
    if ('problem' in placed) throw new DataError('record', `${path}, ${placed.place}: ${placed.problem}.`);
    const { task, facts, question, answer, supporting } = placed.row as BabiRow;
    yield { ...(task !== undefined && { task }), sentences: facts, question, answer, supporting };
  }
}

async function* fromRecords(path: string): AsyncGenerator<BabiQuestion> {
  for await (const record of readRecords(path, { strict: true })) {
    const { id, documents, question, answers } = record;
    const supporting = documents.flatMap(({ relevant }, at) => (relevant ? [at] : []));
    if (supporting.length === 0) {
      throw new DataError(
        'record',
        `${path}: record ${JSON.stringify(id)} marks no document as relevant; expected a story with a document for each fact and the supporting ones marked.`,
      );
    }
    const task = taskOf(record);
    yield {
      ...(task !== undefined && { task }),
      sentences: documents.map(({ text }) => text.trim()),
      question,
      answer: answers[0],
      supporting,
    };
  }
}
