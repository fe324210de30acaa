/** Configuration files that are damaged, or made to harm: one sentence with the line. */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { MAX_YAML_BYTES } from '../base/limits.js';
import { parseYamlFile, readYamlFile } from './yaml-file.js';

const grown = Array.from({ length: 12 }, (_, at) => `a${at + 1}: &a${at + 1} [${`*a${at}, `.repeat(9)}*a${at}]`);

it.each([
  [
    'an alias of nothing',
    'steps: 3\nmethod: *missing',
    /^c\.yaml:2:9: \*missing names no anchor before it \(&missing\)\.$/,
  ],
  ['an alias of what it stands in', 'a: &a\n  b: *a', /^c\.yaml:2:6: \*a refers to a value that contains it/],
  [
    'aliases that grow',
    ['a0: &a0 x', ...grown].join('\n'),
    /^c\.yaml:\d+:\d+: all aliases together stand for more than 10000 values/,
  ],
  [
    'a name with a meaning in JavaScript',
    'steps: 3\n__proto__:\n  polluted: 1',
    /^c\.yaml:2:1: "__proto__" is not the name of a setting/,
  ],
  ['the same, within', 'a:\n  constructor: 1', /^c\.yaml:2:3: "constructor" is not/],
  [
    'brackets nested deep',
    `a: ${'['.repeat(100_000)}`,
    /^c\.yaml:1:1: lists and mappings are nested more than 100 deep\.$/,
  ],
  ['brackets nested deep over lines', `a: ${'[\n'.repeat(5_000)}`, /nested more than 100 deep/],
  ['dashes nested deep', `a:\n  ${'- '.repeat(20_000)}x`, /nested more than 100 deep/],
  [
    'mappings nested deep',
    Array.from({ length: 5_000 }, (_, at) => `${' '.repeat(at)}a:`).join('\n'),
    /nested more than 100 deep/,
  ],
])('%s', (_, text, message) => {
  expect(() => parseYamlFile('c.yaml', text)).toThrow(
    expect.objectContaining({ kind: 'settings', message: expect.stringMatching(message) }),
  );
});

it('anchors and aliases have their use', () => {
  expect(parseYamlFile('c.yaml', 'base: &base {steps: 3}\nother: *base\nlist: [1, [2]]').settings).toEqual({
    base: { steps: 3 },
    other: { steps: 3 },
    list: [1, [2]],
  });
});

it('mistakes of which each nests the next line deeper, beyond the call stack', () => {
  const text = `a:\n  x: 1\n${'  y: "text"  x: 1\n'.repeat(200)}`;
  // How many calls fit depends on the machine, so that the file is read where few are left.
  const nearTheEnd = (): unknown => {
    try {
      return nearTheEnd();
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return parseYamlFile('c.yaml', text);
    }
  };
  expect(nearTheEnd).toThrow('c.yaml: not YAML: mistakes in its lines make it nest too deep.');
});

it('a file that is far too large', async () => {
  const path = join(await mkdtemp(join(tmpdir(), 'yaml-')), 'c.yaml');
  await writeFile(path, `steps: 3\n#${'x'.repeat(MAX_YAML_BYTES)}`);
  await expect(readYamlFile(path)).rejects.toThrow(/c\.yaml: it has 256 KiB, expected at most 256 KiB\.$/);
});
