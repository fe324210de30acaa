/** The engine's guide names everything that the engine offers: verbs, options, results, kinds of errors. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const read = (path: string) => readFileSync(fileURLToPath(new URL(`../${path}`, import.meta.url)), 'utf8');
const guide = read('docs/engine.md');

function parse(path: string): ts.SourceFile {
  return ts.createSourceFile(path, read(path), ts.ScriptTarget.Latest, true);
}

/** Names of properties and methods of the interfaces in a file, nested objects included. */
function memberNames(path: string, wanted: (name: string) => boolean = () => true): string[] {
  const names = new Set<string>();
  const collect = (node: ts.Node): void => {
    if ((ts.isPropertySignature(node) || ts.isMethodSignature(node)) && ts.isIdentifier(node.name)) {
      names.add(node.name.text);
    }
    node.forEachChild(collect);
  };
  for (const statement of parse(path).statements) {
    if (ts.isInterfaceDeclaration(statement) && wanted(statement.name.text)) collect(statement);
  }
  return [...names];
}

function errorKinds(): string[] {
  const kinds: string[] = [];
  for (const statement of parse('packages/engine/src/errors.ts').statements) {
    if (!ts.isTypeAliasDeclaration(statement) || statement.name.text !== 'ErrorKind') continue;
    statement.type.forEachChild((member) => void kinds.push(member.getText().slice(1, -1)));
  }
  return kinds;
}

/** Words inside `code` and code blocks. */
const words = new Set(
  [...guide.matchAll(/```.*?^```|`[^`\n]+`/gms)].flatMap(([code]) => code.match(/[\w-]+/g) as string[]),
);

describe('docs/engine.md', () => {
  it('names every verb, option and result', () => {
    const names = [
      ...memberNames('packages/engine/src/api.ts'),
      ...memberNames('packages/engine/src/training/executor.ts', (name) => name === 'ExecutorOptions'),
      ...memberNames('packages/engine/src/sampling/generator.ts', (name) => name === 'GeneratorOptions'),
      ...memberNames('packages/engine/src/runtime/onnx.ts', (name) => name === 'RuntimeOptions'),
    ];
    expect(names.length).toBeGreaterThan(60);
    expect(names.filter((name) => !words.has(name))).toEqual([]);
  });

  it('says of every kind of error what to do', () => {
    expect(errorKinds().length).toBeGreaterThan(10);
    const rows = [...guide.matchAll(/^\| `([a-z-]+)` +\| \S.* \| \S.* +\|$/gm)].map(([, kind]) => kind);
    for (const kind of errorKinds()) expect(rows).toContain(kind);
  });

  it('keeps a place for the table of the benchmark', () => {
    expect(guide.split('<!-- bench:engine -->')).toHaveLength(2);
    expect(guide.split('<!-- /bench:engine -->')).toHaveLength(2);
  });
});
