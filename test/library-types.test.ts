/** A program can name every type in the signatures of the library's functions: all of them are exported. */
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const source = fileURLToPath(new URL('../packages/tamtrl/src/', import.meta.url));
const entry = `${source}index.ts`;

const program = ts.createProgram([entry], {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  skipLibCheck: true,
  noEmit: true,
});
const checker = program.getTypeChecker();

const original = (symbol: ts.Symbol): ts.Symbol =>
  symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;

const exported = new Map(
  checker
    .getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(entry)!)!)
    .map((symbol) => [symbol.name, original(symbol)]),
);

/** What of a declaration a user of it sees: no bodies, no initialisers, nothing private. */
function seenParts(node: ts.Node): ts.Node[] {
  const parts: ts.Node[] = [];
  node.forEachChild((child) => {
    if (ts.isBlock(child) || ts.isDecorator(child)) return;
    if (ts.isClassElement(child) && child.name && ts.isPrivateIdentifier(child.name)) return;
    if ('initializer' in node && child === node.initializer) return;
    parts.push(child);
  });
  return parts;
}

/** Types of the package that are named in the signatures of `roots` or of what these name, but are not exported. */
function missing(roots: readonly string[]): string[] {
  const known = new Set(exported.values());
  const seen = new Set<ts.Symbol>();
  const found = new Set<string>();
  const visit = (node: ts.Node, from: string): void => {
    const name = ts.isTypeReferenceNode(node)
      ? node.typeName
      : ts.isExpressionWithTypeArguments(node)
        ? node.expression
        : undefined;
    const symbol = name && checker.getSymbolAtLocation(name);
    if (symbol) follow(original(symbol), from);
    for (const part of seenParts(node)) visit(part, from);
  };
  const follow = (symbol: ts.Symbol, from: string): void => {
    const own = (symbol.declarations ?? []).filter((node) => node.getSourceFile().fileName.startsWith(source));
    if (seen.has(symbol) || own.length === 0 || symbol.flags & ts.SymbolFlags.TypeParameter) return;
    seen.add(symbol);
    if (!known.has(symbol)) found.add(`${symbol.name}, in ${from}`);
    for (const declaration of own) visit(declaration, symbol.name);
  };
  for (const root of roots) {
    const symbol = exported.get(root);
    if (!symbol) throw new Error(`The library does not export ${root}.`);
    follow(symbol, root);
  }
  return [...found].sort();
}

describe('the library', () => {
  it('exports every type that its functions for runs name', () => {
    expect(missing(['train', 'warmUp', 'planRun', 'openRun', 'readRun', 'RunFolder', 'writeReport'])).toEqual([]);
  });

  it('exports every type that its functions for models and evaluation name', () => {
    expect(missing(['openModel', 'evaluate', 'evaluateRecords', 'openSources', 'relevanceJudge'])).toEqual([]);
  });

  it('is checked by a walk that finds what is missing', () => {
    const train = exported.get('TrainingSetup')!;
    exported.delete('TrainingSetup');
    expect(missing(['train'])).toContain('TrainingSetup, in ReinforcementSetup');
    exported.set('TrainingSetup', train);
  });
});
