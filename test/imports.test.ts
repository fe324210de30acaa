/** Holds the import arrows between rooms and packages, and that only the command line prints. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { checkFile, circlesIn, importsOf, packagesLoadedBy, printsOf, ROOMS } from './import-rules.js';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Shipped sources of both packages by path; tests may import what they like. */
const sources = new Map(
  ['packages/engine/src', 'packages/tamtrl/src'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.tsx?$/.test(name) && !/\.test(-support)?\.ts$/.test(name))
      .map((name): [string, string] => [
        `${folder}/${name.replaceAll('\\', '/')}`,
        readFileSync(join(root, folder, name), 'utf8'),
      ]),
  ),
);

describe('the packages', () => {
  it('follow the arrows', () => {
    expect(sources.size).toBeGreaterThan(40);
    const violations = [...sources].flatMap(([file, source]) => checkFile(file, source));
    expect(violations.map(({ file, line, message }) => `${file}:${line} ${message}`)).toEqual([]);
  });

  it('the page knows tamtrl by what its room view exports alone, and nothing of Node', () => {
    const folder = join(root, 'packages/dashboard/src');
    const specifiers = readdirSync(folder).flatMap((name) =>
      importsOf(readFileSync(join(folder, name), 'utf8')).map(({ specifier }) => specifier),
    );
    const others = new Set(specifiers.filter((specifier) => !specifier.startsWith('./')));
    expect([...others].sort()).toEqual(['@observablehq/plot', 'diff', 'preact', 'preact/hooks', 'tamtrl/view']);
    expect([...packagesLoadedBy('packages/tamtrl/src/view/index.ts', sources)]).toEqual([]);
  });

  it('have no circle of files', () => {
    expect(circlesIn(sources).map((files) => files.join(' → '))).toEqual([]);
  });

  it('load without what is optional', () => {
    const engine = packagesLoadedBy('packages/engine/src/index.ts', sources);
    expect([...engine]).not.toContain('onnxruntime-node');
    expect([...engine]).toContain('node:worker_threads');
    const tamtrl = packagesLoadedBy('packages/tamtrl/src/index.ts', sources);
    expect([...tamtrl].filter((name) => /^(@tamtrl\/engine|onnxruntime-node|ai)$/.test(name))).toEqual([]);
  });
});

