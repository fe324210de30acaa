// The process in which one parser is given its inputs: see fuzz.mjs.
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TamtrlError } from '../packages/tamtrl/dist/base/errors.js';
import { mutated, random } from './fuzz-mutate.mjs';
import { openParser } from './fuzz-parsers.mjs';

const [, , name, seed, end, folder] = process.argv;
const SLOW = 5000;
/** Milliseconds between two reports. */
const REPORT = 1000;

mkdirSync(folder, { recursive: true });
const parser = await openParser(name, folder);
const draw = random(Number(seed));
let report = fresh();
let told = Date.now();
process.on('unhandledRejection', (error) => find('foreign', `unhandled: ${summary(error)}`));

while (Date.now() < Number(end)) {
  const input = mutated(parser.samples[Math.floor(draw() * parser.samples.length)], parser.binary, draw);
  writeFileSync(join(folder, 'input'), input);
  const started = performance.now();
  try {
    await parser.read(input, join(folder, 'input'));
    report.accepted++;
  } catch (error) {
    // An error text of the runtime inside one of our messages is not a clear message. Jinja has its own kinds of
    // objects.
    const raw =
      /Cannot read propert|^\S+ is not a function|(?<!' object )is not iterable|Maximum call stack|undefined \(/.test(
        String(error?.message),
      );
    if (TamtrlError.isInstance(error) && !raw) report.refused++;
    else find('foreign', summary(error));
  }
  if (performance.now() - started > SLOW) find('slow', `${Math.round(performance.now() - started)} ms`);
  report.cases++;
  if (Date.now() - told > REPORT) tell();
}
tell();
process.send({ done: true }, () => process.exit(0));

function find(kind, what) {
  const path = join(folder, `${kind}-${report.findings.length}-${Date.now()}`);
  copyFileSync(join(folder, 'input'), path);
  report.findings.push({ kind, what, path });
}

function fresh() {
  return { cases: 0, refused: 0, accepted: 0, findings: [], peak: 0 };
}

function tell() {
  report.peak = Math.round(process.resourceUsage().maxRSS / 1024);
  process.send(report);
  report = fresh();
  told = Date.now();
}

function summary(error) {
  return String(error?.stack ?? error)
    .split('\n')
    .slice(0, 3)
    .join(' ')
    .slice(0, 300);
}
