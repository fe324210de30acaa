/**
 * The import arrows between the rooms of the packages, and a checker for them. Where a room is meant to know another
 * only by its shape, the arrow is for types.
 */
import ts from 'typescript';

/** How a file reaches another module. `type`: gone after compiling. `dynamic`: `import()`, loaded when it is called. */
export type ImportKind = 'type' | 'static' | 'dynamic';

export interface ImportEdge {
  specifier: string;
  kind: ImportKind;
  line: number;
}

export interface Violation {
  file: string;
  line: number;
  message: string;
}

interface Room {
  imports: readonly string[];
  /** Imported as types only. */
  types?: readonly string[];
  why: string;
}

/** Rooms of packages/tamtrl/src, from the ground up, and what each may import besides itself. */
export const ROOMS: Readonly<Record<string, Room>> = {
  base: { imports: [], why: 'Errors, files, seeds and numbers as text: what every room stands on.' },
  text: {
    imports: ['base'],
    why: 'Tokens, templates and chunks are the ground: they serve programs that do nothing else.',
  },
  data: {
    imports: ['base', 'text'],
    why: 'Examples are documents with questions; who reads them is not their concern.',
  },
  memory: {
    imports: ['base', 'text'],
    types: ['policy', 'data'],
    why: 'The agent runs on any policy, local or remote, so it knows their verbs only.',
  },
  policy: {
    imports: ['base', 'text'],
    why: 'A policy samples, scores and learns from tokens; it knows no memory and no reward.',
  },
  models: {
    imports: ['base', 'text', 'data', 'policy'],
    why: 'Models are found by their address and opened; who uses them is not their concern.',
  },
  reward: {
    imports: ['base', 'text', 'data', 'memory', 'policy'],
    why: 'A reward reads trajectories, may ask a policy, and may know what is relevant; training uses it, not the reverse.',
  },
  eval: {
    imports: ['base', 'text', 'data', 'memory', 'policy', 'reward'],
    why: 'Evaluation runs agents and measures answers; it must work on a policy that nobody trains.',
  },
  train: {
    imports: ['base', 'text', 'data', 'memory', 'policy', 'reward', 'eval'],
    why: 'The trainer takes open policies and examples; where a run is kept and what its settings are called comes from above.',
  },
  run: {
    imports: ['base', 'text', 'data', 'memory', 'policy', 'models', 'reward', 'eval', 'train'],
    why: 'A run is settings, a folder and a training; it prints nothing, so that programs and pages can use it.',
  },
  report: {
    imports: ['base', 'data', 'reward', 'eval', 'train', 'run'],
    why: 'Reports are made from what a run has kept.',
  },
  view: {
    imports: ['base', 'data', 'reward', 'eval', 'train', 'run', 'report', 'reader'],
    why: 'The inspector reads what others have written, and writes nothing; it prints nothing either.',
  },
  reader: {
    imports: ['base', 'text', 'memory', 'policy', 'models', 'reward'],
    why: 'The reader is the agent for programs that do not train; it opens models by name only when it is asked to.',
  },
  integrations: {
    imports: ['base', 'text', 'memory', 'policy', 'models', 'reader'],
    why: 'Other frameworks get the agent, not the training.',
  },
  cli: {
    imports: [
      ...['base', 'text', 'data', 'memory', 'policy', 'models', 'reward', 'eval', 'train', 'run', 'report'],
      ...['reader', 'view', 'integrations', '.'],
    ],
    why: 'The command line is where everything meets, and the only room that prints or exits.',
  },
  '.': {
    imports: [
      ...['base', 'text', 'data', 'memory', 'policy', 'models', 'reward', 'eval', 'train', 'run', 'report'],
      ...['reader', 'integrations'],
    ],
    why: 'The entry says what the library is; it prints nothing, so it leaves out the command line.',
  },
};

/**
 * Rooms that may import @tamtrl/engine statically at run time. Everyone else imports its types, or loads it with
 * `import()` when it is needed: the engine is an optional peer, and programs on remote models do without.
 */
export const ENGINE_ROOMS: readonly string[] = ['policy', 'train'];

