/** Rows of bAbI's published text files: numbered sentences, with questions among them. */
import { basename } from 'node:path';
import { DataError } from '../errors.js';
import { readLines } from './lines.js';
import { describeLine, type PlacedRow } from './rows.js';

/** A question of a published file as a row: the story's facts up to it, and the indices of the supporting ones. */
export interface BabiRow extends Record<string, unknown> {
  /** Such as "qa3", if the file's name has it. */
  task?: string;
  /** Numbers of the story in the file and of the question in the story, from 0. */
  story: number;
  nth: number;
  facts: string[];
  question: string;
  answer: string;
  supporting: number[];
}

const LAYOUT = '"1 Mary moved to the bathroom." for a fact and "3 Where is Mary?<tab>bathroom<tab>1" for a question';

/** Whether the first line of a file is that of a story. */
export async function isBabiFile(path: string): Promise<boolean> {
  for await (const line of readLines(path)) {
    if (!('text' in line)) return false;
    if (line.text.trim() !== '') return /^1 \S/.test(line.text);
  }
  return false;
}

/** "qa3" of "qa3_three-supporting-facts_test.txt"; undefined if the name says no task. */
export function taskOfFile(path: string): string | undefined {
  const found = /(?:^|[^a-z0-9])(qa\d{1,2})(?![a-z0-9])/i.exec(basename(path).replaceAll('_', ' '));
  return found?.[1].toLowerCase();
}

/**
 * One row for each question. A line in another layout is a problem, and the rest of its story is skipped.
 * @throws DataError `file` if the file cannot be read or is empty.
 */
export async function* babiRows(path: string): AsyncGenerator<PlacedRow> {
  const task = taskOfFile(path);
  let story = -1;
  let nth = 0;
  let facts: { number: number; text: string }[] = [];
  let last = 0;
  let skipping = false;
  let any = false;
  for await (const line of readLines(path)) {
    const place = `line ${line.line}`;
    if ('text' in line && line.text.trim() === '') continue;
    any = true;
    const parts = 'text' in line ? /^(\d+) (.*\S)\s*$/.exec(line.text) : undefined;
    const number = Number(parts?.[1]);
    if (skipping && number !== 1) continue;
    const problem = (text: string): PlacedRow => {
      skipping = true;
      return { place, problem: text };
    };
    if (!('text' in line)) {
      yield problem(describeLine(line));
      continue;
    }
    if (!parts) {
      yield problem(`expected ${LAYOUT}, found ${JSON.stringify(line.text.slice(0, 60))}`);
      continue;
    }
    if (number === 1) {
      story++;
      nth = 0;
      facts = [];
      skipping = false;
    } else if (number !== last + 1 || story < 0) {
      yield problem(`is numbered ${number}; expected ${story < 0 ? 1 : `${last + 1}, or 1 for a new story`}`);
      continue;
    }
    last = number;
    const fields = parts[2].split('\t').map((field) => field.trim());
    if (fields.length === 1) {
      // As a fact it would be hidden in books, with its answer.
      if (/\?|\s\d+$/.test(fields[0])) {
        yield problem(
          `expected tabs around the answer, as in ${LAYOUT}, found ${JSON.stringify(line.text.slice(0, 60))}`,
        );
        continue;
      }
      facts.push({ number, text: fields[0] });
      continue;
    }
    const [question, answer, numbers = ''] = fields;
    const named = numbers.split(/\s+/).map(Number);
    const supporting = named.map((each) => facts.findIndex((fact) => fact.number === each)).sort((a, b) => a - b);
    if (question === '' || answer === '' || numbers === '') {
      yield problem('expected a question, its answer and the numbers of the facts that it needs, with tabs between');
    } else if (supporting[0] < 0) {
      const known = new Set(facts.map((fact) => fact.number));
      const missing = numbers.split(/\s+/).find((each) => !known.has(Number(each)));
      yield problem(`needs fact ${missing}, but no line of the story before it has that number`);
    } else {
      const row: BabiRow = {
        task,
        story,
        nth: nth++,
        facts: facts.map(({ text }) => text),
        question,
        answer,
        supporting,
      };
      yield { place, row };
    }
  }
  if (!any) throw new DataError('file', `${path} is empty: expected ${LAYOUT}.`);
}
