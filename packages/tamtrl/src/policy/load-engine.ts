/** Loads the engine, an optional peer dependency: programs that use only models on servers need not install it. */
import { PolicyError } from './errors.js';

/** @throws PolicyError `runtime-missing` with the command that installs it. */
export async function loadEngine(): Promise<typeof import('@tamtrl/engine')> {
  try {
    return await import('@tamtrl/engine');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new PolicyError(
      'runtime-missing',
      'Local models need the packages @tamtrl/engine and onnxruntime-node: ' +
        'npm install @tamtrl/engine onnxruntime-node.',
      { cause: error },
    );
  }
}
