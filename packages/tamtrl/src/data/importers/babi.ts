/** bAbI's text files, and BABILong's rows on the Hugging Face hub. */
import { type BabiRow, babiRows, isBabiFile, taskOfFile } from '../files/babi-lines.js';
import type { Row } from '../files/rows.js';
import { taskOf } from '../metrics.js';
import type { QuestionRecord } from '../records.js';
import { answersOf, type Importer, text } from './importer.js';

const TASK = /^qa([1-9]|1\d|20)$/;

export const babi: Importer = {
  name: 'babi',
  summary: "bAbI's text files (qa1_..._train.txt); one record for each question, a document for each fact",
  rows: babiRows,
  isFile: isBabiFile,
  recognises: isBabiRow,
  convert(row, { source }) {
    if (!isBabiRow(row)) return [{ problem: 'is no question of a bAbI file' }];
    const task = taskOf({ source }) ?? row.task;
    const known = task !== undefined && TASK.test(task);
    const record: QuestionRecord = {
      id: `${task ?? 'babi'}-${row.story}-${row.nth}`,
      source: source === 'babi' && known ? `babi/${task}` : source,
      question: row.question,
      answers: [row.answer],
      ...(known && { metric: 'babilong', task }),
      documents: row.facts.map((fact, at) => ({ text: fact, relevant: row.supporting.includes(at) })),
    };
    return [record];
  },
};

export const babilong: Importer = {
  name: 'babilong',
  summary: 'BABILong on the hub (RMT-team/babilong), JSON or Parquet; the task comes from the file name or --source',
  recognises: (row) =>
    typeof row.input === 'string' && typeof row.question === 'string' && 'target' in row && !('context' in row),
  convert(row, { source, file, place }) {
    // On the hub, the folder names the task and the file the length: data/qa1/4k.json.
    const names = file.split(/[/\\]/).slice(-2).reverse();
    const task = taskOf({ source }) ?? names.map(taskOfFile).find((found) => found !== undefined);
    if (task === undefined || !TASK.test(task)) {
      return [
        {
          problem:
            "does not say its task, which scoring needs, and neither does the file's name; add --source babilong/qa1",
        },
      ];
    }
    const answers = answersOf(row.target);
    if (answers.length === 0) return [{ problem: 'has no target' }];
    return [
      {
        id: `${task}-${names[0].split('.', 1)[0]}-${place.replace(/\D+/, '')}`,
        source: source === 'babilong' ? `babilong/${task}` : source,
        question: text(row.question).trim(),
        answers,
        metric: 'babilong',
        task,
        documents: [{ text: text(row.input) }],
      },
    ];
  },
};

function isBabiRow(row: Row): row is BabiRow {
  return Array.isArray(row.facts) && Array.isArray(row.supporting) && typeof row.story === 'number';
}
