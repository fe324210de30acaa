/** Node's hook for loading modules, which runs in a thread of its own; see typescript.ts. */
import { readFile } from 'node:fs/promises';
import type { LoadHook } from 'node:module';
import { fileURLToPath } from 'node:url';
import { transformSync } from '@swc/wasm-typescript';

export const load: LoadHook = async (url, context, next) => {
  if (!/^file:.*\.m?ts$/.test(url) || url.includes('/node_modules/')) return next(url, context);
  const path = fileURLToPath(url);
  try {
    const { code } = transformSync(await readFile(path, 'utf8'), { mode: 'strip-only', module: true, filename: path });
    return { format: 'module', source: code, shortCircuit: true };
  } catch (error) {
    throw new SyntaxError(sentence(error, path));
  }
};

/** The compiler throws plain objects. */
function sentence(error: unknown, path: string): string {
  const { message, startLine, startColumn } = error as { message?: string; startLine?: number; startColumn?: number };
  const line = startLine === undefined ? '' : `, line ${startLine}, column ${(startColumn ?? 0) + 1}`;
  const what = (message ?? String(error)).replace('in strip-only mode', 'here: only types can be left out');
  return `${path}${line}: ${what}`;
}
