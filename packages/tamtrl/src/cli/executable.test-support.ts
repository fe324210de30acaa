/**
 * The executable as users run it: child processes, their output, their exit codes. Needs a build, as `npm test` makes
 * one.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tinyModelFolder } from '../policy/engine-pool.test-support.js';

const executable = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** Random weights never answer right: only a reward that adds the turn scores gives a gradient. */
export const SETTINGS = `
model: MODEL
data: { kind: mini, chunks: 2, factsPerChunk: 2, queries: 1 }
memory: { questionTokens: 4, chunkTokens: 4, memoryTokens: 5, answerTokens: 3, prompts: mini }
steps: 2
groupSize: 3
questionsPerStep: 3
learningRate: 0.01
reward:
  combine: additive
evaluation: { every: 0, questions: 4 }
`;

/** A folder with the settings of a small run. */
export async function runnable(): Promise<{ folder: string; config: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'tamtrl-cli-'));
  const config = join(folder, 'run.yaml');
  await writeFile(config, SETTINGS.replace('MODEL', await tinyModelFolder()));
  return { folder, config };
}

export interface Ended {
  code: number | null;
  out: string;
  err: string;
}

/** @param watch called with everything on stderr so far, whenever there is more */
export async function spawned(
  folder: string,
  args: readonly string[],
  watch?: (err: string, child: ChildProcess) => void,
): Promise<Ended> {
  const child = spawn(process.execPath, [executable, ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
    watch?.(err, child);
  });
  const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve));
  return { code, out, err };
}
