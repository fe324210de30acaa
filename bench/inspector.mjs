/**
 * How long the inspector takes to open a long run: the server's processor time to the replies that the page needs, and
 * the time until a browser has drawn the curves. The run is one step of a small training, repeated. Usage: npm run
 * bench:inspector [-- --steps 10000 --rounds 5].
 */
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { findBrowser } from '../tools/browser.mjs';

const load = (path) => import(new URL(`../packages/tamtrl/dist/${path}`, import.meta.url));
const { openRun } = await load('run/open.js');
const { Library } = await load('view/library.js');
const { serve } = await load('view/server.js');

const { values } = parseArgs({
  options: { steps: { type: 'string', default: '10000' }, rounds: { type: 'string', default: '5' } },
});

const folder = await mkdtemp(join(tmpdir(), 'bench-inspector-'));
const run = await longRun(folder, Number(values.steps));
const executablePath = findBrowser();
if (!executablePath) throw new Error('No browser was found. Install Chromium, or name one with CHROMIUM.');
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
const rows = [];
for (let round = 0; round < Number(values.rounds); round++) {
  const library = new Library([run]);
  await library.scan();
  const inspector = await serve(library);
  const page = await browser.newPage();
  const before = process.cpuUsage();
  const begun = performance.now();
  await page.goto(inspector.address);
  await page.locator('.figures svg').first().waitFor();
  const drawn = performance.now() - begun;
  const figures = await page.locator('.figures svg').count();
  const { user, system } = process.cpuUsage(before);
  const seconds = await page.evaluate(() => {
    const script = performance
      .getEntriesByType('resource')
      .map(({ name, duration, responseEnd }) => [
        name.replace(/^.*\/(?=[^/]+$)/, ''),
        Math.round(duration),
        Math.round(responseEnd),
      ]);
    return { script };
  });
  rows.push({ drawn: Math.round(drawn), server: Math.round((user + system) / 1000), figures });
  console.log(JSON.stringify({ ...rows.at(-1), ...seconds }));
  await page.close();
  await inspector.close();
}
await browser.close();
await rm(folder, { recursive: true });
const median = (name) => rows.map((row) => row[name]).sort((a, b) => a - b)[rows.length >> 1];
console.log(
  `${values.steps} steps: the page has its curves after ${median('drawn')} ms, of which the server takes ` +
    `${median('server')} ms of the processor (medians of ${rows.length}).`,
);

async function longRun(base, steps) {
  const small = join(base, 'small');
  const config = { evaluation: { every: 1, questions: 4 }, questionsPerStep: 2, groupSize: 4 };
  for await (const _ of openRun({ preset: 'mini', command: 'train', folder: small, steps: 1, config })) {
    // Only its folder matters.
  }
  const long = join(base, 'long');
  await mkdir(long);
  for (const name of ['info.json', 'config.json']) await cp(join(small, name), join(long, name));
  const read = async (name) => (await readFile(join(small, name), 'utf8')).trim().split('\n').map(JSON.parse);
  const lines = await read('metrics.jsonl');
  const [evaluation, step] = ['evaluation', 'step'].map((kind) => lines.find((line) => line.kind === kind));
  const metrics = Array.from({ length: steps }, (_, at) => [
    ...(at % 50 === 0 ? [{ ...evaluation, step: at }] : []),
    { ...step, step: at + 1 },
  ]);
  await writeFile(
    join(long, 'metrics.jsonl'),
    metrics.flat().map((line) => `${JSON.stringify(line)}\n`),
  );
  const groups = await read('groups.jsonl');
  const kept = Array.from({ length: steps / 10 }, (_, at) => ({ ...groups[at % groups.length], step: at * 10 + 1 }));
  await writeFile(
    join(long, 'groups.jsonl'),
    kept.map((group) => `${JSON.stringify(group)}\n`),
  );
  return long;
}
