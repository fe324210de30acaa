/** A hostile client: thousands of sources that try to leave the roots, and messages that are none. Seeded. */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, realpath, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ReaderError } from '../../reader/errors.js';
import { readWithin, rootsOf } from './roots.js';

const executable = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
const SECRET = 'the secret of the house';
const SEED = 20260131;
/** Raised by hand for a campaign. */
const RUNS = Number(process.env.TAMTRL_FAULTS ?? 1000);

it('no source leads out of the roots, or to an unexpected exception', async () => {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'tamtrl-fuzz-')));
  const inside = join(folder, 'inside');
  await mkdir(join(inside, 'sub'), { recursive: true });
  await writeFile(join(inside, 'a.txt'), 'harmless');
  await writeFile(join(inside, 'sub', 'a.txt'), 'harmless');
  await writeFile(join(folder, 'secret.txt'), SECRET);
  await symlink('..', join(inside, 'up'));
  await symlink('../secret.txt', join(inside, 'link'));
  await symlink('loop', join(inside, 'loop'));
  // As a server does that decodes what it is sent, and resolves dots afterwards.
  const server = createServer((request, response) => {
    let [path] = request.url!.split('?');
    for (let times = 0; times < 4; times++) {
      path = path.replaceAll(/%([0-9a-f]{2})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
    }
    const parts: string[] = [];
    for (const part of path.split(/[/\\]/)) {
      const [name] = part.split(';');
      if (name === '..') parts.pop();
      else if (name !== '' && name !== '.') parts.push(name);
    }
    response.setHeader('content-type', 'text/plain').end(parts[0] === 'docs' ? 'harmless' : SECRET);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const roots = await rootsOf([inside, `${base}/docs`]);

  const bit = fc.constantFrom(
    ...[
      '/',
      '\\',
      '..',
      '.',
      '%2e',
      '%2E%2e',
      '%2f',
      '%5c',
      '%252e',
      '%252f',
      '%25',
      ';',
      ';x=1',
      '?',
      '#',
      '\0',
      '\n',
    ],
    ...['a.txt', 'sub', 'up', 'link', 'loop', 'secret.txt', 'docs', '~', ' ', 'é', '%c0%ae', '%zz', ':', '@', '//'],
  );
  const starts = fc.constantFrom(
    inside,
    `${inside}/`,
    `file://${inside}/`,
    `${base}/docs/`,
    `${base}/`,
    folder,
    '',
    'file://',
  );
  const source = fc.tuple(starts, fc.array(bit, { maxLength: 8 })).map(([start, bits]) => start + bits.join(''));
  let reads = 0;
  await fc.assert(
    fc.asyncProperty(source, async (name) => {
      let text = '';
      try {
        for await (const piece of readWithin(name, roots)) text += piece;
        reads++;
      } catch (error) {
        expect(error).toBeInstanceOf(ReaderError);
      }
      expect(text).not.toContain(SECRET);
    }),
    { numRuns: RUNS, seed: SEED },
  );
  expect(reads).toBeGreaterThan(0);
  server.close();
}, 3_600_000);

it('messages that are none neither end nor silence the server', async () => {
  const child = spawn(process.execPath, [executable, 'mcp', '--model', 'mini'], { stdio: ['pipe', 'pipe', 'ignore'] });
  const lines = createInterface({ input: child.stdout });
  const waiting = new Map<unknown, () => void>();
  lines.on('line', (line) => waiting.get((JSON.parse(line) as { id?: unknown }).id)?.());
  const send = (text: string) => child.stdin.write(`${text}\n`);
  const ask = (id: string, method: string, params: object) => {
    const answered = new Promise<void>((resolve) => waiting.set(id, resolve));
    send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
    return answered;
  };
  const clientInfo = { name: 'hostile', version: '1' };
  await ask('start', 'initialize', { protocolVersion: '2025-06-18', capabilities: {}, clientInfo });
  send('{"jsonrpc":"2.0","method":"notifications/initialized"}');
  const call = fc.record(
    {
      jsonrpc: fc.constantFrom('2.0', '1.0', 2),
      id: fc.oneof(fc.integer(), fc.string(), fc.constant(null)),
      method: fc.constantFrom('tools/call', 'tools/list', 'initialize', 'notifications/cancelled', 'x', ''),
      params: fc.oneof(
        fc.record({ name: fc.constantFrom('ask_document', '__proto__'), arguments: fc.object({ maxDepth: 2 }) }),
        fc.record({
          name: fc.constant('ask_document'),
          arguments: fc.record({ source: fc.string(), question: fc.string() }),
        }),
        fc.record({ requestId: fc.oneof(fc.integer(), fc.string()) }),
        fc.jsonValue({ maxDepth: 2 }),
      ),
    },
    { requiredKeys: ['jsonrpc'] },
  );
  const message = fc.oneof(
    { weight: 4, arbitrary: call.map((value) => JSON.stringify(value)) },
    { weight: 1, arbitrary: fc.json() },
    { weight: 1, arbitrary: fc.string().map((text) => text.replaceAll('\n', ' ')) },
  );
  const found = fc.sample(message, { numRuns: RUNS, seed: SEED });
  for (const [at, text] of found.entries()) {
    send(text);
    if (at % 100 === 99) await ask(`alive-${at}`, 'tools/list', {});
  }
  send('['.repeat(1e6));
  await ask('end', 'tools/list', {});
  expect(child.exitCode).toBeNull();
  const ended = new Promise((resolve) => child.on('exit', resolve));
  child.kill('SIGTERM');
  await ended;
}, 3_600_000);