describe('the checker', () => {
  const complaints = (file: string, source: string) =>
    checkFile(`packages/${file}`, source).map(({ line, message }) => `${line}: ${message}`);
  const refused = (file: string, source: string, message: RegExp) => {
    const found = complaints(file, source);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(message);
  };
  const accepted = (file: string, source: string) => expect(complaints(file, source)).toEqual([]);

  it('distinguishes the kinds of imports', () => {
    const source = `
      import type { A } from 'a';
      import { type B } from 'b';
      import { type C, d } from 'c';
      import E from 'e';
      import * as F from 'f';
      import 'g';
      export * from 'h';
      export type { I } from 'i';
      export { type J } from 'j';
      export { K } from 'k';
      type L = import('l').L;
      const m = await import('m');
      // import 'n';
      const text = "import 'o'";
    `;
    expect(importsOf(source).map(({ specifier, kind }) => `${specifier} ${kind}`)).toEqual(
      'a type,b type,c static,e static,f static,g static,h static,i type,j type,k static,l type,m dynamic'.split(','),
    );
    expect(importsOf(source)[2].line).toBe(4);
  });

  it('refuses what no arrow allows, and says where', () => {
    refused('tamtrl/src/text/a.ts', "\nimport { b } from '../data/b.js';", /^2: text must not import data\. Tokens/);
    refused('tamtrl/src/policy/a.ts', "export * from '../reward/b.js';", /policy must not import reward/);
    refused('tamtrl/src/train/deep/a.ts', "import '../../cli/main.js';", /train must not import cli/);
    refused('tamtrl/src/train/a.ts', "import '../run/folder.js';", /train must not import run/);
    refused('tamtrl/src/eval/a.ts', "const t = await import('../train/t.js');", /eval must not import train/);
    refused('tamtrl/src/index.ts', "export * from './cli/main.js';", /\. must not import cli/);
    refused('tamtrl/src/attic/a.ts', "import './b.js';", /"attic" has no line/);
    refused('tamtrl/src/text/a.ts', "import '../../../engine/src/index.js';", /leaves the package/);
    accepted('tamtrl/src/text/a.ts', "import { b } from './deep/b.js'; import { z } from 'zod';");
    accepted('tamtrl/src/data/mini/a.ts', "import { b } from '../../text/b.js'; import { c } from '../c.js';");
    accepted('tamtrl/src/cli/a.ts', "import { b } from '../train/b.js'; import { c } from '../index.js';");
  });

  it('lets a room be known by its types only', () => {
    accepted('tamtrl/src/memory/a.ts', "import type { Policy } from '../policy/policy.js';");
    refused('tamtrl/src/memory/a.ts', "import { Local } from '../policy/local.js';", /only types of policy/);
    refused('tamtrl/src/memory/a.ts', "await import('../policy/local.js');", /only types of policy/);
  });

  it('keeps the engine optional', () => {
    accepted('tamtrl/src/reward/a.ts', "import type { ScoreRow } from '@tamtrl/engine';");
    accepted('tamtrl/src/eval/a.ts', "const { createEngine } = await import('@tamtrl/engine');");
    accepted('tamtrl/src/train/a.ts', "import { hashSeed } from '@tamtrl/engine';");
    refused('tamtrl/src/memory/a.ts', "import { hashSeed } from '@tamtrl/engine';", /it is optional/);
    refused('tamtrl/src/policy/a.ts', "import '@tamtrl/engine/dist/core.js';", /not the engine's entry/);
    refused('tamtrl/src/policy/a.ts', "import 'onnxruntime-node';", /only the engine/);
  });

  it('keeps the engine ignorant of tamtrl, and the runtime in one file', () => {
    refused('engine/src/core.ts', "import type { Policy } from 'tamtrl';", /knows nothing of tamtrl/);
    refused('engine/src/core.ts', "import '../../tamtrl/src/index.js';", /leaves the package/);
    refused('engine/src/core.ts', "import type * as Ort from 'onnxruntime-node';", /onnx\.ts only/);
    refused('engine/src/runtime/onnx.ts', "import * as Ort from 'onnxruntime-node';", /onnx\.ts only/);
    refused('engine/src/core.ts', "import './reference.test-support.js';", /is for tests/);
    accepted('engine/src/runtime/onnx.ts', "import type * as Ort from 'onnxruntime-node'; import('onnxruntime-node');");
  });

  it('lets only the command line print or exit', () => {
    refused('tamtrl/src/train/a.ts', '\n\nconsole.log(1);', /^3: console\.log: only cli/);
    refused('tamtrl/src/eval/a.ts', 'process.stdout.write("");', /process\.stdout/);
    refused('engine/src/core.ts', 'process.exit(1);', /process\.exit/);
    refused('tamtrl/src/eval/a.ts', "import { stdout } from 'node:process';", /node:process/);
    accepted('tamtrl/src/cli/a.ts', 'console.error(1); process.exitCode = 1;');
    expect(printsOf('/** console.log(x) */ const a = process.env.A; b.console;')).toEqual([]);
  });

  it('follows static imports only, to find what loading an entry loads', () => {
    const files = new Map([
      ['src/index.ts', "export * from './a.js'; export type { B } from './b.js';"],
      ['src/a.ts', "import 'x'; const y = () => import('./c.js'); import type { Z } from 'z';"],
      ['src/b.ts', "import 'b';"],
      ['src/c.ts', "import 'c';"],
    ]);
    expect([...packagesLoadedBy('src/index.ts', files)]).toEqual(['x']);
  });

  it('finds circles, those of types too', () => {
    const files = new Map([
      ['src/a.ts', "import './b.js'; import './d.js';"],
      ['src/b.ts', "import type { C } from './deep/c.js';"],
      ['src/deep/c.ts', "export * from '../a.js';"],
      ['src/d.ts', ''],
    ]);
    expect(circlesIn(files)).toEqual([['src/a.ts', 'src/b.ts', 'src/deep/c.ts', 'src/a.ts']]);
  });

  it('names only rooms that have their own line', () => {
    for (const { imports, types = [], why } of Object.values(ROOMS)) {
      for (const room of [...imports, ...types]) expect(Object.keys(ROOMS)).toContain(room);
      expect(why).toMatch(/\.$/);
    }
  });
});
