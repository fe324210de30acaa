/**
 * Benchmarks and tools are plain JavaScript that no compiler checks: what they import from the packages must be there.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { beforeAll, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const built = join(root, 'packages/tamtrl/dist');

const scripts = ['bench', 'tools'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.mjs') && !name.includes('node_modules'))
    .map((name) => `${folder}/${name.replaceAll('\\', '/')}`),
);

/** Names that a script takes from built modules, by `import` or by its own `load(path below dist)`. */
function takenBy(script: string): { path: string; names: string[] }[] {
  const source = readFileSync(join(root, script), 'utf8');
  const names = (list: string) =>
    list.split(',').map((name) =>
      name
        .trim()
        .split(/ as |:/)[0]
        .trim(),
    );
  const found = (pattern: RegExp, base: string) =>
    [...source.matchAll(pattern)].map(([, list, path]) => {
      return { path: join(base, path), names: names(list).filter((name) => name !== '') };
    });
  return [
    ...found(/^import \{([^}]*)\} from '([^']*\/dist\/[^']*)'/gm, join(root, dirname(script))),
    ...found(/\{([^{}]*)\} = await load\('([^']*)'\)/g, built),
    ...found(/\{([^{}]*)\} = await import\(new URL\('\.\.\/packages\/tamtrl\/dist\/([^']*)'/g, built),
  ];
}

/** Names that each built module exports. Node loads them as they are; here, vitest would compile them first. */
function exportsOf(paths: readonly string[]): Record<string, string[]> {
  const program = `
    const modules = await Promise.all(process.argv.slice(1).map(async (url) => [url, Object.keys(await import(url))]));
    process.stdout.write(JSON.stringify(Object.fromEntries(modules)));`;
  const urls = [...new Set(paths)].map((path) => pathToFileURL(path).href);
  const args = ['--input-type=module', '--eval', program, ...urls];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
}

let exported: Record<string, string[]>;

beforeAll(() => {
  exported = exportsOf(scripts.flatMap(takenBy).map(({ path }) => path));
});

it.each(scripts)('%s imports what the packages have', (script) => {
  for (const { path, names } of takenBy(script)) {
    const there = exported[pathToFileURL(path).href];
    for (const name of names) expect(there, `${name} of ${path.slice(root.length)}`).toContain(name);
  }
});

it('finds the imports that it checks', () => {
  expect(scripts.flatMap(takenBy).length).toBeGreaterThan(20);
});