const ENGINE = '@tamtrl/engine';
const RUNTIME = 'onnxruntime-node';

/** The engine's one file that touches ONNX Runtime. */
const RUNTIME_FILE = 'packages/engine/src/runtime/onnx.ts';

/** By their text, as the edges below: every check looks at every file, and parsing takes most of the time. */
const parsed = new Map<string, ts.SourceFile>();

function parse(source: string): ts.SourceFile {
  let file = parsed.get(source);
  if (!file) {
    file = ts.createSourceFile('file.ts', source, ts.ScriptTarget.Latest, true, ts.ScriptKind.TS);
    parsed.set(source, file);
  }
  return file;
}

function visitAll(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  node.forEachChild((child) => visitAll(child, visit));
}

function lineOf(node: ts.Node): number {
  const file = node.getSourceFile();
  return file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1;
}

/** Only names marked `type`; an import without names runs the module. */
function onlyTypes(elements: readonly { isTypeOnly: boolean }[]): boolean {
  return elements.length > 0 && elements.every(({ isTypeOnly }) => isTypeOnly);
}

function importKind({ importClause }: ts.ImportDeclaration): ImportKind {
  if (!importClause) return 'static';
  if (importClause.phaseModifier === ts.SyntaxKind.TypeKeyword) return 'type';
  const { name, namedBindings } = importClause;
  if (name || !namedBindings || !ts.isNamedImports(namedBindings)) return 'static';
  return onlyTypes(namedBindings.elements) ? 'type' : 'static';
}

function exportKind({ isTypeOnly, exportClause }: ts.ExportDeclaration): ImportKind {
  if (isTypeOnly) return 'type';
  return exportClause && ts.isNamedExports(exportClause) && onlyTypes(exportClause.elements) ? 'type' : 'static';
}

const edgesOf = new Map<string, readonly ImportEdge[]>();

/** Every module that a TypeScript source names: import, export from, `import()`, and `import('…')` in types. */
export function importsOf(source: string): readonly ImportEdge[] {
  const known = edgesOf.get(source) ?? findImports(source);
  edgesOf.set(source, known);
  return known;
}

function findImports(source: string): ImportEdge[] {
  const edges: ImportEdge[] = [];
  const add = (specifier: ts.Node | undefined, kind: ImportKind) => {
    if (specifier && ts.isStringLiteralLike(specifier)) {
      edges.push({ specifier: specifier.text, kind, line: lineOf(specifier) });
    }
  };
  visitAll(parse(source), (node) => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, importKind(node));
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, exportKind(node));
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal, 'type');
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node.arguments[0], 'dynamic');
    }
  });
  return edges;
}

const PRINTING = /^(console\.\w+|process\.(stdout|stderr|exit|exitCode))$/;

/** Places that print or end the process. */
export function printsOf(source: string): { text: string; line: number }[] {
  const found: { text: string; line: number }[] = [];
  visitAll(parse(source), (node) => {
    // Texts of long chains would take the square of their length.
    if (!ts.isPropertyAccessExpression(node) || !ts.isIdentifier(node.expression)) return;
    const text = node.getText().replace(/\s|\?/g, '');
    if (PRINTING.test(text)) found.push({ text, line: lineOf(node) });
  });
  for (const { specifier, kind, line } of importsOf(source)) {
    if (kind !== 'type' && /^(node:)?(console|process)$/.test(specifier)) found.push({ text: specifier, line });
  }
  return found;
}

