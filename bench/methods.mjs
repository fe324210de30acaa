/**
 * Methods against each other as the documentation shows them: runs `tamtrl compare`, which makes all tables, and with
 * --write-docs puts its page into a document. Usage: --help.
 */
import { spawn } from 'node:child_process';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { readCompareConfig } = await import(
  new URL('../packages/tamtrl/dist/run/comparison-config.js', import.meta.url)
);

const HELP = `npm run bench:methods -- [FILE] [options]
  FILE               of \`tamtrl compare\` (default examples/compare-methods.yaml)
  --jobs N           processes side by side (default 1)
  --tables-only      no new runs: tables of those that are finished
  --write-docs PAGE  also put tables and figures into PAGE, between <!-- NAME --> and <!-- /NAME -->, where NAME is that
                     of FILE; figures are written beside it`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    jobs: { type: 'string', default: '1' },
    'tables-only': { type: 'boolean', default: false },
    'write-docs': { type: 'string' },
    help: { type: 'boolean' },
  },
});

if (values.help) console.log(HELP);
else await main();

async function main() {
  const file = positionals[0] ?? 'examples/compare-methods.yaml';
  const page = values['write-docs'];
  const code = await compare(file);
  if (code !== 0) {
    if (page !== undefined) console.error(`${page} stays as it is: the comparison is not complete.`);
    process.exitCode = code;
    return;
  }
  if (page === undefined) return;
  const { out } = await readCompareConfig(file);
  await writeDocs(page, basename(file, extname(file)), out);
}

function compare(file) {
  const program = fileURLToPath(new URL('../packages/tamtrl/dist/cli/main.js', import.meta.url));
  const flags = values['tables-only'] ? ['--tables-only'] : ['--jobs', values.jobs];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, 'compare', file, ...flags], { stdio: 'inherit' });
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

/** Everything below the page's title, one level lower, with figures named after the comparison. */
async function writeDocs(page, name, out) {
  const text = await readFile(page, 'utf8');
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${page} has no place for the tables: put ${begin} and ${end} into it.`);
  let tables = (await readFile(join(out, 'comparison.md'), 'utf8'))
    .replace(/^# .*\n+/, '')
    .replaceAll(/^## /gm, '### ');
  const figures = { results: `${name}.svg`, 'learning-curves': `${name}-curves.svg`, sweep: `${name}-sweep.svg` };
  for (const [figure, own] of Object.entries(figures)) {
    if (!tables.includes(`(${figure}.svg)`)) continue;
    tables = tables.replaceAll(`(${figure}.svg)`, `(${own})`);
    await copyFile(join(out, `${figure}.svg`), join(dirname(page), own));
  }
  await writeFile(page, `${text.slice(0, from)}${begin}\n\n${tables}\n${text.slice(to)}`);
}
