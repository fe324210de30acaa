/** The benchmark's command line and its arithmetic; how fast anything is, no test asks. */
import { execFile } from 'node:child_process';
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
    // Layers of the mini shape: 3 x (q 64x64 + k, v 32x64 each + o 64x64 + 3 x 192x64); head: 256 x 64 on 12 of 60 tokens.
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
