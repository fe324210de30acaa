/**
 * The results as a table that is kept beside the page made of them, so that more questions can be added later, on
 * another machine too. Seconds are those of the machine that read.
 */
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const load = (path) => import(new URL(`../../packages/tamtrl/dist/${path}`, import.meta.url));

const TEXTS = ['reader', 'length', 'task', 'id', 'answer', 'output'];
const NUMBERS = ['correct', 'turns', 'quiet', 'changed', 'characters', 'seconds'];

/** What the rows were read with: results of other weights are not mixed with them. */
export async function fingerprintOf(model) {
  const { embeddedFolder } = await load('models/embedded.js');
  const folder = ['babi', 'mini'].includes(model) ? embeddedFolder(model) : model;
  const weights = await readFile(join(folder, 'model.safetensors'));
  return createHash('sha256').update(weights).digest('hex').slice(0, 16);
}

/** @throws Error for a file of another model. */
export async function readResults(file, fingerprint) {
  const [first, , ...lines] = (await readFile(file, 'utf8')).trimEnd().split('\n');
  const made = first.replace('# weights ', '');
  if (made !== fingerprint) {
    throw new Error(
      `${file} has results of the weights ${made}, and the model has ${fingerprint}. Name that model, or begin without --continue.`,
    );
  }
  return lines.map((line) => {
    const cells = line.split('\t');
    const texts = TEXTS.map((name, at) => [name, cells[at]]);
    const numbers = NUMBERS.map((name, at) => [name, Number(cells[TEXTS.length + at])]);
    const row = Object.fromEntries([...texts, ...numbers]);
    return { ...row, correct: row.correct === 1 };
  });
}

export async function writeResults(file, fingerprint, results) {
  const order = (row) => `${row.reader} ${row.length.padStart(5)} ${row.id}`;
  const lines = [...results]
    .sort((a, b) => (order(a) < order(b) ? -1 : 1))
    .map((row) => {
      const texts = TEXTS.map((name) => String(row[name]).replaceAll(/\s+/g, ' '));
      const numbers = NUMBERS.map((name) => Math.round(100 * Number(row[name] ?? 0)) / 100);
      return [...texts, ...numbers].join('\t');
    });
  await writeFile(file, `# weights ${fingerprint}\n${[...TEXTS, ...NUMBERS].join('\t')}\n${lines.join('\n')}\n`);
}
