/**
 * How well relevance without annotation agrees with the annotation: sentences found by words (`lexical`, with several
 * numbers of best sentences), or marked by a model as judge. Usage: --help.
 */
import { writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';

/** Milliseconds between two lines of progress. */
const TELL_EVERY = 10_000;

const HELP = `npm run bench:relevance -- --data FILE [--data FILE …] [options]
  --data FILE     question records with relevance marks; once for each file
  --top LIST      best sentences that lexical marks (default 2,5,10)
  --judge MODEL   also let a model mark
  --limit N       first records of each file (default all; the judge takes seconds a record)
  --json FILE     also write the rows`;

const { values } = parseArgs({
  options: {
    data: { type: 'string', multiple: true },
    top: { type: 'string', default: '2,5,10' },
    judge: { type: 'string' },
    limit: { type: 'string' },
    json: { type: 'string' },
    help: { type: 'boolean' },
  },
});

if (values.help) console.log(HELP);
else if (!values.data) throw new Error('Name at least one file of records: --data FILE.');
else await main(values.data);

async function main(files) {
  const load = (path) => import(new URL(`../packages/tamtrl/dist/${path}`, import.meta.url));
  const { agreement, annotated, judged, lexical } = await load('data/relevance.js');
  const { isAnnotated, loadRecords } = await load('data/records.js');
  const { openModel } = await load('models/open.js');
  const { relevanceJudge } = await load('reward/relevance-judge.js');
  const policy = values.judge === undefined ? undefined : await openModel(values.judge);
  const sources = values.top.split(',').map((topK) => ({
    name: `lexical, ${topK} sentences`,
    marks: async (record) => lexical(record, { topK: Number(topK) }),
  }));
  if (policy) {
    const ask = relevanceJudge(policy);
    sources.push({ name: `judge ${basename(values.judge)}`, marks: (record) => judged(record, ask) });
  }
  const rows = [];
  for (const file of files) {
    const { records } = await loadRecords(file);
    const marked = records.filter(isAnnotated).slice(0, values.limit === undefined ? undefined : Number(values.limit));
    for (const { name, marks } of sources) {
      const begun = performance.now();
      let told = begun;
      const found = [];
      for (const record of marked) {
        found.push(agreement(await marks(record), annotated(record)));
        const now = performance.now();
        if (now - told < TELL_EVERY && found.length < marked.length) continue;
        const left = ((now - begun) / 1000 / found.length) * (marked.length - found.length);
        console.error(`${basename(file)}, ${name}: ${found.length} of ${marked.length}, ${left.toFixed(0)} s left`);
        told = now;
      }
      const seconds = (performance.now() - begun) / 1000;
      const of = (key) => meanAndError(found.map((one) => one[key]));
      rows.push({
        data: basename(file),
        source: name,
        records: found.length,
        precision: of('precision'),
        recall: of('recall'),
        f1: of('f1'),
        seconds: seconds / found.length,
      });
    }
  }
  await policy?.close();
  const percent = ({ mean, error }) => `${(100 * mean).toFixed(1)} ± ${(196 * error).toFixed(1)}`;
  console.log('| records | relevance | number | precision | recall | F1 | ms a record |');
  console.log('| --- | --- | --: | --: | --: | --: | --: |');
  for (const { data, source, records, precision, recall, f1, seconds } of rows) {
    const cells = [
      data,
      source,
      records,
      percent(precision),
      percent(recall),
      percent(f1),
      (1000 * seconds).toFixed(1),
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
  if (values.json) await writeFile(values.json, `${JSON.stringify({ rows }, undefined, 2)}\n`);
}

/** Mean over records, and its standard error. */
function meanAndError(values) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, values.length - 1);
  return { mean, error: Math.sqrt(variance / values.length) };
}
