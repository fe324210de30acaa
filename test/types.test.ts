/** Programs type-check against the built declarations where neither the engine nor ONNX Runtime is installed. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { afterAll, beforeAll, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'types-'));

beforeAll(() => {
  const place = join(folder, 'node_modules/tamtrl');
  const source = join(root, 'packages/tamtrl');
  cpSync(join(source, 'package.json'), join(place, 'package.json'));
  cpSync(join(source, 'dist'), join(place, 'dist'), {
    recursive: true,
    filter: (path) => !/\.(js|map|tsbuildinfo)$/.test(path),
  });
  const { dependencies } = JSON.parse(readFileSync(join(place, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  for (const name of [...Object.keys(dependencies), '@types/node']) {
    const link = join(folder, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(root, 'node_modules', name), link);
  }
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What the compiler says of programs, strictly and with the declarations of all packages checked: [file, sentence]. */
function complaints(programs: Record<string, string>): [file: string, sentence: string][] {
  const paths = Object.entries(programs).map(([name, code]) => {
    const path = join(folder, name);
    writeFileSync(path, code);
    return path;
  });
  const program = ts.createProgram(paths, {
    strict: true,
    skipLibCheck: false,
    // TypeScript's own library is not in question, and takes the longest.
    skipDefaultLibCheck: true,
    noEmit: true,
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2022.d.ts'],
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    types: ['node'],
    typeRoots: [join(folder, 'node_modules/@types')],
  });
  return ts
    .getPreEmitDiagnostics(program)
    .map(({ file, messageText }) => [
      file ? relative(folder, file.fileName) : '',
      ts.flattenDiagnosticMessageText(messageText, ' '),
    ]);
}

const READER = `
  import { openOpenAIPolicy, readDocument } from 'tamtrl/reader';
  const model = await openOpenAIPolicy({ baseUrl: 'http://127.0.0.1:8080/v1', model: 'm' });
  const { answer } = await readDocument({ model, question: 'Who?', document: 'Ann.' });
  export const length: number = answer.length;`;

it('tamtrl, tamtrl/reader and tamtrl/tinker', () => {
  const programs = {
    'reader.ts': READER,
    'wrong.ts': READER.replace('answer.length', 'answer'),
    'library.ts': `
      import { openLocalPolicy, openModel, train } from 'tamtrl';
      const policy = await openLocalPolicy('folder', { engine: { threads: 2 } });
      export const size: number = policy.engine.parameters;
      export { openModel, train };`,
    'tinker.ts': `export { openTinkerPolicy } from 'tamtrl/tinker';`,
  };
  expect(complaints(programs)).toEqual([['wrong.ts', "Type 'string' is not assignable to type 'number'."]]);
});
