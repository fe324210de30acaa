/**
 * Makes `import()` read TypeScript. Node does so itself from 22.18 on. Before, a hook replaces the types with white
 * space, so that line numbers stay, as Node does: with the same compiler, which is loaded only then.
 */
import { register } from 'node:module';
import { RewardError } from './errors.js';

let registered = false;

/** @throws RewardError `module` on a runtime that can do neither. */
export async function canImportTypeScript(path: string): Promise<void> {
  const features = process.features as { typescript?: string | false };
  if (features.typescript || 'Bun' in globalThis || 'Deno' in globalThis || registered) return;
  try {
    // Missing where only part of the package was installed.
    await import('@swc/wasm-typescript');
    register('./typescript-hooks.js', import.meta.url);
  } catch (error) {
    throw new RewardError(
      'module',
      `${path}: Node ${process.versions.node} does not read TypeScript, and the package that would is missing. Use Node 22.18 or later, or compile the file to JavaScript.`,
      { cause: error },
    );
  }
  registered = true;
}
