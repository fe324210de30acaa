import { expect, it } from 'vitest';
import { SeededRandom } from '../base/random.js';
import { folderNames, namesAsJson } from './comparison-names.js';

const named = (...names: string[]) => names.map((name) => ({ name }));
const swept = (...names: string[]) => names.map((name) => ({ name, isVariant: true }));
const slugs = (map: ReadonlyMap<string, string>) => [...map.values()];

/** As every version named folders before names could collide. */
const earlier = (name: string) => name.toLowerCase().replaceAll(/[^\p{L}\p{N}.]+/gu, '-');

/** The files and folders of all parts, as a file system sees them that ignores case. */
function places(methods: readonly string[], benchmarks: readonly string[], seeds: readonly number[]): string[] {
  const parts = methods.flatMap((method) => seeds.map((seed) => `${method}-${seed}`));
  const cells = parts.flatMap((part) => benchmarks.map((benchmark) => `${part}-${benchmark}`));
  const beside = (folder: string) => ['', '.json', '.failed.json', '.log', '.yaml'].map((end) => `${folder}${end}`);
  return [
    ...parts.flatMap(beside).map((name) => `training/${name}`),
    ...cells.flatMap(beside).map((name) => `evaluation/${name}`),
    ...benchmarks.map((name) => `data/${name}.jsonl`),
  ].map((name) => name.normalize('NFKC').toLowerCase());
}

it('names folders as earlier versions did, as long as no two are alike', () => {
  const { methods, benchmarks } = folderNames(named('no length norm', 'TAMTRL', 'a_b'), named('8 chunks'), undefined);
  expect(slugs(methods)).toEqual(['no-length-norm', 'tamtrl', 'a-b']);
  expect(slugs(benchmarks)).toEqual(['8-chunks']);
});

it('gives distinct names distinct folders', () => {
  const groups = [
    ['a=-0.5', 'a=0.5', 'a 0.5'],
    ['A b', 'a-b', 'a_b', 'A  b'],
    ['!', '?', '…'],
    ['é', 'e\u0301', 'É'],
    ['x', 'x.json', 'x.log', 'x.yaml', 'x.failed.json'],
    ['m'.repeat(400), `${'m'.repeat(400)}n`],
    ['__proto__', 'constructor'],
  ];
  for (const group of groups) {
    for (const list of [named(...group), swept(...group)]) {
      const { methods, benchmarks } = folderNames(list, named(...group), undefined);
      const all = places(slugs(methods), slugs(benchmarks), [1, 2]);
      expect(new Set(all).size, group.join(' | ')).toBe(all.length);
      for (const place of all) expect(Buffer.byteLength(place)).toBeLessThan(255);
    }
  }
  // A method, a seed and a benchmark, told apart only by where one ends.
  const { methods, benchmarks } = folderNames(named('a', 'a-1', 'a-1-x'), named('3', '2-3', 'x-2-3'), undefined);
  const all = places(slugs(methods), slugs(benchmarks), [0, 1, 2, 3]);
  expect(new Set(all).size).toBe(all.length);
});

it('does so for any names', () => {
  const random = new SeededRandom('names');
  const pieces = ['a', 'A', '1', '2', '-', ' ', '=', '.json', '.'];
  const some = (most: number) =>
    Array.from({ length: 1 + Math.floor(random.next() * most) }, () =>
      Array.from(
        { length: 1 + Math.floor(random.next() * 4) },
        () => pieces[Math.floor(random.next() * pieces.length)],
      ),
    ).map((parts) => parts.join(''));
  for (let round = 0; round < 200; round++) {
    const [first, second, tests] = [[...new Set(some(4))], [...new Set(some(6))], [...new Set(some(4))]];
    const before = folderNames(named(...first), named(...tests.slice(0, 2)), undefined);
    const after = folderNames(swept(...second, ...first), named(...tests), namesAsJson(before));
    for (const name of first) expect(after.methods.get(name)).toBe(before.methods.get(name));
    const all = places(slugs(after.methods), slugs(after.benchmarks), [1, 2, 12]);
    expect(new Set(all).size, JSON.stringify([first, second, tests])).toBe(all.length);
  }
});

it('keeps the folders that names have, whatever comes before them in the file', () => {
  const before = folderNames(named('a=0.5'), named('b'), undefined);
  expect(before.methods.get('a=0.5')).toBe(earlier('a=0.5'));
  const after = folderNames(named('a=-0.5', 'a=0.5'), named('B', 'b'), JSON.parse(JSON.stringify(namesAsJson(before))));
  expect(after.methods.get('a=0.5')).toBe('a-0.5');
  expect(after.methods.get('a=-0.5')).toMatch(/^a-0\.5-[0-9a-f]{8}$/);
  expect(after.benchmarks.get('b')).toBe('b');
  // Names that are gone keep theirs too.
  const gone = folderNames(named('a -0.5'), [], namesAsJson(after));
  expect(new Set(slugs(gone.methods)).size).toBe(3);
});

it('takes no names from a damaged or hostile file', () => {
  for (const known of [5, 'x', [], { methods: 5 }, { methods: { a: '../x', b: 5, c: 'a/b' } }]) {
    expect(slugs(folderNames(named('a', 'b', 'c'), [], known).methods)).toEqual(['a', 'b', 'c']);
  }
  expect(slugs(folderNames(named('a', 'b'), [], { methods: { a: 'x', b: 'X' } }).methods)).toEqual(['x', 'b']);
});
