/**
 * The packages as they are packed, installed from the registry into an empty project: a local model and a model at a
 * server, in Node, Bun, Deno and workerd (the edge; bundled there, and without the engine). And what publint and attw
 * say of them.
 */
import { execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'runtimes-'));
const bin = (name: string) => join(folder, 'node_modules/.bin', name);
const RUNTIMES: Record<string, [command: string, ...args: string[]]> = {
  node: [process.execPath],
  bun: [bin('bun')],
  deno: [bin('deno'), 'run', '-A', '--node-modules-dir=manual'],
};
// The engine's runtime needs nothing beyond its package; its script would fetch what GPUs need.
const env = { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' };

const server = createServer((request, response) => {
  request.resume().on('end', () => {
    const reply = request.url!.endsWith('/models')
      ? { data: [{ id: 'm', max_model_len: 4096 }] }
      : { choices: [{ message: { content: 'Ann sold it.' }, finish_reason: 'stop' }], usage: {} };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(reply));
  });
});

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  writeFileSync(join(folder, 'package.json'), '{"type":"module","private":true}');
  const packed: string[] = [];
  for (const name of ['engine', 'dashboard', 'tamtrl']) {
    const args = ['pack', '--silent', '--pack-destination', folder];
    packed.push((await run('npm', args, { cwd: join(root, 'packages', name) })).stdout.trim());
  }
  const { peerDependencies } = JSON.parse(readFileSync(join(root, 'packages/engine/package.json'), 'utf8'));
  packed.push(`onnxruntime-node@${peerDependencies['onnxruntime-node']}`);
  const wanted = [
    ...packed.map((name) => (name.endsWith('.tgz') ? `./${name}` : name)),
    'bun@1.4.5',
    'deno@2.9.6',
    'workerd@1.20261117.1',
  ];
  await run('npm', ['install', '--no-audit', '--no-fund', ...wanted], { cwd: folder, env });
  // npm passes this repository's ignore-scripts on to the installation above. Without their scripts, Bun has no
  // program, and workerd has a wrapper that leaves its server running when it is killed.
  for (const name of ['bun', 'workerd'])
    await run(process.execPath, ['install.js'], { cwd: join(folder, 'node_modules', name) });
  writeFileSync(
    join(folder, 'local.mjs'),
    `import { readDocument } from 'tamtrl';
     const facts = ['anna oslo', 'ben rome', 'emma quito', 'jack bern', 'dan linz', 'mara oslo', 'cora riga', 'kurt bern'];
     const { answer } = await readDocument({ model: 'mini', question: 'anna dan cora', document: facts.join('\\n') });
     console.log(answer);`,
  );
  writeFileSync(
    join(folder, 'remote.mjs'),
    `import { MemoryReader, openOpenAIPolicy } from 'tamtrl/reader';
     export async function read(baseUrl) {
       const model = await openOpenAIPolicy({ baseUrl, model: 'm', contextLength: 4096 });
       const reader = new MemoryReader({ model, question: 'Who sold the horse?' });
       let turns = 0;
       for await (const _ of reader.read('Ann sold the horse. '.repeat(4000))) turns++;
       const [{ answer }] = await reader.answer();
       return answer + ' ' + turns;
     }`,
  );
  writeFileSync(
    join(folder, 'worker-thread.mjs'),
    `import { isMainThread, Worker } from 'node:worker_threads';
     if (isMainThread) new Worker(new URL(import.meta.url), { env: { ...process.env, ...JSON.parse(process.argv[2]) } });
     else await import('./local.mjs');`,
  );
  writeFileSync(
    join(folder, 'bare.mjs'),
    `import ort from 'onnxruntime-node';
     await ort.InferenceSession.create(new Uint8Array(3)).catch(() => {});`,
  );
  const { port } = server.address() as AddressInfo;
  const address = `http://127.0.0.1:${port}/v1`;
  writeFileSync(
    join(folder, 'main.mjs'),
    `import { read } from './remote.mjs';\nconsole.log(await read('${address}'));`,
  );
  writeFileSync(
    join(folder, 'worker.mjs'),
    `import { read } from './remote.mjs';
     export default { fetch: async () => new Response(await read('${address}')) };`,
  );
}, 600_000);

afterAll(() => void server.close());

it.each(Object.entries(RUNTIMES))(
  '%s reads with a local model and with one at a server',
  async (_, [command, ...args]) => {
    const said = async (file: string) => (await run(command, [...args, file], { cwd: folder })).stdout.trim();
    expect(await said('local.mjs')).toBe('oslo linz riga');
    expect(await said('main.mjs')).toBe('Ann sold it. 9');
  },
);

