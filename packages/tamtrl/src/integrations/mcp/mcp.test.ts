/** The MCP server as a client meets it: a process of its own over stdio, with the embedded model. Needs a build. */
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, realpath, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readWithin, rootsOf } from './roots.js';

const executable = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
const facts = ['anna oslo', 'ben rome', 'emma quito', 'jack bern', 'dan linz', 'mara oslo', 'cora riga', 'kurt bern'];
let folder: string;
let inside: string;

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'tamtrl-mcp-')));
  inside = join(folder, 'inside');
  await mkdir(join(folder, 'inside-too'), { recursive: true });
  await mkdir(inside);
  await writeFile(join(inside, 'facts.txt'), facts.join('\n'));
  await writeFile(join(inside, 'a b.txt'), facts.join('\n'));
  await writeFile(join(folder, 'secret.txt'), 'anna secret');
  await writeFile(join(folder, 'inside-too', 'secret.txt'), 'anna secret');
  await symlink(join(folder, 'secret.txt'), join(inside, 'link.txt'));
});

async function textOf(source: string, roots: readonly string[]): Promise<string> {
  let text = '';
  for await (const bit of readWithin(source, await rootsOf(roots))) text += bit.text;
  return text;
}

describe('roots', () => {
  it('let files within them be read, by path and by address', async () => {
    for (const source of [
      join(inside, 'facts.txt'),
      pathToFileURL(join(inside, 'a b.txt')).href,
      join(inside, 'x', '..', 'facts.txt'),
    ]) {
      expect(await textOf(source, [inside])).toContain('emma quito');
    }
    expect(await textOf(join(inside, 'facts.txt'), [pathToFileURL(inside).href])).toContain('emma quito');
    // Wherever the server was started.
    for (const source of ['facts.txt', './a b.txt', 'x/../facts.txt'])
      expect(await textOf(source, [join(folder, 'inside-too'), inside]), source).toContain('emma quito');
    expect(await textOf(join(inside, 'facts.txt'), [join(inside, 'facts.txt')])).toContain('emma quito');
  });

  it('let a folder be read: its files, but no link out of it, and no folder outside', async () => {
    const text = await textOf(inside, [inside]);
    expect(text).toContain('facts.txt:\n\nanna oslo');
    expect(text).toContain('a b.txt:');
    expect(text).not.toContain('secret');
    await expect(textOf(folder, [inside])).rejects.toThrow('it is outside the allowed roots');
    await expect(textOf('..', [inside])).rejects.toThrow('it is outside the allowed roots');
  });

  it.each([
    ['a path beside', () => join(folder, 'secret.txt')],
    ['a way up', () => `${inside}/../secret.txt`],
    ['a relative way up', () => '../secret.txt'],
    ['a relative link that leads out', () => 'link.txt'],
    ['a folder whose name begins alike', () => join(folder, 'inside-too', 'secret.txt')],
    ['a link that leads out', () => join(inside, 'link.txt')],
    ['an encoded way up', () => `file://${inside}/%2e%2e/secret.txt`],
    ['what is not there, outside', () => '/no/such/file'],
    ['a system file', () => '/etc/passwd'],
  ])('refuse %s', async (_, source) => {
    await expect(textOf(source(), [inside])).rejects.toThrow('may not be read: it is outside the allowed roots');
  });

  it('refuse other kinds of addresses, and everything if nothing is allowed', async () => {
    await expect(textOf('ftp://host/x', [inside])).rejects.toThrow('only paths, file:// and http(s):// addresses');
    await expect(textOf('http://127.0.0.1/', [inside])).rejects.toThrow('is outside the allowed roots');
    await expect(textOf(join(inside, 'facts.txt'), [])).rejects.toThrow(
      'no root is allowed. Start the server with --root',
    );
    await expect(rootsOf([join(folder, 'nowhere')])).rejects.toThrow(/The root .*nowhere cannot be found/);
  });

  it('let pages below an address be fetched, and follow redirects only within', async () => {
    const server = createServer((request, response) => {
      if (request.url === '/docs/page.html')
        response.setHeader('content-type', 'text/html').end('<p>anna <b>oslo</b></p>');
      else if (request.url === '/docs/moved') response.writeHead(302, { location: '/docs/page.html' }).end();
      else if (request.url === '/docs/out') response.writeHead(302, { location: '/private' }).end();
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const root = [`${base}/docs`];
    try {
      expect((await textOf(`${base}/docs/page.html`, root)).trim()).toBe('anna oslo');
      expect((await textOf(`${base}/docs/moved`, root)).trim()).toBe('anna oslo');
      await expect(textOf(`${base}/docs/out`, root)).rejects.toThrow('/private may not be read');
      await expect(textOf(`${base}/docs/../private`, root)).rejects.toThrow('may not be read');
      await expect(textOf(`${base}/docs-too`, root)).rejects.toThrow('may not be read');
      await expect(textOf(`${base}/docs/none`, root)).rejects.toThrow('answered 404');
    } finally {
      server.close();
    }
  });
});

describe('the server', () => {
  let client: Client;

  beforeAll(async () => {
    client = new Client({ name: 'test', version: '1' }, { capabilities: { roots: {} } });
    client.setRequestHandler('roots/list', () => ({ roots: [{ uri: pathToFileURL(inside).href }] }));
    const args = [executable, 'mcp', '--model', 'mini'];
    await client.connect(new StdioClientTransport({ command: process.execPath, args, stderr: 'ignore' }));
  }, 60_000);

  afterAll(() => client.close());

  it('offers its tool', async () => {
    const { tools } = await client.listTools();
    expect(tools).toMatchObject([
      { name: 'ask_document', inputSchema: { required: ['source', 'question'] }, annotations: { readOnlyHint: true } },
    ]);
  });

  it("reads a file within the client's roots, and reports progress", async () => {
    const progress: number[] = [];
    const call = { name: 'ask_document', arguments: { source: join(inside, 'facts.txt'), question: 'anna dan cora' } };
    const result = await client.callTool(call, { onprogress: (event) => progress.push(event.progress) });
    expect(result.isError).toBeFalsy();
    expect(result.content).toMatchObject([
      { type: 'text', text: expect.stringMatching(/^\S+ \S+ \S+\n\nNotes .*\nanna \S+ dan/) },
    ]);
    expect(result.structuredContent).toMatchObject({ turns: 2, tokens: { prompt: expect.any(Number) } });
    expect(progress).toEqual([1]);
  });

  it('reads a folder, within a budget, in a named encoding', async () => {
    await mkdir(join(inside, 'more'));
    await writeFile(join(inside, 'more', 'long.txt'), Array(20).fill(facts.join('\n')).join('\n'));
    await writeFile(join(inside, 'more', 'wide.txt'), Buffer.from('\u8239 anna oslo', 'utf16le'));
    const ask = (source: string, more: object) =>
      client.callTool({ name: 'ask_document', arguments: { source, question: 'anna', ...more } });
    const whole = await ask('more', {});
    expect(whole.structuredContent).not.toHaveProperty('unread');
    const part = await ask('more', { budget: 48 });
    expect(part.structuredContent).toMatchObject({ unread: { chunks: expect.any(Number) } });
    const turns = ({ structuredContent }: typeof whole) => (structuredContent as { turns: number }).turns;
    expect(turns(part)).toBeLessThan(turns(whole) / 4);
    // Models see the text alone.
    const said = ({ content }: typeof whole) => (content as { text: string }[])[0].text;
    expect(said(part)).toMatch(
      /\n\nNotes on which the answer is based \(\S+\.txt:\d+\S*\):\n.*\n\nNot read: \d+ chunks/,
    );
    expect(said(whole)).toMatch(/\n\n\S*wide\.txt was read as UTF-16LE/);
    expect(whole.structuredContent).toMatchObject({ notes: [expect.stringContaining('UTF-16LE')] });
    const two = await client.callTool({
      name: 'ask_document',
      arguments: { source: 'facts.txt', question: ['anna', 'ben'] },
    });
    expect(two.structuredContent).toMatchObject({ answers: [{ question: 'anna' }, { question: 'ben' }] });
    expect(said(two)).toMatch(/^anna\n[\s\S]*\n\nben\n/);
    expect((await ask('more/wide.txt', { encoding: 'utf-16le' })).structuredContent).toMatchObject({ turns: 1 });
    expect(await ask('more/wide.txt', { encoding: 'klingon' })).toMatchObject({
      isError: true,
      content: [{ text: expect.stringContaining('There is no encoding "klingon"') }],
    });
    expect(await ask('more', { budget: 2 })).toMatchObject({
      isError: true,
      content: [{ text: expect.stringContaining('The budget is 2 tokens, less than a chunk') }],
    });
  });

  it('says what it refuses', async () => {
    const ask = (source: string, question = 'anna') =>
      client.callTool({ name: 'ask_document', arguments: { source, question } });
    expect(await ask(join(folder, 'secret.txt'))).toMatchObject({
      isError: true,
      content: [{ text: expect.stringContaining('may not be read') }],
    });
    expect(await ask(join(inside, 'none.txt'))).toMatchObject({
      isError: true,
      content: [{ text: expect.stringContaining('There is no file') }],
    });
    expect(await ask(join(inside, 'facts.txt'), 'anna ben emma jack dan mara')).toMatchObject({
      isError: true,
      content: [{ text: expect.stringContaining('questionTokens allows 5') }],
    });
  });
});

describe.skipIf(process.platform === 'win32')('a server that is kept busy', () => {
  it('with pipes and slow pages, still answers others, frees cancelled calls, and ends at SIGTERM', async () => {
    const stalled = createServer(() => {});
    await new Promise<void>((resolve) => stalled.listen(0, '127.0.0.1', resolve));
    const page = `http://127.0.0.1:${(stalled.address() as AddressInfo).port}/`;
    execFileSync('mkfifo', [join(inside, 'pipe')]);
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [executable, 'mcp', '--model', 'mini', '--root', inside, '--root', page],
      stderr: 'ignore',
    });
    const client = new Client({ name: 'test', version: '1' });
    await client.connect(transport);
    const ask = (source: string, signal?: AbortSignal) =>
      client.callTool({ name: 'ask_document', arguments: { source, question: 'anna' } }, { signal });
    const cancelled = new AbortController();
    const waiting = Array.from({ length: 8 }, () => ask(page, cancelled.signal).catch(() => 'cancelled'));
    const refused = await Promise.all(Array.from({ length: 8 }, () => ask(join(inside, 'pipe'))));
    for (const result of refused) expect(result).toMatchObject({ isError: true });
    cancelled.abort();
    expect(await Promise.all(waiting)).toEqual(Array(8).fill('cancelled'));
    expect(await ask(join(inside, 'facts.txt'))).toMatchObject({ structuredContent: { turns: 2 } });
    ask(page).catch(() => undefined);
    const closed = new Promise<void>((resolve) => {
      client.onclose = resolve;
    });
    process.kill(transport.pid!, 'SIGTERM');
    await closed;
    stalled.closeAllConnections();
    stalled.close();
  });
});
