/** Type checks against the built declarations where neither the engine nor ONNX Runtime is installed. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));

/** A project without the engine: the package's declarations, and of its dependencies what the workspace has. */
function project(): string {
  const folder = mkdtempSync(join(tmpdir(), 'types-'));
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
  return folder;
}

/**
 * What the compiler says of programs and of the declarations of all packages, strictly: [file, sentence].
 */
export function complaints(programs: Record<string, string>): [file: string, sentence: string][] {
  const folder = project();
  try {
    const paths = Object.entries(programs).map(([name, code]) => {
      const path = join(folder, name);
      writeFileSync(path, code);
      return path;
    });
    const program = ts.createProgram(paths, {
      allowJs: true,
      checkJs: true,
      strict: true,
      skipLibCheck: false,
      // TypeScript's own library is not in question.
      skipDefaultLibCheck: true,
      noEmit: true,
      target: ts.ScriptTarget.ES2022,
      lib: ['lib.es2022.d.ts'],
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      types: ['node'],
      typeRoots: [join(folder, 'node_modules/@types')],
    });
    const place = (fileName: string) => relative(folder, fileName);
    return ts
      .getPreEmitDiagnostics(program)
      .map(({ file, messageText }) => [
        file ? place(file.fileName) : '',
        ts.flattenDiagnosticMessageText(messageText, ' '),
      ]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The programs of a guide, as files. */
function programsOf(guide: string): Record<string, string> {
  const text = readFileSync(join(root, 'docs', `${guide}.md`), 'utf8');
  const programs = [...text.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => code);
  if (programs.length === 0) throw new Error(`docs/${guide}.md has no programs any more.`);
  return Object.fromEntries(programs.map((code, at) => [`${guide}-${at + 1}.mjs`, code]));
}

const READER = `
  import { openOpenAIPolicy, readDocument } from 'tamtrl/reader';
  const model = await openOpenAIPolicy({ baseUrl: 'http://127.0.0.1:8080/v1', model: 'm' });
  const { answer } = await readDocument({ model, question: 'Who?', document: 'Ann.' });
  export const length: number = answer.length;`;

/** Programs for each entry of the package; `wrong.ts` has the one mistake. */
export const PROGRAMS: Record<string, string> = {
  ...programsOf('library'),
  'reader.ts': READER,
  'wrong.ts': READER.replace('answer.length', 'answer'),
  'library.ts': `
    import { openLocalPolicy, openModel, train } from 'tamtrl';
    const policy = await openLocalPolicy('folder', { engine: { threads: 2 } });
    export const size: number = policy.engine.parameters;
    export { openModel, train };`,
  'tinker.ts': `export { openTinkerPolicy } from 'tamtrl/tinker';`,
};

export const MISTAKE = ['wrong.ts', "Type 'string' is not assignable to type 'number'."];
