/** Benchmarks and tools are plain JavaScript that no compiler checks: what they import from the packages must be there. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';

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

it.each(scripts)('%s imports what the packages have', async (script) => {
  for (const { path, names } of takenBy(script)) {
    const module = (await import(pathToFileURL(path).href)) as Record<string, unknown>;
    for (const name of names) expect(Object.keys(module), `${name} of ${path.slice(root.length)}`).toContain(name);
  }
});

it('finds the imports that it checks', () => {
  expect(scripts.flatMap(takenBy).length).toBeGreaterThan(20);
});
