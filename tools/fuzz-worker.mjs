// The process in which one parser is given its inputs: see fuzz.mjs.
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TamtrlError } from '../packages/tamtrl/dist/base/errors.js';
import { coverage } from './fuzz-coverage.mjs';
import { mutated, random } from './fuzz-mutate.mjs';
import { openParser, Refused } from './fuzz-parsers.mjs';

const [, , name, seed, end, count, folder] = process.argv;
/** Milliseconds. */
const SLOW = 5000;
/** Milliseconds between two reports. */
const REPORT = 1000;
/** One input in so many is looked at for what it reaches, which takes as long as a few inputs. */
const LOOKED_AT = 16;
/** Inputs that have reached something new, beside the samples; others take their places. */
const MOST_KEPT = 500;
/** Changes make inputs longer, and long ones take long. */
const LONGEST_KEPT = 2 ** 16;

mkdirSync(folder, { recursive: true });
const parser = await openParser(name, folder);
const draw = random(Number(seed));
let report = fresh();
let told = Date.now();
process.on('unhandledRejection', (error) => {
  find('foreign', `unhandled: ${summary(error)}`);
});

const reachesNew = await coverage();
const kept = [];
for (let at = 0; at < Number(count) && Date.now() < Number(end); at++) {
  const known = draw() < 0.5 && kept.length > 0 ? kept : parser.samples;
  const input = mutated(known[Math.floor(draw() * known.length)], parser.binary, draw);
  if (at % LOOKED_AT !== 0) await tried(input);
  else if (await reachesNew(() => tried(input))) {
    report.kept++;
    if (input.length < LONGEST_KEPT)
      kept[kept.length < MOST_KEPT ? kept.length : Math.floor(draw() * MOST_KEPT)] = input;
  }
  if (Date.now() - told > REPORT) tell();
}
tell();
process.send({ done: true }, () => process.exit(0));

async function tried(input) {
  writeFileSync(join(folder, 'input'), input);
  const before = process.cpuUsage();
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
    if ((TamtrlError.isInstance(error) || error instanceof Refused) && !raw) report.refused++;
    else find('foreign', summary(error));
  }
  // Time of the processor: on a busy machine, seconds of the clock say little.
  const { user, system } = process.cpuUsage(before);
  const took = (user + system) / 1000;
  if (took > SLOW) find('slow', `${Math.round(took)} ms`);
  report.slowest = Math.max(report.slowest, Math.round(took));
  report.cases++;
}

function find(kind, what) {
  const path = join(folder, `${kind}-${report.findings.length}-${Date.now()}`);
  copyFileSync(join(folder, 'input'), path);
  report.findings.push({ kind, what, path });
}

function fresh() {
  return { cases: 0, refused: 0, accepted: 0, kept: 0, slowest: 0, findings: [], peak: 0 };
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
