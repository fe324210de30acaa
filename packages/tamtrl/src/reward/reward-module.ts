/** Loads a reward from a JavaScript or TypeScript file: its default export. The file is code, and runs. */
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { called, reasonOf } from './calls.js';
import { RewardError } from './errors.js';
import { checkedReward, type LoadedReward } from './own-reward.js';
import { canImportTypeScript } from './typescript.js';

const ENDINGS = /\.(?:ts|mts|js|mjs|cjs)$/;

/**
 * The reward in a file. Loading has the time limit of a call, because a module can wait too.
 * @throws RewardError `module` in one sentence that names the file.
 */
export async function loadReward(path: string, seconds: number): Promise<LoadedReward> {
  const fault = (what: string, cause?: unknown) => new RewardError('module', `${path}: ${what}.`, { cause });
  if (!ENDINGS.test(path)) throw fault('a reward is a file that ends in .ts, .mts, .js, .mjs or .cjs');
  const file = resolve(path);
  const found = await stat(file).catch(() => undefined);
  if (!found?.isFile()) throw fault(`expected a file with a reward, found ${found ? 'a folder' : 'nothing'}`);
  if (/\.m?ts$/.test(path)) await canImportTypeScript(path);
  const module = await importInTime(path, pathToFileURL(file).href, seconds);
  const exported = module.default;
  if (exported === undefined) {
    const names = Object.keys(module).filter((name) => name !== 'module.exports');
    const others = names.length === 0 ? 'exports nothing' : `exports only ${names.join(', ')}`;
    throw fault(`the file ${others}. Expected "export default { … }", a reward`);
  }
  return checkedReward(exported, path);
}

async function importInTime(path: string, url: string, seconds: number): Promise<Record<string, unknown>> {
  try {
    return await called(
      { place: path, name: 'import', where: 'the module', seconds },
      () => import(/* @vite-ignore */ url),
    );
  } catch (error) {
    const { cause } = error as Error;
    // Ours: the time is over.
    if (cause === undefined) throw error;
    throw new RewardError('module', `${path}: the module cannot be loaded: ${reasonOf(cause, path)}.`, { cause });
  }
}

/** SHA-256 of the file, to notice that it has changed since a run began. */
export async function rewardFingerprint(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}
