/** Runs the fault campaign and prints its table. Usage: npm run test:faults -- --help. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const HELP = `npm run test:faults [-- options]

  --part NAME   only this part (kills, places, clock, servers, inputs, long); may be repeated
  --small       fewer of everything: some minutes
  --seed N      seed of everything random (default 1)
  --kills N     kills of processes (default 100)
  --requests N  spoiled replies of servers (default 10000)
  --inputs N    changed inputs of parsers (default 1000000)
  --steps N     training steps of the long run (default 5000)
  --turns N     reading turns of the long run (default 20000)
  --json FILE   also write the rows as JSON; those of parts that are not run now stay in it, and in the table
  --write-docs  put the table into docs/reliability.md
  --help        this text`;

const WHOLE = { seed: 1, kills: 100, requests: 10_000, inputs: 1_000_000, steps: 5000, turns: 20_000 };
const PARTS = ['kills', 'places', 'clock', 'servers', 'inputs', 'long'];
const COLUMNS = ['part', 'what', 'tried', 'failed', 'seconds', 'notes'];

function stop(message) {
  console.error(`test:faults: ${message}`);
  process.exit(2);
}

const string = { type: 'string' };
const counts = Object.fromEntries(Object.keys(WHOLE).map((name) => [name, string]));
let values;
try {
  ({ values } = parseArgs({
    options: {
      ...counts,
      part: { type: 'string', multiple: true },
      json: string,
      small: { type: 'boolean' },
      'write-docs': { type: 'boolean' },
      help: { type: 'boolean' },
    },
  }));
} catch (error) {
  stop(error.message);
}
if (values.help) {
  console.log(HELP);
  process.exit(0);
}
const parts = values.part ?? PARTS;
const unknown = parts.find((name) => !PARTS.includes(name));
if (unknown) stop(`there is no part "${unknown}". There are: ${PARTS.join(', ')}.`);

const folder = mkdtempSync(join(tmpdir(), 'tamtrl-campaign-'));
const rowsFile = join(folder, 'rows.jsonl');
const env = { ...process.env, TAMTRL_FAULTS_ROWS: rowsFile };
for (const [name, whole] of Object.entries(WHOLE)) {
  const given = values[name];
  if (given !== undefined && !/^\d+$/.test(given)) stop(`--${name} is "${given}", and must be a whole number.`);
  if (given !== undefined || !values.small) env[`TAMTRL_FAULTS_${name.toUpperCase()}`] = given ?? String(whole);
}
writeFileSync(rowsFile, '');
const here = fileURLToPath(new URL('.', import.meta.url));
const vitest = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url));
const args = ['run', '--config', join(here, 'vitest.config.ts'), ...parts.map((name) => `${name}.fault.ts`)];
const started = performance.now();
const { status } = spawnSync(process.execPath, [vitest, ...args], { env, cwd: here, stdio: 'inherit' });
const taken = Math.round((performance.now() - started) / 1000);

const lines = readFileSync(rowsFile, 'utf8').split('\n').filter(Boolean);
const rowsNow = lines.map((line) => JSON.parse(line));
const { rows: rowsBefore, seconds: secondsBefore } = otherParts(values.json);
const rows = [...rowsBefore, ...rowsNow].sort((a, b) => PARTS.indexOf(a.part) - PARTS.indexOf(b.part));
const seconds = secondsBefore + taken;
const shown = (value) => (typeof value === 'number' ? value.toLocaleString('en') : value);
const table = [COLUMNS, COLUMNS.map(() => '---'), ...rows.map((row) => COLUMNS.map((column) => shown(row[column])))]
  .map((cells) => `| ${cells.join(' | ')} |`)
  .join('\n');
const [{ model }] = cpus();
const machine = `${model}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GB, Node ${process.version}, ${process.platform}`;
console.log(`\n${table}`);
for (const { what, failures } of rowsNow) for (const failure of failures) console.log(`\n${what}: ${failure}`);
console.log(`\n${machine}: ${seconds} s in all.`);
if (values['write-docs']) {
  const docs = fileURLToPath(new URL('../../docs/reliability.md', import.meta.url));
  const command = `npm run test:faults${process.argv.length > 2 ? ` -- ${process.argv.slice(2).join(' ')}` : ''}`;
  const page = `<!-- campaign -->\n\n\`${command}\` on ${machine}: ${seconds} s in all.\n\n${table}\n\n<!-- /campaign -->`;
  const marked = /<!-- campaign -->.*<!-- \/campaign -->/s;
  writeFileSync(
    docs,
    readFileSync(docs, 'utf8').replace(marked, () => page),
  );
}
if (values.json) writeFileSync(values.json, `${JSON.stringify({ machine, seconds, rows }, undefined, 2)}\n`);
rmSync(folder, { recursive: true });
process.exit(status ?? 1);

/** Rows that an earlier run of other parts has left in the file, and how long it took. */
function otherParts(file) {
  if (file === undefined || !existsSync(file)) return { rows: [], seconds: 0 };
  const { rows, seconds } = JSON.parse(readFileSync(file, 'utf8'));
  const kept = rows.filter(({ part }) => !parts.includes(part));
  return { rows: kept, seconds: kept.length === 0 ? 0 : seconds };
}
