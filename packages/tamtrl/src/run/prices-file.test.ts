import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadPrices } from './prices-file.js';

const folder = await mkdtemp(join(tmpdir(), 'tamtrl-prices-'));
const load = async (name: string, text: string) => {
  const path = join(folder, name);
  await writeFile(path, text);
  return loadPrices(path);
};

describe('a price table', () => {
  const table = { currency: 'EUR', models: { 'org/m:1': { input: 0.5, cachedInput: 0.05, output: 2 } } };

  it('is read from YAML and JSON', async () => {
    expect(await load('a.json', JSON.stringify(table, null, 2))).toEqual(table);
    const yaml = '# prices\ncurrency: EUR\nmodels:\n  org/m:1: { input: 0.5, cachedInput: 0.05, output: 2 }\n';
    expect(await load('a.yaml', yaml)).toEqual(table);
  });

  it.each([
    [
      'no models',
      'currency: EUR\n',
      /bad\.yaml:1:1: models: expected prices by the names of models, found nothing\. A price table looks like this/,
    ],
    ['a price as text', 'models:\n  m:\n    input: "0.5"\n    output: 1\n', /bad\.yaml:3:12: models\.m\.input: /],
    ['a negative price', 'models: { m: { input: 1, output: -1 } }', /bad\.yaml:1:34: models\.m\.output: /],
    ['no output', 'models: { m: { input: 1 } }', /bad\.yaml:1:11: models\.m\.output: /],
    [
      'a mistyped price',
      'models: { m: { input: 1, output: 1, cached: 1 } }',
      /bad\.yaml:1:37: models\.m\.cached: there is no such name\. Expected one of: input, cachedInput, output\./,
    ],
    ['models at the top', 'm: { input: 1, output: 1 }', /bad\.yaml:1:1: models: /],
    ['not a table', '- 1', /expected settings \("key: value" lines\), found a list/],
    ['not YAML', '{"models": ', /bad\.yaml:1:\d+: not YAML/],
  ])('%s: refused with its place', async (_, text, sentence) => {
    await expect(load('bad.yaml', text)).rejects.toThrow(sentence);
  });

  it('that is not there: said', async () => {
    await expect(loadPrices(join(folder, 'none.yaml'))).rejects.toThrow(/Cannot read the price table .*none\.yaml/);
  });
});
