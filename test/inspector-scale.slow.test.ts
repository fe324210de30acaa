/**
 * The inspector's server over folders far larger than a test can train: the lines of a run that is trained here, again
 * and again. Bounds are on the processor's time, which a busy machine does not change much.
 */
import { appendFile, cp, mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openRun } from '../packages/tamtrl/src/run/open.js';
import type { KeptGroup } from '../packages/tamtrl/src/train/kept-groups.js';
import type { MetricsLine } from '../packages/tamtrl/src/train/metrics.js';
import { Library } from '../packages/tamtrl/src/view/library.js';
import { type Inspector, serve } from '../packages/tamtrl/src/view/server.js';
import type { Curves, Overview, RolloutPage, RunDetails } from '../packages/tamtrl/src/view/types.js';

const STEPS = 10_000;

describe('a run of 10,000 steps', () => {
  let inspector: Inspector;
  let run: string;
  let lines: MetricsLine[];
  const json = async <T>(path: string) => (await (await fetch(`${inspector.address}api/${path}`)).json()) as T;

  beforeAll(async () => {
    const base = await mkdtemp(join(tmpdir(), 'scale-'));
    const small = join(base, 'small');
    const config = { evaluation: { every: 1, questions: 4 }, questionsPerStep: 2, groupSize: 4 };
    for await (const _ of openRun({ preset: 'mini', command: 'train', folder: small, steps: 1, config })) {
      // Only its folder matters.
    }
    run = join(base, 'long');
    await mkdir(run);
    for (const name of ['info.json', 'config.json']) await cp(join(small, name), join(run, name));
    const read = async (name: string) => (await readFile(join(small, name), 'utf8')).trim().split('\n');
    lines = (await read('metrics.jsonl')).map((text) => JSON.parse(text) as MetricsLine);
    const [evaluation, step] = ['evaluation', 'step'].map((kind) => lines.find((line) => line.kind === kind));
    const metrics = Array.from({ length: STEPS }, (_, at) => [
      ...(at % 50 === 0 ? [{ ...evaluation, step: at }] : []),
      { ...step, step: at + 1 },
    ]);
    await writeFile(
      join(run, 'metrics.jsonl'),
      metrics.flat().map((line) => `${JSON.stringify(line)}\n`),
    );
    const groups = (await read('groups.jsonl')).map((text) => JSON.parse(text) as KeptGroup);
    const kept = Array.from({ length: 1000 }, (_, at) => ({ ...groups[at % groups.length], step: at * 10 + 1 }));
    await writeFile(
      join(run, 'groups.jsonl'),
      kept.map((group) => `${JSON.stringify(group)}\n`),
    );
    const library = new Library([run]);
    await library.scan();
    inspector = await serve(library);
  });

  afterAll(() => inspector?.close());

  it('opens in under a second, and follows without reading anything twice', async () => {
    const before = process.cpuUsage();
    const [{ id }] = (await json<Overview>('overview')).sources;
    const [details, curves] = [await json<RunDetails>(`run/${id}`), await json<Curves>(`curves?ids=${id}`)];
    const { user, system } = process.cpuUsage(before);
    expect(details.steps.done).toBe(STEPS);
    expect(curves.sets[0].steps).toHaveLength(500);
    expect((user + system) / 1e6).toBeLessThan(1.5);
    // Were it read again, what no longer stands there would be missing.
    const text = await readFile(join(run, 'metrics.jsonl'));
    const handle = await (await import('node:fs/promises')).open(join(run, 'metrics.jsonl'), 'r+');
    await handle.write(Buffer.alloc(1 << 20, 0x20), 0, 1 << 20, 0);
    await handle.close();
    await appendFile(join(run, 'metrics.jsonl'), `${JSON.stringify({ ...lines[1], kind: 'step', step: STEPS + 1 })}\n`);
    const later = await json<RunDetails>(`run/${id}`);
    expect([later.steps.done, later.source.problems]).toEqual([STEPS + 1, []]);
    expect((await json<Curves>(`curves?ids=${id}`)).sets[0].steps[0]).toBe(21);
    await writeFile(join(run, 'metrics.jsonl'), text);
  });

  it('lists its rollouts page by page, while it still reads them', async () => {
    const [{ id }] = (await json<Overview>('overview')).sources;
    let page = await json<RolloutPage>(`rollouts/${id}`);
    expect(page.entries.length).toBeLessThanOrEqual(50);
    while (page.counts.read < page.counts.size) page = await json<RolloutPage>(`rollouts/${id}?order=oldest&from=3950`);
    page = await json<RolloutPage>(`rollouts/${id}?order=oldest&from=3950`);
    expect([page.total, page.entries.length, page.entries.at(-1)?.group]).toEqual([4000, 50, 999]);
  });
});
