/** What must hold of the repository as a whole for it to install, build and be read anywhere. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { trackedFiles } from './tracked-files.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (...path: string[]) => readFileSync(join(root, ...path), 'utf8');

interface Manifest {
  name: string;
  license?: string;
  engines?: { node?: string };
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

const manifests = ['.', ...readdirSync(join(root, 'packages')).map((name) => `packages/${name}`)]
  .filter((folder) => existsSync(join(root, folder, 'package.json')))
  .map((folder) => JSON.parse(read(folder, 'package.json')) as Manifest);
const ours = manifests.map(({ name }) => name);

/** Contents of a Markdown text's fenced code blocks. */
function codeBlocks(markdown: string): string[] {
  return [...markdown.matchAll(/^```\w*\n(.*?)^```$/gms)].map(([, code]) => code.trim());
}

describe('installing', () => {
  const lock = JSON.parse(read('package-lock.json')) as {
    packages: Record<
      string,
      {
        resolved?: string;
        integrity?: string;
        link?: boolean;
        optional?: boolean;
        optionalDependencies?: Record<string, string>;
      }
    >;
  };

  it('takes packages from any registry: the lock file names none', () => {
    const entries = Object.entries(lock.packages).filter(([path]) => path.includes('node_modules/'));
    expect(entries.length).toBeGreaterThan(20);
    for (const [path, { resolved, integrity, link, optional }] of entries) {
      // Links to the workspace's own packages name a folder.
      if (link) expect(resolved, path).toMatch(/^packages\//);
      else expect(resolved, path).toBeUndefined();
      // Builds for other platforms are in the lock file by version alone where the registry at hand had none to hash.
      if (!link && !optional) expect(typeof integrity, path).toBe('string');
    }
  });

  it('locks the optional packages of every platform, without which npm ci refuses', () => {
    for (const [path, { optionalDependencies = {} }] of Object.entries(lock.packages)) {
      for (const name of Object.keys(optionalDependencies)) {
        expect(Object.keys(lock.packages), `${path} wants ${name}`).toContain(`node_modules/${name}`);
      }
    }
  });

  it('runs no install script, with npm 10 and npm 11', () => {
    expect(read('.npmrc')).toMatch(/^ignore-scripts=true$/m);
    expect(read('.npmrc')).toMatch(/^omit-lockfile-registry-resolved=true$/m);
  });

  it('names the program in a clone before anything is built', () => {
    const { bin } = JSON.parse(read('packages/tamtrl/package.json')) as { bin: Record<string, string> };
    expect(existsSync(join(root, 'packages/tamtrl', bin.tamtrl))).toBe(true);
    const folder = mkdtempSync(join(tmpdir(), 'tamtrl-unbuilt-'));
    mkdirSync(join(folder, 'bin'));
    cpSync(join(root, 'packages/tamtrl', bin.tamtrl), join(folder, bin.tamtrl));
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    const run = (file: string) => spawnSync(process.execPath, [file, '--version'], { encoding: 'utf8' });
    expect(run(join(folder, bin.tamtrl))).toMatchObject({
      status: 1,
      stdout: '',
      stderr: 'tamtrl: the program is not built yet. Run "npm run build" in the clone first.\n',
    });
    expect(run(join(root, 'packages/tamtrl', bin.tamtrl))).toMatchObject({ status: 0, stdout: '0.1.0\n' });
  });

  it('asks for the same Node and licence everywhere', () => {
    for (const { name, license, engines } of manifests)
      expect([name, license, engines?.node]).toEqual([name, 'MIT', '>=20']);
    expect(read('LICENSE')).toMatch(/^MIT License/);
  });
});

describe('the packed packages', () => {
  /** Paths of the files that `npm pack` would pack, by package. */
  let packed: Map<string, string[]>;

  beforeAll(() => {
    const output = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts', '--workspaces'], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const packages = JSON.parse(output) as { name: string; files: { path: string }[] }[];
    packed = new Map(packages.map(({ name, files }) => [name, files.map(({ path }) => path)]));
  });

  /** The source of a built file. Builds leave files behind whose source is gone; they are not this test's concern. */
  const sourceOf = (path: string) => path.replace(/^dist/, 'src').replace(/(\.d\.ts|\.js|\.js\.map)$/, '.ts');

  it.each([
    ['@tamtrl/engine', 'packages/engine'],
    ['tamtrl', 'packages/tamtrl'],
  ])('hold nothing that only tests need: %s', (name, folder) => {
    const files = packed.get(name) ?? [];
    expect(files).toContain('dist/index.js');
    expect(files).toContain('dist/index.d.ts');
    const outside = files.filter(
      (path) => !/^(package\.json|README\.md|LICENSE|(bin|dist|models|books)\/.*)$/.test(path),
    );
    expect(outside).toEqual([]);
    const forTests = files.filter((path) => /\.test\.|\.test-support\.|(^|\/)(testing|fixtures)\//.test(path));
    expect(forTests.filter((path) => existsSync(join(root, folder, sourceOf(path))))).toEqual([]);
  });

  it('hold the page of tamtrl view, built', () => {
    const files = packed.get('@tamtrl/dashboard') ?? [];
    expect(files.filter((path) => path !== 'LICENSE').sort()).toEqual([
      'dist/index.html',
      'dist/page.css',
      'dist/page.js',
      'package.json',
    ]);
    const built = read('packages/dashboard/dist/index.html');
    // Nothing is fetched from elsewhere.
    expect(built).not.toMatch(/(src|href)="(https?:)?\/\//);
  });
});

describe('the documentation', () => {
  it('gives both commands in the README, and the gate calls the same test command', () => {
    const blocks = codeBlocks(read('README.md'));
    expect(blocks).toContain('npm ci && npm start');
    expect(blocks).toContain('npm ci && npm test');
    // In a subshell: `set -e` passes over a failure on the left of `&&`.
    expect(read('.ci', 'run').split('\n')).toContain('(npm ci && npm test)');
  });

  it('links to files that are there', () => {
    for (const file of ['README.md', ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`)]) {
      if (!file.endsWith('.md')) continue;
      const folder = join(root, file, '..');
      for (const [, target] of read(file).matchAll(/\]\((?![a-z]+:|#)([^)#]+)[^)]*\)/g)) {
        expect(existsSync(join(folder, target)), `${file} links to ${target}`).toBe(true);
      }
    }
  });

  it('says of every dependency what it is for, and of nothing else', () => {
    const purposes = read('docs', 'dependencies.md')
      .split(/^(?=## )/m)
      .filter((section) => /^## (At run time|For development)/.test(section));
    const explained = [...purposes.join('').matchAll(/^\| `([^`]+)` +\| \S.{20,}\S +\|$/gm)].map(([, name]) => name);
    const used = manifests.flatMap((manifest) =>
      [
        manifest.dependencies,
        manifest.devDependencies,
        manifest.peerDependencies,
        manifest.optionalDependencies,
      ].flatMap((dependencies) => Object.keys(dependencies ?? {})),
    );
    const wanted = [...new Set(used)].filter((name) => !ours.includes(name));
    expect([...explained].sort()).toEqual(wanted.sort());
  });

  it('says what no package accesses that is not used any more', () => {
    const [access = ''] = read('docs', 'dependencies.md').match(/^## What they send[\s\S]*?(?=^## )/m) ?? [];
    const named = [...access.matchAll(/^\| (`[^|]+?) +\|/gm)].flatMap(([, cell]) =>
      [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name),
    );
    const purposes = read('docs', 'dependencies.md').replace(access, '');
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((name) => !purposes.includes(`\n| \`${name}\` `))).toEqual([]);
  });
});

it('holds no file over 3 MB', () => {
  const files = trackedFiles(root);
  expect(files).toContain('package.json');
  expect(files.filter((file) => statSync(join(root, file)).size > 3e6)).toEqual([]);
});
