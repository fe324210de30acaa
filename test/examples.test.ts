/** The examples fit the guides and the presets; `examples.slow.test.ts` runs the one that trains. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readCompareConfig } from '../packages/tamtrl/src/run/comparison-config.js';
import { findPreset } from '../packages/tamtrl/src/run/presets/presets.js';

const root = fileURLToPath(new URL('..', import.meta.url));

describe('examples/copy.mjs', () => {
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