/** The path that a relative specifier of `file` names, as a source file. */
export function resolveRelative(file: string, specifier: string): string {
  const parts = file.split('/').slice(0, -1);
  for (const part of specifier.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return parts.join('/').replace(/\.js$/, '.ts');
}

/** Room of a file under packages/tamtrl/src; "." for files outside of the rooms, undefined elsewhere. */
function roomOf(file: string): string | undefined {
  const match = /^packages\/tamtrl\/src\/(?:([^/]+)\/)?/.exec(file);
  return match ? (match[1] ?? '.') : undefined;
}

function checkRoom(file: string, { specifier, kind }: ImportEdge): string | undefined {
  const room = roomOf(file) as string;
  const rule = ROOMS[room];
  if (!rule) return `room "${room}" has no line in the table of rooms`;
  if (specifier === ENGINE) {
    if (kind !== 'static' || ENGINE_ROOMS.includes(room)) return undefined;
    return `${room} must import ${ENGINE} as a type, or load it with import(): it is optional`;
  }
  if (specifier.startsWith(`${ENGINE}/`)) return `${specifier} is not the engine's entry`;
  if (specifier === RUNTIME) return `only the engine may import ${RUNTIME}`;
  if (!specifier.startsWith('.')) return undefined;
  const target = resolveRelative(file, specifier);
  const targetRoom = roomOf(target);
  if (targetRoom === undefined) return `${specifier} leaves the package: import it by its name`;
  if (targetRoom === room || rule.imports.includes(targetRoom)) return undefined;
  if (rule.types?.includes(targetRoom)) {
    return kind === 'type' ? undefined : `${room} may import only types of ${targetRoom}. ${rule.why}`;
  }
  return `${room} must not import ${targetRoom}. ${rule.why}`;
}

function checkEngine(file: string, { specifier, kind }: ImportEdge): string | undefined {
  if (/^tamtrl(\/|$)/.test(specifier)) return 'the engine knows nothing of tamtrl';
  if (specifier === RUNTIME && (file !== RUNTIME_FILE || kind === 'static')) {
    return `${RUNTIME} is loaded with import() in ${RUNTIME_FILE} only: it is optional`;
  }
  if (!specifier.startsWith('.')) return undefined;
  const target = resolveRelative(file, specifier);
  if (!target.startsWith('packages/engine/src/')) return `${specifier} leaves the package`;
  if (target.endsWith('.test-support.ts')) return `${specifier} is for tests`;
  return undefined;
}

/** What is wrong with a source file; `file` is its path from the top of the repository, with "/". */
export function checkFile(file: string, source: string): Violation[] {
  const check = file.startsWith('packages/engine/src/') ? checkEngine : checkRoom;
  const violations: Violation[] = [];
  for (const edge of importsOf(source)) {
    const message = check(file, edge);
    if (message) violations.push({ file, line: edge.line, message });
  }
  if (roomOf(file) !== 'cli') {
    for (const { text, line } of printsOf(source)) {
      violations.push({ file, line, message: `${text}: only cli prints or exits` });
    }
  }
  return violations;
}

/** Circles of files: each as the files in order, the first one again at the end. Imports of types count too. */
export function circlesIn(sources: ReadonlyMap<string, string>): string[][] {
  const circles: string[][] = [];
  const finished = new Set<string>();
  const path: string[] = [];
  const visit = (file: string) => {
    const at = path.indexOf(file);
    if (at >= 0) {
      circles.push([...path.slice(at), file]);
      return;
    }
    if (finished.has(file)) return;
    path.push(file);
    for (const { specifier } of importsOf(sources.get(file) ?? '')) {
      if (specifier.startsWith('.')) visit(resolveRelative(file, specifier));
    }
    path.pop();
    finished.add(file);
  };
  for (const file of sources.keys()) visit(file);
  return circles;
}

/**
 * Packages that loading `entry` loads with it: what can be reached over static imports that are there at run time.
 * `sources` holds files by path.
 */
export function packagesLoadedBy(entry: string, sources: ReadonlyMap<string, string>): Set<string> {
  const packages = new Set<string>();
  const seen = new Set<string>();
  const pending = [entry];
  for (let file = pending.pop(); file !== undefined; file = pending.pop()) {
    if (seen.has(file)) continue;
    seen.add(file);
    const source = sources.get(file);
    if (source === undefined) throw new Error(`${file} is imported, but is not there.`);
    for (const { specifier, kind } of importsOf(source)) {
      if (kind !== 'static') continue;
      if (specifier.startsWith('.')) pending.push(resolveRelative(file, specifier));
      else packages.add(specifier);
    }
  }
  return packages;
}
