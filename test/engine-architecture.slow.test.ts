/** The file that the recipe for an architecture shows compiles among the engine's own. */
import ts from 'typescript';
import { expect, it } from 'vitest';
import { source, sourcePath } from './engine-recipe.js';

it('the recipe for an architecture shows a file that compiles', () => {
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.NodeNext,
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: ['node'],
  };
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (path) => path === sourcePath || fileExists(path);
  host.readFile = (path) => (path === sourcePath ? source : readFile(path));
  host.getSourceFile = (path, version, ...rest) =>
    path === sourcePath ? ts.createSourceFile(path, source, version) : getSourceFile(path, version, ...rest);
  const problems = ts.getPreEmitDiagnostics(ts.createProgram([sourcePath], options, host));
  expect(problems.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))).toEqual([]);
});
