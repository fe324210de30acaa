/** The benchmarks' command lines and their arithmetic; how fast anything is, no test asks. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const bench = (...options: string[]) =>
  promisify(execFile)(process.execPath, ['bench/engine.mjs', ...options], { cwd: root });

interface Report {
  rows: Record<string, string | number | null>[];
  runs: { seconds: number[] }[];
  machine: { sgemm_gflops: number };
}

describe('bench/engine.mjs', () => {
  it('prints its rows as JSON, null where PyTorch is absent', async () => {
    const { stdout, stderr } = await bench(
      '--case',
      'mini',
      '--what',
      'score',
      '--rounds',
      '1',
      '--skip-pytorch',
      '--json',
    );
    const report = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Report;
    const [row] = report.rows;
    expect(report.rows).toHaveLength(1);
    expect(Object.keys(row)).toEqual([
      'case',
      'what',
      'tokens_per_second',
      'pytorch_tokens_per_second',
      'ratio',
      'sgemm_share',
    ]);
    expect(row).toMatchObject({ case: 'mini', what: 'score', pytorch_tokens_per_second: null, ratio: null });
    const [seconds] = report.runs[0].seconds;
    expect(row.tokens_per_second).toBeCloseTo((128 * 60) / seconds, 3);
    // Layers of the mini shape: 3 x (q 64x64 + k, v 32x64 each + o 64x64 + 3 x 192x64); head: 256 x 64 on 12 of 60
    // tokens.
    const operations = 2 * (3 * (2 * 64 * 64 + 2 * 32 * 64 + 3 * 192 * 64) * 128 * 60 + 256 * 64 * 128 * 12);
    expect(row.sgemm_share).toBeCloseTo(operations / seconds / (report.machine.sgemm_gflops * 1e9), 6);
    expect(stderr).toMatch(/mini score: preparing \(about \d+ s left\)/);
  });

  it('refuses what it does not know, with a sentence', async () => {
    await expect(bench('--case', 'huge')).rejects.toThrow(/There is no case "huge"\. Cases: mini,/);
    await expect(bench('--what', 'sing')).rejects.toThrow(/train, score, generate; found "sing"/);
    await expect(bench('--rounds', '0')).rejects.toThrow(/--rounds must be/);
    await expect(bench('--python', 'no-such-python')).rejects.toThrow(/no-such-python is no Python with torch/);
  });
});

describe('bench/methods.mjs', () => {
  it('puts the page of a comparison into a document, and leaves the document alone while cells are missing', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tamtrl-bench-'));
    const [file, page] = [join(folder, 'own.yaml'), join(folder, 'page.md')];
    const benchmark = '{ name: 8 chunks, data: { kind: mini, chunks: 8, facts: 3 }, questions: 5, chunkTokens: 6 }';
    const methods = '[{ name: bm25, reader: bm25 }, { name: head, reader: truncate-head }]';
    const lines = [`out: ${join(folder, 'cmp')}`, 'seeds: [1]', 'baseline: head', `methods: ${methods}`];
    await writeFile(file, [...lines, `benchmarks: [${benchmark}]`, ''].join('\n'));
    await writeFile(page, '# Title\n\n<!-- own -->\nold\n<!-- /own -->\n\nend\n');
    const methodsBench = (...options: string[]) =>
      promisify(execFile)(process.execPath, ['bench/methods.mjs', file, ...options], { cwd: root });
    await expect(methodsBench('--tables-only', '--write-docs', page)).rejects.toThrow('page.md stays as it is');
    expect(await readFile(page, 'utf8')).toContain('old');
    await methodsBench('--write-docs', page);
    const text = await readFile(page, 'utf8');
    expect(text).toMatch(/^# Title\n\n<!-- own -->\n\nScores in percent .*\n<!-- \/own -->\n\nend\n$/s);
    expect(text).toMatch(/\| bm25 \| not trained \| .*neither is trained: no p\) \|/);
    expect(text).toContain('### Results');
    expect(text).toContain('![Results](own.svg)');
    expect(await readFile(join(folder, 'own.svg'), 'utf8')).toContain('<svg');
    await writeFile(page, 'nothing');
    await expect(methodsBench('--tables-only', '--write-docs', page)).rejects.toThrow(
      'put <!-- own --> and <!-- /own -->',
    );
    await rm(folder, { recursive: true });
  });
});
