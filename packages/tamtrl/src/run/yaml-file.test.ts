/** Configuration files that are damaged, or made to harm: one sentence with the line. */
import { expect, it } from 'vitest';
import { parseYamlFile } from './yaml-file.js';

const grown = Array.from({ length: 12 }, (_, at) => `a${at + 1}: &a${at + 1} [${`*a${at}, `.repeat(9)}*a${at}]`);

it.each([
  [
    'an alias of nothing',
    'steps: 3\nmethod: *missing',
    /^c\.yaml:2:9: \*missing names no anchor before it \(&missing\)\.$/,
  ],
  ['an alias of what it stands in', 'a: &a\n  b: *a', /^c\.yaml:2:6: \*a stands within what it names/],
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
