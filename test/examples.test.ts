/** The examples, run as a user would run them. */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { readCompareConfig } from '../packages/tamtrl/src/run/comparison-config.js';
import { findPreset } from '../packages/tamtrl/src/run/presets/presets.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const run = promisify(execFile);

describe('examples/copy.mjs', () => {
  it('learns: the loss falls, and the copy of an unseen string is right', async () => {
    const { stdout } = await run(process.execPath, ['examples/copy.mjs'], { cwd: root });
    const losses = [...stdout.matchAll(/^step \d+, loss (\d+\.\d+)$/gm)].map(([, loss]) => Number(loss));
    expect(losses.length).toBeGreaterThan(5);
    // Nothing known of 27 tokens costs log 27 = 3.3 nats.
    expect(losses[0]).toBeGreaterThan(3);
    expect(losses.at(-1)).toBeLessThan(0.05);
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('tamtrl -> tamtrl (stop)');
  });

  it('is what the guide shows', () => {
    const code = readFileSync(join(root, 'examples', 'copy.mjs'), 'utf8');
    const guide = readFileSync(join(root, 'docs', 'engine.md'), 'utf8');
    expect(guide).toContain(`\`\`\`js\n${code}\`\`\`\n`);
  });
});

it.each(readdirSync(join(root, 'examples')).filter((name) => name.startsWith('compare-')))(
  'examples/%s is a comparison whose methods and preset exist',
  async (name) => {
    const config = await readCompareConfig(join(root, 'examples', name));
    expect(findPreset(config.preset ?? '')?.train).toBeDefined();
    expect(config.methods.map((method) => method.name)).toContain(config.baseline);
  },
);

it("the paper's comparison has its seven benchmarks", async () => {
  const { benchmarks } = await readCompareConfig(join(root, 'examples/compare-paper.yaml'));
  const names = ['HotpotQA', 'RULER-QA', 'NIAH multi-key', '2WikiMultihopQA', 'MuSiQue', 'NarrativeQA', 'Qasper'];
  expect(benchmarks.map(({ name }) => name)).toEqual(names);
});
