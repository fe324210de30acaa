/**
 * BABILong with one model: reads stories hidden in books of 0 to 10 million tokens, and makes the table and the figure
 * with the published results beside it. It can be stopped and run again: what has been read is not read twice. Usage:
 * --help.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { questionsOf } from './babilong/questions.mjs';
import { addResults, readLength, savedResults } from './babilong/read.mjs';
import { fingerprintOf, readResults, writeResults } from './babilong/results-table.mjs';
import { figureOf, pageOf } from './babilong/tables.mjs';

const RESULTS = new URL('../docs/babilong-results.tsv', import.meta.url).pathname;

const HELP = `npm run bench:babilong -- --out FOLDER [options]
  --out FOLDER      results, saved states, table and figure; run again with the same folder to go on
  --model MODEL     babi, a model folder, … (default babi)
  --tasks LIST      default qa1,qa2,qa3,qa4,qa5
  --lengths LIST    as published, in tokens (default 0k,4k,16k,64k,128k,1M,10M)
  --each LIST       questions of a task at each length (default 100,100,100,50,50,20,3)
  --stories FILE    bAbI's own files, once for each (default: simulated stories)
  --books FOLDER    books to hide them in (default: the two of the package), read again and again where they are short
  --tokenizer MODEL whose tokens count as length (default the model's own; published lengths are GPT-2's)
  --reader READER   agent (default), or one without memory that shows the model one chunk of the text: bm25,
                    truncate-head, truncate-middle or truncate-tail
  --precision TYPE  float32 (default) or int8, in which a local model writes; docs have float32
  --side-by-side N  documents read at a time (default 50)
  --seed N          of simulated stories, and of the places of facts (default 7)
  --continue        begin with the results in docs/babilong-results.tsv, and read what is missing
  --tables-only     only the table and the figure of what has been read
  --write-docs      also put them into docs/babilong.md, docs/babilong.svg and docs/babilong-results.tsv`;

const { values } = parseArgs({
  options: {
    out: { type: 'string' },
    model: { type: 'string', default: 'babi' },
    tasks: { type: 'string', default: 'qa1,qa2,qa3,qa4,qa5' },
    lengths: { type: 'string', default: '0k,4k,16k,64k,128k,1M,10M' },
    each: { type: 'string', default: '100,100,100,50,50,20,3' },
    stories: { type: 'string', multiple: true },
    books: { type: 'string', multiple: true },
    tokenizer: { type: 'string' },
    reader: { type: 'string', default: 'agent' },
    precision: { type: 'string' },
    'side-by-side': { type: 'string', default: '50' },
    seed: { type: 'string', default: '7' },
    continue: { type: 'boolean', default: false },
    'tables-only': { type: 'boolean', default: false },
    'write-docs': { type: 'boolean', default: false },
    help: { type: 'boolean' },
  },
});

if (values.help) console.log(HELP);
else if (values.out === undefined) throw new Error('Name the folder of the results: --out FOLDER.');
else await main(values.out);

async function main(out) {
  if (values.precision === 'int8' && (values.continue || values['write-docs']))
    throw new Error('--continue and --write-docs are about readings in float32. Leave out --precision.');
  await mkdir(out, { recursive: true });
  const settings = { ...values, out: undefined };
  const fingerprint = await fingerprintOf(values.model);
  if (values.continue) await addResults(out, await readResults(RESULTS, fingerprint));
  if (!values['tables-only']) await readAll(out);
  const results = await savedResults(out);
  const page = pageOf(results, settings);
  await writeFile(join(out, 'table.md'), page);
  await writeFile(join(out, 'figure.svg'), figureOf(results));
  console.log(page);
  if (!values['write-docs']) return;
  await writeDocs(page, figureOf(results));
  await writeResults(RESULTS, fingerprint, results);
}

async function readAll(out) {
  const lengths = values.lengths.split(',');
  const each = values.each.split(',').map(Number);
  if (each.length > 1 && each.length !== lengths.length)
    throw new Error(
      `--each has ${each.length} numbers for ${lengths.length} lengths; give one for each, or one for all.`,
    );
  const questions = await questionsOf(values);
  try {
    for (const [at, length] of lengths.entries()) {
      const wanted = await questions.at(length, each[at] ?? each[0]);
      await readLength(out, length, wanted, {
        policy: questions.policy,
        reader: values.reader,
        sideBySide: Number(values['side-by-side']),
      });
    }
  } finally {
    await questions.close();
  }
}

async function writeDocs(page, figure) {
  const document = new URL('../docs/babilong.md', import.meta.url);
  const text = await readFile(document, 'utf8');
  const [open, close] = ['<!-- bench:babilong -->', '<!-- /bench:babilong -->'];
  const [from, to] = [text.indexOf(open), text.indexOf(close)];
  if (from < 0 || to < 0) throw new Error(`docs/babilong.md has no ${open} and ${close}.`);
  await writeFile(document, `${text.slice(0, from + open.length)}\n${page}\n${text.slice(to)}`);
  await writeFile(new URL('../docs/babilong.svg', import.meta.url), figure);
}
