/**
 * Makes the screenshots of docs/inspector.md: npm run docs:inspector [-- RUN COMPARISON]
 *
 * Photographs the page over the folders of a run and of a comparison. Without them it trains the embedded model for 20
 * small steps and compares two methods for a few first, which takes two minutes. It works within a temporary folder, so
 * that the page shows paths from there on, and none of this machine.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { runProgram } from '../packages/tamtrl/dist/cli/program.js';
import { Library } from '../packages/tamtrl/dist/view/library.js';
import { serve } from '../packages/tamtrl/dist/view/server.js';
import { findBrowser } from './browser.mjs';

const docs = fileURLToPath(new URL('../docs/inspector', import.meta.url));
const executablePath = findBrowser();
if (!executablePath) {
  console.error('There is no browser. Install Chromium ("apt-get install chromium"), or name one in $CHROMIUM.');
  process.exit(1);
}

const TRAINING = `
preset: mini
method: tamtrl
steps: 20
seed: 0
questionsPerStep: 16
evaluation: { every: 5, questions: 128 }
`;

const COMPARISON = `
out: runs/compare-mini
preset: mini
seeds: [1, 2, 3]
baseline: memagent
train: { steps: 4, questionsPerStep: 4, groupSize: 4, evaluation: { every: 2, questions: 32 } }
methods:
  - { name: memagent, train: memagent }
  - { name: tamtrl, train: tamtrl }
benchmarks:
  - { name: 4 chunks, data: { kind: mini, chunks: 4, facts: 6 }, questions: 100 }
`;

const folder = await mkdtemp(join(tmpdir(), 'tamtrl-screenshots-'));
const given = process.argv.slice(2);
const [run, compared] = given.length === 2 ? given : ['runs/mini-tamtrl', 'runs/compare-mini'];
if (given.length !== 2) process.chdir(folder);
const io = { out: () => {}, err: (text) => process.stderr.write(text), interactive: false, columns: () => 100 };

async function tamtrl(...args) {
  const code = await runProgram(args, io);
  if (code !== 0) throw new Error(`tamtrl ${args.join(' ')} ended with ${code}.`);
}

if (given.length !== 2) {
  await writeFile('train.yaml', TRAINING);
  await writeFile('compare.yaml', COMPARISON);
  await tamtrl('train', '--config', 'train.yaml', '--out', run);
  await tamtrl('compare', 'compare.yaml');
}

const library = new Library([run, compared]);
await library.scan();
const inspector = await serve(library);
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });

/** @param go brings the page to the view, with what a person can see on it */
async function photograph(name, { width = 1280, height = 900, colorScheme = 'light' }, go) {
  const page = await browser.newPage({ viewport: { width, height }, colorScheme });
  page.setDefaultTimeout(180_000);
  await page.goto(inspector.address);
  await go(page);
  await page.waitForTimeout(1500);
  await page.screenshot({ path: join(docs, `${name}.png`) });
  await page.close();
}

async function openRun(page, view) {
  await page.getByRole('link', { name: new RegExp(`^${basename(run)} `) }).click();
  await page.getByRole('link', { name: view, exact: true }).click();
}

try {
  await photograph('curves', { height: 1100 }, async (page) => {
    await openRun(page, 'Curves');
    await page.getByRole('heading', { name: /Entropy/ }).waitFor();
  });
  const lost = async (page) => {
    await openRun(page, 'Rollouts');
    await page.getByRole('button', { name: 'Lost a fact' }).click();
  };
  await photograph('rollout', {}, async (page) => {
    await lost(page);
    await page
      .getByRole('button', { name: /▼ lost/ })
      .first()
      .click();
  });
  await photograph('tokens', { colorScheme: 'dark' }, async (page) => {
    await lost(page);
    await page.getByRole('button', { name: 'Teacher − student' }).click();
    await page.getByLabel('numbers').check();
  });
  await photograph('group', {}, async (page) => {
    await lost(page);
    await page.getByRole('link', { name: 'all side by side' }).click();
  });
  await photograph('comparison', {}, async (page) => {
    await page.getByRole('link', { name: new RegExp(`^${basename(compared)} comparison`) }).click();
    await page.getByRole('heading', { name: 'Curves of the trainings' }).scrollIntoViewIfNeeded();
  });
  await photograph('phone', { width: 390, height: 844 }, lost);
} finally {
  await browser.close();
  await inspector.close();
  await rm(folder, { recursive: true });
}
