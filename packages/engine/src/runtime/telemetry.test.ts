/** Runs models in processes with a home and a temporary folder of their own, and looks at what is left there. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';

const root = mkdtempSync(join(tmpdir(), 'tamtrl-telemetry-'));
afterAll(() => rmSync(root, { recursive: true }));

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
const unreachable = { https_proxy: 'http://127.0.0.1:9', HTTPS_PROXY: 'http://127.0.0.1:9' };

/** Files that a program leaves in its home and in its temporary folder. */
async function leftBy(name: keyof typeof programs, settings: Record<string, string> = {}): Promise<string[]> {
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

describe('telemetry', () => {
  it('is off for a model in the main thread', async () => {
    expect(await leftBy('the main thread')).toEqual([]);
  });

  it('is off for a model in a worker whose environment is a copy', async () => {
    expect(await leftBy('a worker thread')).toEqual([]);
  });

  it('is off for a worker that was given the setting and whose process was not', async () => {
    expect(await leftBy('a worker thread with a setting of its own')).toEqual([]);
  });

  it.skipIf(process.platform === 'win32')("follows the user's own setting", async () => {
    const files = await leftBy('the main thread', { ...unreachable, ORT_DISABLE_TELEMETRY: '0' });
    expect(files.join('\n')).toContain('deviceid');
  });

  it.skipIf(process.platform === 'win32')('is on in the runtime itself, or this test would show nothing', async () => {
    const files = await leftBy('the bare runtime', unreachable);
    expect(files.join('\n')).toContain('deviceid');
  });
});
