// Gives every parser damaged and random inputs and counts the outcomes. It prints whatever is not one of our refusals.
//
//   npm run -s build && node tools/fuzz.mjs --seconds 60 [--inputs N] [--jobs N] [--parser NAME] [--seed N] [--json
//   FILE]
//
// Time or number are divided among the parsers. Each parser runs in a separate process with 1 GB of heap, and saves
// each input before it reads it: one that ends the process or takes more than five seconds of CPU time is found in the
// folder that is named at the end. Inputs that reach parts of the code for the first time are changed further.
import { fork } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { parserNames, shareOf } from './fuzz-parsers.mjs';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string' },
    inputs: { type: 'string' },
    jobs: { type: 'string', default: '1' },
    json: { type: 'string' },
    parser: { type: 'string', multiple: true },
    seed: { type: 'string', default: '1' },
  },
});
const names = values.parser ?? parserNames;
const unknown = names.find((name) => !parserNames.includes(name));
if (unknown) {
  console.error(`There is no parser "${unknown}". There are: ${parserNames.join(', ')}.`);
  process.exit(2);
}

/** Milliseconds without a word after which a process hangs: a busy machine gives it little of its time. */
const HANGS = 120_000;
/** Megabytes that a process may take at most. */
const MEMORY = 1024;
const columns = [
  'parser',
  'cases',
  'refused',
  'accepted',
  'new',
  'foreign',
  'slow',
  'crashes',
  'slowest ms',
  'peak MB',
];
const folder = mkdtempSync(join(tmpdir(), 'fuzz-'));
const shares = names.reduce((sum, name) => sum + shareOf(name), 0);
const seconds = values.seconds ?? (values.inputs === undefined ? '60' : 'Infinity');
const rows = [];
const waiting = [...names];
await Promise.all(
  Array.from({ length: Number(values.jobs) }, async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const inputs = Math.ceil((Number(values.inputs ?? Infinity) * shareOf(name)) / shares);
      rows.push(await campaign(name, (Number(seconds) * 1000) / names.length, inputs));
    }
  }),
);
rows.sort((a, b) => names.indexOf(a.parser) - names.indexOf(b.parser));
if (values.json) writeFileSync(values.json, JSON.stringify(rows));
console.log(`| ${columns.join(' | ')} |\n|${' --- |'.repeat(columns.length)}`);
for (const row of rows) console.log(`| ${columns.map((column) => row[column]).join(' | ')} |`);
const found = rows.some((row) => row.foreign + row.slow + row.crashes > 0 || row['peak MB'] > MEMORY);
if (found) console.log(`Inputs of findings: ${folder}`);
process.exit(found ? 1 : 0);

/** Runs one parser until its time or its inputs are used up, starting it again after each crash. */
async function campaign(name, milliseconds, inputs) {
  const row = { parser: name, ...Object.fromEntries(columns.slice(1).map((column) => [column, 0])) };
  const end = Date.now() + milliseconds;
  for (let seed = Number(values.seed); Date.now() < end && row.cases < inputs; seed += 1_000_003) {
    await session(name, seed, { end, inputs: inputs - row.cases }, row);
  }
  return row;
}

/** One process. Resolves when it has ended. */
function session(name, seed, { end, inputs }, row) {
  return new Promise((resolve) => {
    const file = fileURLToPath(new URL('fuzz-worker.mjs', import.meta.url));
    const args = [name, String(seed), String(end), String(inputs), join(folder, `${name}-${seed}`)];
    const child = fork(file, args, {
      execArgv: ['--max-old-space-size=1024'],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let said = '';
    let at = Date.now();
    let done = false;
    child.stderr.on('data', (text) => {
      said = (said + text).slice(-2000);
    });
    const watch = setInterval(() => {
      // Loading takes its time on a busy machine; only cases count.
      if (row.cases === 0 || Date.now() - at < HANGS) return;
      console.log(`${name}: a case of seed ${seed} takes more than ${HANGS / 1000} s`);
      row.slow++;
      done = true;
      child.kill('SIGKILL');
    }, 500);
    child.on('message', (message) => {
      at = Date.now();
      if (message.done) {
        done = true;
        return;
      }
      row.cases += message.cases;
      row.refused += message.refused;
      row.accepted += message.accepted;
      row.new += message.kept;
      row['slowest ms'] = Math.max(row['slowest ms'], message.slowest);
      row['peak MB'] = Math.max(row['peak MB'], message.peak);
      for (const finding of message.findings) {
        row[finding.kind]++;
        console.log(`${name}: ${finding.kind}: ${finding.what} (${finding.path})`);
      }
    });
    child.on('exit', (code, signal) => {
      clearInterval(watch);
      if (!done) {
        row.crashes++;
        row.cases++;
        console.log(`${name}: seed ${seed} ended with ${signal ?? code}: ${said.split('\n').slice(-12).join(' ')}`);
      }
      resolve();
    });
  });
}
