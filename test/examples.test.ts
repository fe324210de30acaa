/** The examples fit the guides and the presets; `examples.slow.test.ts` runs the one that trains. */
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { fileRetriever, memoryCompressor } from '../examples/langchain.js';
import { memoryQueryEngine } from '../examples/llamaindex.js';
import coin from '../examples/random-reward.js';
import type { OwnRollout } from '../packages/tamtrl/src/index.js';
import { readCompareConfig } from '../packages/tamtrl/src/run/comparison-config.js';
import { findPreset } from '../packages/tamtrl/src/run/presets/presets.js';
import { recipes } from '../packages/tamtrl/src/run/recipes.js';

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

it('compare-all.yaml and compare-variants.yaml have every method that needs no model of its own', async () => {
  const names = ['compare-all.yaml', 'compare-variants.yaml'];
  const read = await Promise.all(names.map((name) => readCompareConfig(join(root, 'examples', name))));
  const trained = read.flatMap(({ methods }) => methods.flatMap(({ train }) => train ?? []));
  const left = recipes.map(({ name }) => name).filter((name) => !trained.includes(name));
  const comments = names.map((name) => readFileSync(join(root, 'examples', name), 'utf8').replaceAll(/\n# ?/g, ' '));
  expect(left.sort()).toEqual(['judge', 'process-reward', 'tamtrl-additive', 'tamtrl-product']);
  for (const name of left) expect(comments.join(' ')).toContain(name);
});

it('random-reward.ts is a coin that falls the same way for the same rollout', () => {
  const rollouts = Array.from(
    { length: 1000 },
    (_, at) => ({ id: `question ${at >> 3}`, sample: at & 7 }) as OwnRollout,
  );
  const outcomes = rollouts.map(coin.outcome);
  expect(outcomes).toEqual(rollouts.map(coin.outcome));
  expect(outcomes.every((outcome) => outcome === 0 || outcome === 1)).toBe(true);
  // Five standard deviations of a fair coin are 79.
  expect(Math.abs(outcomes.filter(Boolean).length - 500)).toBeLessThan(79);
});

it("the paper's comparison has its seven benchmarks", async () => {
  const { benchmarks } = await readCompareConfig(join(root, 'examples/compare-paper.yaml'));
  const names = ['HotpotQA', 'RULER-QA', 'NIAH multi-key', '2WikiMultihopQA', 'MuSiQue', 'NarrativeQA', 'Qasper'];
  expect(benchmarks.map(({ name }) => name)).toEqual(names);
});

describe('examples of other frameworks', () => {
  const folder = mkdtempSync(join(tmpdir(), 'examples-'));
  const texts = [
    'anna oslo\ndan linz\ncora riga\nben rome\njack bern\nmara porto',
    'emma quito\nkurt bern\nlisa genoa\nfred lima\nadam split\nluke riga',
  ];
  const files = texts.map((text, at) => {
    const path = join(folder, `${at}.txt`);
    writeFileSync(path, text);
    return path;
  });

  it('LangChain.js: documents become their notes, those without any are left out', async () => {
    const documents = texts.map((pageContent, at) => {
      return { pageContent, metadata: { at }, id: `d${at}` };
    });
    const found = await memoryCompressor({ model: 'mini' }).compressDocuments(documents, 'anna dan cora');
    expect(found).toMatchObject([
      { id: 'd0', pageContent: expect.stringMatching(/^anna oslo/), metadata: { at: 0, answer: expect.any(String) } },
    ]);
    expect(await memoryCompressor({ model: 'mini' }).compressDocuments([], 'anna')).toEqual([]);
    // Whatever a retriever finds: nothing, or a text that is the name of a file.
    const odd = ['', 'package.json'].map((pageContent) => ({ pageContent, metadata: {} }));
    expect(await memoryCompressor({ model: 'mini' }).compressDocuments(odd, 'anna')).toEqual([]);
    expect(await fileRetriever({ model: 'mini' }, files)('anna dan cora')).toMatchObject([
      {
        pageContent: expect.stringMatching(/^anna oslo/),
        metadata: { source: files[0], provenance: expect.any(Array) },
      },
    ]);
    await expect(fileRetriever({ model: 'mini' }, ['none.txt'])('anna')).rejects.toThrow('There is no file none.txt');
  });

  it('LlamaIndex.TS: a query engine answers, with the places as source nodes', async () => {
    const engine = memoryQueryEngine({ model: 'mini' }, files);
    const answer = await engine.query({ query: { query: [{ type: 'text', text: 'anna dan cora' }] } });
    expect(answer.message.content).toMatch(/^\S+0\.txt: oslo \S+ \S+$/);
    expect(String(answer)).toBe(answer.response);
    expect(answer.sourceNodes[0].node.metadata).toMatchObject({
      file: files[0],
      place: expect.stringContaining('line 1'),
    });
    const [node] = await engine.retrieve('anna dan cora');
    expect(node.node.getContent()).toContain('anna oslo');
  });
});