describe.skipIf(process.platform === 'win32')('the telemetry of ONNX Runtime', () => {
  /** Files that a program leaves in its home and temporary folder, except the caches of Bun and Deno. */
  const leftBy = async (runtime: string, ...program: string[]) => {
    const [command, ...args] = RUNTIMES[runtime];
    const home = mkdtempSync(join(folder, 'home-'));
    const temporary = join(home, 'tmp');
    mkdirSync(temporary);
    // Hosted CI would silence the runtime, so nothing of the real environment is passed on. Events reach nobody.
    await run(command, [...args, ...program], {
      cwd: folder,
      env: {
        PATH: process.env.PATH,
        HOME: home,
        TMPDIR: temporary,
        XDG_CACHE_HOME: join(home, 'cache'),
        https_proxy: 'http://127.0.0.1:9',
        HTTPS_PROXY: 'http://127.0.0.1:9',
      },
    });
    const files = readdirSync(home, { recursive: true, encoding: 'utf8' });
    return files.filter((path) => /Microsoft|deviceid|mat-debug|\.ses$/.test(path));
  };

  it.each(Object.keys(RUNTIMES))('is off in %s, in the main thread and in workers', async (runtime) => {
    expect(await leftBy(runtime, 'local.mjs')).toEqual([]);
    expect(await leftBy(runtime, 'worker-thread.mjs', '{}')).toEqual([]);
    expect(await leftBy(runtime, 'worker-thread.mjs', '{"ORT_DISABLE_TELEMETRY":"1"}')).toEqual([]);
  });

  it.each(Object.keys(RUNTIMES))('is on in %s by itself, or these tests would show nothing', async (runtime) => {
    expect((await leftBy(runtime, 'bare.mjs')).join()).toContain('deviceid');
  });

  it('is off in Bun by a .env file, which reaches only process.env', async () => {
    const env = join(folder, '.env');
    writeFileSync(env, 'ORT_DISABLE_TELEMETRY=1');
    try {
      expect(await leftBy('bun', 'local.mjs')).toEqual([]);
    } finally {
      rmSync(env);
    }
  });
});

it('workerd reads with a model at a server', async () => {
  const bundler = join(root, 'node_modules/.bin/rolldown');
  await run(bundler, ['worker.mjs', '--format', 'esm', '--platform', 'browser', '--dir', 'out'], { cwd: folder });
  // Bundles for the edge leave the parsers of files out.
  const bundled = readdirSync(join(folder, 'out'));
  expect(bundled.filter((name) => /load|pdf|docx|zip/.test(name))).toEqual([]);
  const modules = ['worker.js', ...bundled.filter((name) => name !== 'worker.js')];
  writeFileSync(
    join(folder, 'config.capnp'),
    `using Workerd = import "/workerd/workerd.capnp";
     const config :Workerd.Config = (
       services = [(name = "main", worker = .main), (name = "internet", network = (allow = ["private"]))],
       sockets = [(name = "http", address = "127.0.0.1:8398", http = (), service = "main")]
     );
     const main :Workerd.Worker = (
       modules = [${modules.map((name) => `(name = "${name}", esModule = embed "out/${name}")`).join(', ')}],
       compatibilityDate = "2026-01-01"
     );`,
  );
  const workerd = spawn(bin('workerd'), ['serve', 'config.capnp'], { cwd: folder, stdio: 'inherit' });
  try {
    let text: string | undefined;
    for (let attempt = 0; text === undefined && attempt < 50; attempt++) {
      await new Promise((resolve) => setTimeout(resolve, 200));
      text = await fetch('http://127.0.0.1:8398/').then(
        (response) => response.text(),
        () => undefined,
      );
    }
    expect(text).toBe('Ann sold it. 9');
  } finally {
    workerd.kill();
  }
});

describe('the packages', () => {
  it('satisfy publint', async () => {
    const { publint } = await import('publint');
    for (const name of ['tamtrl', '@tamtrl/engine', '@tamtrl/dashboard']) {
      const { messages } = await publint({ pkgDir: join(folder, 'node_modules', name), strict: true });
      expect(messages.filter(({ type }) => type !== 'suggestion')).toEqual([]);
    }
  });

  it('have types that resolve (attw, as modules)', async () => {
    const { checkPackage, createPackageFromTarballData } = await import('@arethetypeswrong/core');
    const tarball = readdirSync(folder).find((name) => /^tamtrl-\d.*\.tgz$/.test(name))!;
    const analysis = await checkPackage(
      createPackageFromTarballData(new Uint8Array(readFileSync(join(folder, tarball)))),
    );
    expect(analysis.types).not.toBe(false);
    // Modules only: require() of them is not offered, and old resolution knows no subpaths.
    const ours =
      'problems' in analysis
        ? analysis.problems.filter(
            (problem) =>
              !('resolutionKind' in problem) ||
              problem.resolutionKind === 'bundler' ||
              problem.resolutionKind === 'node16-esm',
          )
        : [];
    expect(ours).toEqual([]);
  });
});
