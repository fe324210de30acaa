/** What lies outside of the roots stays there, however it is named. */
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, realpath, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, createServer as createSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isAllowed } from './pages.js';
import { readWithin, rootsOf } from './roots.js';

let folder: string;
let inside: string;

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'tamtrl-roots-')));
  inside = join(folder, 'inside');
  await mkdir(inside);
  await mkdir(join(folder, 'outside'));
  await writeFile(join(folder, 'outside', 'there.txt'), 'secret');
  await symlink(join(folder, 'outside'), join(inside, 'way'));
  await symlink(join(folder, 'outside', 'none.txt'), join(inside, 'broken'));
});

async function textOf(source: string, roots: readonly string[] = [inside]): Promise<string> {
  let text = '';
  for await (const bit of readWithin(source, await rootsOf(roots))) text += bit.text;
  return text;
}

const refusal = (source: string) =>
  textOf(source).then(
    () => 'read',
    ({ message }: Error) => message.replace(source, 'IT'),
  );

describe('files', () => {
  it.skipIf(process.platform === 'win32')(
    'are regular ones: pipes, sockets and devices are refused at once',
    async () => {
      const pipe = join(inside, 'pipe');
      execFileSync('mkfifo', [pipe]);
      const socket = createSocket().listen(join(inside, 'socket'));
      // More than there are threads that open files.
      const found = await Promise.all(Array.from({ length: 9 }, () => refusal(pipe)));
      found.push(await refusal(join(inside, 'socket')));
      expect(new Set(found)).toEqual(new Set(['IT is not a regular file, but a named pipe, a socket or a device.']));
      await expect(textOf('/dev/zero', ['/dev'])).rejects.toThrow('/dev/zero is not a regular file');
      await expect(textOf(inside)).rejects.toThrow('There is no file to read in the folder');
      socket.close();
    },
  );

  it('outside of the roots are refused in one sentence, whether they exist or not', async () => {
    const there = await refusal(join(folder, 'outside', 'there.txt'));
    expect(there).toMatch(/^IT may not be read: it is outside/);
    for (const name of [
      'outside/none.txt',
      'inside/way/there.txt',
      'inside/way/none.txt',
      'inside/way/none/none.txt',
    ]) {
      expect([name, await refusal(join(folder, name))]).toEqual([name, there]);
    }
    // It would say more if what it leads to were there.
    expect(await refusal(join(inside, 'broken'))).toBe(there);
    expect(await refusal(join(inside, 'none', 'none.txt'))).toBe('There is no file IT.');
  });

  it('are read as they were checked, though somebody swaps them for links meanwhile', async () => {
    const swap = join(folder, 'swap.mjs');
    await writeFile(
      swap,
      `import { workerData } from 'node:worker_threads';
       import { renameSync, symlinkSync, writeFileSync, mkdirSync, rmSync } from 'node:fs';
       const { inside, outside } = workerData;
       for (;;) {
         writeFileSync(inside + '/.new', 'harmless'); renameSync(inside + '/.new', inside + '/swapped');
         symlinkSync(outside + '/there.txt', inside + '/.new'); renameSync(inside + '/.new', inside + '/swapped');
         mkdirSync(inside + '/part'); writeFileSync(inside + '/part/there.txt', 'harmless');
         rmSync(inside + '/part', { recursive: true }); symlinkSync(outside, inside + '/part'); rmSync(inside + '/part');
       }`,
    );
    const worker = new Worker(swap, { workerData: { inside, outside: join(folder, 'outside') } });
    const seen = new Set<string>();
    let reads = 0;
    for (const end = Date.now() + 3000; Date.now() < end; reads++) {
      for (const name of ['swapped', 'part/there.txt'])
        seen.add(await textOf(join(inside, name)).catch(() => 'refused'));
    }
    await worker.terminate();
    expect(reads).toBeGreaterThan(0);
    expect([...seen]).not.toContain('secret');
    await rm(join(inside, 'part'), { recursive: true, force: true });
    await rename(swap, `${swap}.done`);
  });
});

