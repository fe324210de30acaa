/** Runs models in processes with a home and a temporary folder of their own, and looks at what is left there. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll } from 'vitest';

/** Homes and programs of a test file. */
let root = '';

/** Takes away what a test file's programs have left. */
export function useHomes(): void {
  root = mkdtempSync(join(tmpdir(), 'tamtrl-telemetry-'));
  afterAll(() => rmSync(root, { recursive: true }));
}

const engine = new URL('../../dist/index.js', import.meta.url).href;
const runtime = import.meta.resolve('onnxruntime-node');
const model = fileURLToPath(new URL('../../fixtures/reference/llama/model', import.meta.url));

const sample = `
  const { createEngine } = await import(${JSON.stringify(engine)});
  const engine = await createEngine({ model: ${JSON.stringify(model)} });
  await engine.generate([{ promptIds: [1, 2, 3] }], { maxTokens: 2, seed: 0 });
  await engine.close();`;

const programs = {
  'the main thread': sample,
  'a worker thread': `
    import { isMainThread, Worker } from 'node:worker_threads';
    if (isMainThread) new Worker(new URL(import.meta.url));
    else {${sample}}`,
  'a worker thread with a setting of its own': `
    import { isMainThread, Worker } from 'node:worker_threads';
    const env = { ...process.env, ORT_DISABLE_TELEMETRY: '1' };
    if (isMainThread) new Worker(new URL(import.meta.url), { env });
    else {${sample}}`,
  'the bare runtime': `
    const { default: ort } = await import(${JSON.stringify(runtime)});
    await ort.InferenceSession.create(new Uint8Array(3)).catch(() => {});`,
};

/** For programs that are meant to be loud: their events reach nobody. */
export const unreachable = { https_proxy: 'http://127.0.0.1:9', HTTPS_PROXY: 'http://127.0.0.1:9' };

/** Files that a program leaves in its home and in its temporary folder. */
export async function leftBy(name: keyof typeof programs, settings: Record<string, string> = {}): Promise<string[]> {
  const home = mkdtempSync(join(root, 'home-'));
  const temporary = join(home, 'tmp');
  mkdirSync(temporary);
  const program = join(mkdtempSync(join(root, 'program-')), 'program.mjs');
  writeFileSync(program, programs[name]);
  // The runtime is quiet on machines that look like hosted CI, so nothing of the real environment is passed on.
  const env = {
    PATH: process.env.PATH,
    HOME: home,
    TMPDIR: temporary,
    XDG_CACHE_HOME: join(home, 'cache'),
    ...settings,
  };
  await promisify(execFile)(process.execPath, [program], { env });
  return readdirSync(home, { recursive: true, encoding: 'utf8' }).filter((path) => path !== 'tmp');
}
