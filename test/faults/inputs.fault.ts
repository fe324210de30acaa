/** Changed inputs of every parser: read or refused in a sentence, within 5 seconds and 1 GB. tools/fuzz.mjs does it. */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CAMPAIGN, fault } from './campaign.js';

interface ParserRow {
  parser: string;
  cases: number;
  refused: number;
  accepted: number;
  /** Of those that were looked at, inputs that reached code for the first time. */
  new: number;
  foreign: number;
  slow: number;
  crashes: number;
  'slowest ms': number;
  'peak MB': number;
}

/** Megabytes of a parser's process. */
const MEMORY = 1024;

fault(
  'inputs',
  'changed inputs: read or refused, within 5 s of the processor and 1 GB, without a crash',
  async (row, folder) => {
    const fuzz = fileURLToPath(new URL('../../tools/fuzz.mjs', import.meta.url));
    const json = join(folder, 'rows.json');
    const args = ['--inputs', String(CAMPAIGN.inputs), '--seed', String(CAMPAIGN.seed), '--jobs', '2', '--json', json];
    const child = spawn(process.execPath, [fuzz, ...args], { stdio: 'inherit' });
    await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
    const found: ParserRow[] = JSON.parse(await readFile(json, 'utf8'));
    for (const { parser, cases, foreign, slow, crashes, 'peak MB': peak } of found) {
      row.tried += cases;
      if (foreign > 0) row.fail(`${parser}: ${foreign} exceptions that are none of ours`);
      if (slow > 0) row.fail(`${parser}: ${slow} inputs took more than 5 s`);
      if (crashes > 0) row.fail(`${parser}: ${crashes} crashes`);
      if (peak > MEMORY) row.fail(`${parser}: ${peak} MB`);
    }
    const slowest = Math.max(...found.map((each) => each['slowest ms']));
    const peak = Math.max(...found.map((each) => each['peak MB']));
    const refused = found.reduce((sum, each) => sum + each.refused, 0);
    row.notes = `${found.length} parsers; ${refused} refused; the slowest took ${slowest} ms; ${peak} MB at most`;
  },
);
