// Gives every parser damaged and random inputs and counts the outcomes. It prints whatever is not one of our refusals.
//
//   npm run -s build && node tools/fuzz.mjs --seconds 60 [--parser NAME] [--seed N]
//
// Each parser runs in a separate process with 1 GB of heap, and saves each input before it reads it: one that
// ends the process or takes more than five seconds is found in the folder that is named at the end.
import { fork } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { parserNames } from './fuzz-parsers.mjs';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
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

const SLOW = 5000;
const folder = mkdtempSync(join(tmpdir(), 'fuzz-'));
const rows = [];
for (const name of names) rows.push(await campaign(name, (Number(values.seconds) * 1000) / names.length));
const columns = ['parser', 'cases', 'refused', 'accepted', 'foreign', 'slow', 'crashes', 'peak MB'];
console.log(`| ${columns.join(' | ')} |\n|${' --- |'.repeat(columns.length)}`);
for (const row of rows) console.log(`| ${columns.map((column) => row[column]).join(' | ')} |`);
const found = rows.some((row) => row.foreign + row.slow + row.crashes > 0);
if (found) console.log(`Inputs of findings: ${folder}`);
process.exit(found ? 1 : 0);

/** Runs one parser until its time is over, starting it again after each crash. */
async function campaign(name, milliseconds) {
  const row = { parser: name, cases: 0, refused: 0, accepted: 0, foreign: 0, slow: 0, crashes: 0, 'peak MB': 0 };
  const end = Date.now() + milliseconds;
  for (let seed = Number(values.seed); Date.now() < end; seed += 1_000_003) await session(name, seed, end, row);
  return row;
}

/** One process. Resolves when it has ended. */
function session(name, seed, end, row) {
  return new Promise((resolve) => {
    const file = fileURLToPath(new URL('fuzz-worker.mjs', import.meta.url));
    const args = [name, String(seed), String(end), join(folder, `${name}-${seed}`)];
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
      if (row.cases === 0 || Date.now() - at < 4 * SLOW) return;
      console.log(`${name}: a case of seed ${seed} takes more than ${(4 * SLOW) / 1000} s`);
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
        console.log(`${name}: seed ${seed} ended with ${signal ?? code}: ${said.split('\n').slice(-12).join(' ')}`);
      }
      resolve();
    });
  });
}