describe('pages', () => {
  const root = 'http://host/docs/';

  it.each([
    '/docs/..%2fprivate.txt',
    '/docs/..%2Fprivate.txt',
    '/docs/%2e%2e/private.txt',
    '/docs/%2e%2e%2fprivate.txt',
    '/docs/..%5cprivate.txt',
    '/docs/..\\private.txt',
    '/docs/%252e%252e%252fprivate.txt',
    '/docs/..%25252fprivate.txt',
    '/docs/..;/private.txt',
    '/docs/..;a=b%2fprivate.txt',
    '/docs/x/..%2f..%2fprivate.txt',
    '/docs%2f..%2fprivate.txt',
    '/docs-too/private.txt',
    '/docs/%25252525252e',
    '/docs/%2f%2E%2e/private.txt',
    '/docs//%2f..%2fprivate.txt',
    '/docs/;%2f..%2fprivate.txt',
    '/..%2fdocs/a',
  ])('%s is outside of /docs/', (path) => {
    expect(isAllowed(new URL(path, 'http://host'), [root])).toBe(false);
  });

  it.each([
    '/docs/a.txt',
    '/docs/a%20b.txt',
    '/docs/a%2fb.txt',
    '/docs/100%',
    '/docs/100%25',
    '/docs/x/..%2fa.txt',
    '/docs/a;version=2',
    '/docs/...',
    '/docs//a.txt',
  ])('%s is inside of /docs/', (path) => {
    expect(isAllowed(new URL(path, 'http://host'), [root])).toBe(true);
  });

  it('a root may have percent codes itself', () => {
    expect(isAllowed(new URL('http://host/my%20docs/a'), ['http://host/my docs'])).toBe(true);
    expect(isAllowed(new URL('http://host/my%20docs-too/a'), ['http://host/my docs'])).toBe(false);
  });

  describe('of a server', () => {
    let server: Server;
    let base: string;
    beforeAll(async () => {
      server = createServer((request, response) => {
        const name = request.url?.split('?')[0].split('/').at(-1);
        if (name === 'none') response.writeHead(204).end();
        else if (name === 'nowhere') response.writeHead(302, { location: 'http://[bad' }).end();
        else if (name === 'file') response.writeHead(302, { location: 'file:///etc/passwd' }).end();
        else if (name === 'round') response.writeHead(302, { location: 'round' }).end();
        else if (name === 'key') response.writeHead(302, { location: 'http://u:K3Y@127.0.0.1/' }).end();
        else if (name === 'signed') response.writeHead(302, { location: '/files/a?signature=K3Y' }).end();
        else if (name === 'broken') response.writeHead(200, { 'content-encoding': 'gzip' }).end('no gzip');
        else if (name === 'half') {
          response.writeHead(200, { 'content-length': '1000' }).write('half', () => response.destroy());
        } else if (name === 'endless') {
          const more = () => {
            while (response.write('x'.repeat(2 ** 20)));
          };
          response.on('drain', more);
          more();
        }
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/docs`;
    });
    afterAll(() => {
      server.closeAllConnections();
      server.close();
    });

    it.each([
      ['none', /\/docs\/none answered 204 without any content\./],
      ['nowhere', /\/docs\/nowhere redirects to "http:\/\/\[bad", which is not an address\./],
      ['file', /file:\/\/\/etc\/passwd may not be read/],
      ['round', /\/docs\/round redirects more than 5 times\./],
      ['broken', /Cannot fetch .*\/docs\/broken: /],
      ['half', /Cannot fetch .*\/docs\/half: /],
      ['endless', /\/docs\/endless has more than 64 MiB\./],
    ])('%s: one sentence', async (name, sentence) => {
      const error = await textOf(`${base}/${name}`, [base]).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ name: 'ReaderError', message: expect.stringMatching(sentence) });
    });

    it.each([
      ['the source', 'http://u:K3Y@HOST/docs/none', 'BASE'],
      ['its query', 'BASE/none?api_key=K3Y', 'BASE'],
      ['the root', 'http://HOST/other', 'http://u:K3Y@HOST/docs'],
      ['its query', 'http://HOST/other', 'BASE?api_key=K3Y'],
      ['a source that is no address', 'http://u:K3Y@[bad', 'BASE'],
      ['what a page redirects to', 'BASE/key', 'BASE'],
      ['its query', 'BASE/signed', 'BASE'],
    ])('a key in %s is not repeated', async (_, ...names) => {
      const [source, root] = names.map((name) => name.replace('BASE', base).replace('HOST', new URL(base).host));
      const error = await textOf(source, [root]).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ name: 'ReaderError', message: expect.not.stringContaining('K3Y') });
    });

    it('text that is not an address is refused as a source and as a root', async () => {
      await expect(textOf('http://', [base])).rejects.toThrow('http:// is not an address that can be fetched.');
      await expect(rootsOf(['http://[bad'])).rejects.toThrow('http://[bad is not an address that can be fetched.');
    });
  });
});
