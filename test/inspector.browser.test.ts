/// <reference lib="dom" />
/**
 * The page of `tamtrl view` in a real browser, over the folder of a run that is trained here. Skipped, with a warning,
 * on a machine without one: see CONTRIBUTING.md.
 */
import { appendFile, mkdtemp, readFile, rename, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openRun } from '../packages/tamtrl/src/run/open.js';
import type { KeptGroup } from '../packages/tamtrl/src/train/kept-groups.js';
import { Library } from '../packages/tamtrl/src/view/library.js';
import { runPage } from '../packages/tamtrl/src/view/page.js';
import { RunSource } from '../packages/tamtrl/src/view/run-source.js';
import { type Inspector, serve } from '../packages/tamtrl/src/view/server.js';
import { findBrowser } from '../tools/browser.mjs';

const executablePath = findBrowser();
if (!executablePath) {
  console.warn(
    'SKIPPED: the tests of the page of tamtrl view. There is no browser: "apt-get install chromium", or name one in $CHROMIUM.',
  );
}

const HOSTILE = '<img src=x onerror="document.title=1"><b>bold</b>\u001b[2J\u202eabc';

describe.skipIf(!executablePath)('the page of tamtrl view', () => {
  let browser: Browser;
  let inspector: Inspector;
  let page: Page;
  let run: string;
  const said: string[] = [];

  beforeAll(async () => {
    run = join(await mkdtemp(join(tmpdir(), 'page-')), 'my-run');
    const config = { evaluation: { every: 1, questions: 8 }, questionsPerStep: 4, groupSize: 8 };
    for await (const _ of openRun({ preset: 'mini', command: 'train', folder: run, steps: 2, config })) {
      // Only its folder matters.
    }
    // A loss and a text that would do harm, whatever the model wrote.
    const [line] = (await readFile(join(run, 'groups.jsonl'), 'utf8')).split('\n');
    const group = JSON.parse(line) as KeptGroup;
    const [first, second] = group.rollouts[0].turns;
    const made: KeptGroup = {
      ...group,
      step: 2,
      question: HOSTILE,
      answers: ['oslo'],
      rollouts: [
        {
          ...group.rollouts[0],
          turns: [
            { ...first, memory: 'anna oslo' },
            { ...second, memory: 'anna rome' },
          ],
        },
        ...group.rollouts.slice(1),
      ],
    };
    await appendFile(join(run, 'groups.jsonl'), `${JSON.stringify(made)}\n`);
    const library = new Library([run]);
    await library.scan();
    inspector = await serve(library);
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    page.on('console', (message) => said.push(message.text()));
    page.on('pageerror', (error) => said.push(error.message));
  });

  afterAll(async () => {
    await browser?.close();
    await inspector?.close();
  });

  const open = async (hash = '') => {
    await page.goto(`${inspector.address}#/${hash}`);
    await page.reload();
  };
  const heading = (name: string | RegExp) => page.getByRole('heading', { name });

  it('opens on the only run, with its curves', async () => {
    await open();
    await heading('my-run').waitFor();
    await heading(/^Entropy/).waitFor();
    const drawn = page.getByRole('figure').filter({ hasText: 'Held-out exact_match' }).locator('.plot svg').last();
    await drawn.waitFor();
    expect(await drawn.locator('path').count()).toBeGreaterThan(1);
  });

  it('leads to the turn that lost a fact in two clicks, and shows what changed there', async () => {
    await open();
    await page.getByRole('link', { name: 'Rollouts' }).click();
    await page.getByRole('button', { name: 'Lost a fact' }).click();
    await page.getByRole('button', { name: '▼ lost oslo at turn 2' }).click();
    const turn = page.locator('.turn.losing');
    expect(await turn.getByRole('heading').textContent()).toBe('Turn 2');
    expect(await turn.locator('del').textContent()).toContain('oslo');
    expect(await turn.locator('ins').textContent()).toContain('rome');
    // The address leads there again.
    const other = await browser.newPage();
    await other.goto(page.url());
    await other.getByRole('button', { name: '▼ lost oslo at turn 2' }).waitFor();
    await other.close();
  });

  it('shows what texts hold and runs nothing of it', async () => {
    const title = page.getByRole('heading', { level: 2 }).first();
    expect(await title.textContent()).toBe('<img src=x onerror="document.title=1"><b>bold</b>\u241b[2J\\u202eabc');
    expect(await page.locator('article img, article b').count()).toBe(0);
    expect(await page.title()).toBe('tamtrl: see a run');
  });

  it('colours tokens by log-probability, and says the values', async () => {
    const [{ id }] = await sources();
    const coloured = async (shade: string) => {
      await open(`run/${id}/rollouts?group=0&shade=${shade}&values=1`);
      await page.locator(`[data-colouring=${shade}]`).first().waitFor();
      return page
        .locator('.token')
        .evaluateAll((tokens) =>
          tokens.map((token) => [getComputedStyle(token).backgroundColor, token.querySelector('small')?.textContent]),
        );
    };
    const student = await coloured('student');
    expect(new Set(student.map(([colour]) => colour)).size).toBeGreaterThan(2);
    expect(student.every(([, value]) => /^-?\d/.test(value ?? ''))).toBe(true);
    expect(await coloured('teacher')).not.toEqual(student);
    expect((await coloured('advantage'))[0][1]).toMatch(/^[+−]\d/);
  });

  it('shows all rollouts of a group side by side', async () => {
    await page.getByRole('link', { name: 'all side by side' }).click();
    await page.locator('table.side').waitFor();
    expect(await page.locator('table.side thead th').count()).toBe(9);
  });

  it('follows the run, half-written lines too', async () => {
    await open();
    await page.getByText('Step 2 of 2.').waitFor();
    const lines = (await readFile(join(run, 'metrics.jsonl'), 'utf8')).trimEnd().split('\n');
    const next = JSON.stringify({ ...JSON.parse(lines.filter((line) => line.includes('"step",'))[1]), step: 3 });
    await appendFile(join(run, 'metrics.jsonl'), next.slice(0, 50));
    await page.waitForTimeout(900);
    expect(await page.getByText('Step 2 of 2.').count()).toBe(1);
    await appendFile(join(run, 'metrics.jsonl'), `${next.slice(50)}\n`);
    await page.getByText('Step 3 of 2.').waitFor();
  });

  it('can be used with the keyboard, and on a phone', async () => {
    const [{ id }] = await sources();
    await open(`run/${id}/rollouts`);
    const current = () => page.locator('.list [aria-current]').evaluate((link) => link.getAttribute('href'));
    await page.locator('.list [aria-current]').waitFor();
    const before = await current();
    await page.keyboard.press('j');
    await expect.poll(current).not.toBe(before);
    await page.keyboard.press('k');
    await expect.poll(current).toBe(before);
    await page.setViewportSize({ width: 390, height: 844 });
    const width = () => page.evaluate(() => document.documentElement.scrollWidth);
    await expect.poll(width).toBe(390);
    await page.getByRole('link', { name: 'Curves' }).click();
    await heading(/^Entropy/).waitFor();
    await expect.poll(width).toBe(390);
    await page.setViewportSize({ width: 1280, height: 900 });
  });

  it('writes figures and views as files', async () => {
    const saved = async (name: string) => {
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('button', { name }).first().click(),
      ]);
      return readFile(await download.path());
    };
    const svg = (await saved('Save SVG')).toString();
    expect(svg).toMatch(/^<svg[^>]*xmlns="http:\/\/www.w3.org\/2000\/svg"/);
    expect((await saved('Save PNG')).subarray(1, 4).toString()).toBe('PNG');
    await page.getByRole('link', { name: 'Rollouts' }).click();
    expect((await saved('Save view as SVG')).toString()).toContain('Turn 1');
    expect((await saved('Save view as PNG')).subarray(1, 4).toString()).toBe('PNG');
  });

  it('is one file that opens without a server, and asks for nothing', async () => {
    const file = `${run}.html`;
    await writeFile(file, await runPage(new RunSource('run', run)));
    const alone = await browser.newPage();
    const asked: string[] = [];
    alone.on('request', (request) => asked.push(request.url()));
    alone.on('pageerror', (error) => said.push(error.message));
    await alone.goto(pathToFileURL(file).href);
    await alone.getByRole('heading', { name: 'my-run' }).waitFor();
    await alone.getByRole('link', { name: 'Rollouts' }).click();
    await alone.getByRole('button', { name: 'Lost a fact' }).click();
    await alone.getByRole('button', { name: '▼ lost oslo at turn 2' }).waitFor();
    expect(asked.filter((url) => !/^(file|data|blob):/.test(url))).toEqual([]);
    await alone.close();
  });

  it('gives a page of another origin nothing', async () => {
    const other = await browser.newPage();
    const { origin } = new URL(inspector.address);
    await other.goto('data:text/html,other');
    const reach = (url: string) =>
      other.evaluate(
        (address) =>
          fetch(address).then(
            () => 'read',
            () => 'refused',
          ),
        url,
      );
    expect(await reach(`${inspector.address}api/overview`)).toBe('refused');
    expect(await reach(`${origin}/api/overview`)).toBe('refused');
    await other.close();
  });

  it('goes on when the folder disappears', async () => {
    await open();
    await heading(/^Entropy/).waitFor();
    await rename(run, `${run}-moved`);
    await page.getByText('is no longer there. What had been read is shown.').waitFor();
    expect(await heading(/^Entropy/).count()).toBe(1);
    await rename(`${run}-moved`, run);
    await page.getByText('is no longer there').waitFor({ state: 'detached' });
  });

  it('makes no complaint in all of this', () => {
    // The group that is asked for while its folder is away.
    expect(said.filter((text) => !text.includes('404'))).toEqual([]);
  });

  async function sources(): Promise<{ id: string }[]> {
    const reply = await fetch(`${inspector.address}api/overview`);
    return ((await reply.json()) as { sources: { id: string }[] }).sources;
  }
});
