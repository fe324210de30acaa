/** What `tamtrl ask` reads besides single files: folders, addresses, the standard input. Needs a build. */
import { execFile, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, symlink, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, vi } from 'vitest';
import { documentsAt, textOfFiles } from '../reader/files/several.js';
import { loadDocument } from '../reader/load-document.js';
import type { MemoryPiece } from '../reader/pieces.js';
import { joinedPieces } from '../reader/places.js';
import type { ReadingEstimate } from '../reader/plan.js';
import { readDocument } from '../reader/read-document.js';
import { readDocuments } from '../reader/read-documents.js';
import { runQuietly } from './program.test-support.js';

const executable = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const fixture = (name: string) => fileURLToPath(new URL(`../../fixtures/documents/${name}`, import.meta.url));
const run = (...args: string[]) => runQuietly(['ask', ...args, '--model', 'mini', '--quiet']);

async function folderOf(files: Record<string, string | Uint8Array>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sources-'));
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  return folder;
}

async function textOf(pieces: AsyncIterable<Parameters<typeof joinedPieces>[0][number]>) {
  const all = [];
  for await (const piece of pieces) all.push(piece);
  return joinedPieces(all);
}

describe('a folder', () => {
  it('is read file by file, as git would track it, with names and lines', async () => {
    const folder = await folderOf({
      '.git/HEAD': 'ref: x',
      '.gitignore': '*.log\n/src/made/\n',
      'src/a.ts': 'anna oslo\nben rome\n',
      'src/b/index.ts': 'dan linz\n',
      'src/b/.gitignore': 'c.ts\n!kept.log\n',
      'src/b/c.ts': 'secret',
      'src/b/kept.log': 'cora riga\n',
      'src/made/x.ts': 'secret',
      'src/run.log': 'secret',
      'src/.env': 'secret',
      'src/node_modules/x/index.js': 'secret',
      'src/logo.png': Buffer.from([0x89, 0x50, 0x4e, 0x47, 0]),
      'src/empty.ts': '',
      'secret.txt': 'secret',
    });
    await symlink(join(folder, 'secret.txt'), join(folder, 'src/link.txt'));
    await symlink(folder, join(folder, 'src/up'));
    const notes: string[] = [];
    const src = join(folder, 'src');
    const { text, places } = await textOf(textOfFiles(await documentsAt(src, (note) => notes.push(note))));
    expect(text).toBe(
      'src/a.ts:\n\nanna oslo\nben rome\n\n\nsrc/b/index.ts:\n\ndan linz\n\n\nsrc/b/kept.log:\n\ncora riga\n\n\n',
    );
    expect(places.map(({ label }) => label).filter((label) => label.includes(':'))).toEqual([
      'src/a.ts:1',
      'src/a.ts:2',
      'src/b/index.ts:1',
      'src/b/kept.log:1',
    ]);
    expect(notes).toEqual([
      `${src}: 1 file that is not text, 1 empty file, 3 that .gitignore names and 2 links left out`,
    ]);
    const { code, err } = await run(src, 'anna dan cora');
    expect(code).toBe(0);
    expect(err).toMatch(/\[src\/a\.ts:\d/);
  });

  it('is read by programs as by the command, with the same places', async () => {
    const files = {
      'a.txt': 'anna oslo\nben rome\n',
      'b/c.csv': 'Name,City\ndan,linz\ncora,riga\n',
      'x.png': Buffer.from([0x89, 0x50, 0x4e, 0x47, 0]),
    };
    const folder = await folderOf(files);
    const { out } = await run(folder, 'anna dan cora', '--json');
    const { answer, provenance } = JSON.parse(out);
    const notes: string[] = [];
    const estimates: ReadingEstimate[] = [];
    const reading = await readDocument({
      model: 'mini',
      question: 'anna dan cora',
      document: { file: folder },
      onNote: (note) => notes.push(note),
      onEstimate: (estimate) => estimates.push(estimate),
    });
    expect(reading).toMatchObject({ answer, provenance });
    expect(provenance.map(({ source }: MemoryPiece) => source?.place).join()).toMatch(/a\.txt:1.*c\.csv, row 3/);
    expect(notes).toEqual([`${folder}: 1 file that is not text left out`]);
    expect(estimates.length).toBeGreaterThan(0);
    const [{ error }] = await readDocuments({
      model: 'mini',
      question: 'anna',
      documents: [{ file: `${tmpdir()}/no` }],
    });
    expect(error?.message).toMatch(/There is no file .*no\.$/);
    await expect(
      readDocument({ model: 'mini', question: 'anna', document: { file: await folderOf({}) } }),
    ).rejects.toThrow(/There is no file to read in the folder/);
  });

  it('keeps reading past folders that the system refuses or that are too deep, and says so', async () => {
    const folder = await folderOf({ 'a.txt': 'anna oslo\n', [`${'d/'.repeat(201)}b.txt`]: 'ben rome\n' });
    // A path that is too long fails for root too, whom no permission stops.
    const name = 'x'.repeat(250);
    spawnSync('sh', ['-c', `for i in $(seq 20); do mkdir ${name} && cd ${name} || exit; done`], { cwd: folder });
    const notes: string[] = [];
    const found = await documentsAt(folder, (note) => notes.push(note));
    expect(found.map(({ path }) => path)).toEqual([join(folder, 'a.txt')]);
    expect(notes).toEqual([
      `${folder}: 1 that the system does not let you read and 1 folder below a depth of 200 left out`,
    ]);
  });

  it('keeps reading past a file that is damaged, and continues from a saved state', async () => {
    const folder = await folderOf({
      'a.txt': 'anna oslo\nben rome\nemma quito\n',
      'b.docx': (await readFile(fixture('pandoc.docx'))).subarray(0, 5000),
      'c.txt': 'dan linz\ncora riga\njack bern\n',
    });
    const state = join(folder, '..', `${Date.now()}-state.json`);
    const first = await run(folder, 'anna dan cora', '--state', state);
    expect(first.code).toBe(0);
    expect(first.err).toMatch(/b\.docx was left out: Cannot read \S*b\.docx: .*damaged/);
    expect(JSON.parse(await readFile(state, 'utf8')).documents[0]).toMatchObject({
      mayFail: true,
      title: expect.stringMatching(/\/a\.txt$/),
    });
    expect((await run(folder, 'anna dan cora', '--state', state)).err).toContain('Continuing after');
  });

  it.each([
    ['nothing', {}, /^tamtrl: There is no file to read in the folder \S+\. Hidden files are not read\.\n$/],
    [
      'nothing but pictures and hidden files',
      { '.env': 'a', 'a.png': Buffer.from([0x89, 0x50, 0x4e, 0x47, 0]) },
      /^tamtrl: There is no file to read in the folder \S+: left out were 1 file that is not text\. Hidden files are not/,
    ],
  ])('with %s is refused in a sentence', async (_, files, sentence) => {
    const { code, out, err } = await run(await folderOf(files), 'anna');
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(sentence);
  });
});

it('files of one name are told apart by their folders', async () => {
  const folder = await folderOf({ 'x/index.ts': 'anna', 'y/z/index.ts': 'ben', 'y/b.txt': 'dan' });
  const paths = ['x/index.ts', 'y/z/index.ts', 'y/b.txt'].map((name) => join(folder, name));
  expect((await textOf(textOfFiles(paths))).text).toBe(
    'x/index.ts:\n\nanna\n\ny/z/index.ts:\n\nben\n\nb.txt:\n\ndan\n\n',
  );
});

describe('an address', () => {
  async function served(listener: RequestListener, work: (base: string) => Promise<void>): Promise<void> {
    const server = createServer(listener);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    } finally {
      server.close();
    }
  }

  it('is read by its type, its encoding and its bytes; where a redirect led is told', async () => {
    const listener: RequestListener = async ({ url }, response) => {
      if (url === '/page') {
        response.setHeader('content-type', 'text/html; charset=Shift_JIS');
        response.end(Buffer.from('<h1>\x93\x8c\x8b\x9e</h1>', 'latin1'));
      } else if (url === '/report') response.end(await readFile(fixture('pandoc.docx')));
      else if (url?.startsWith('/facts.csv')) response.end('Name,City\nanna,oslo\n');
      else response.writeHead(302, { location: '/page' }).end();
    };
    await served(listener, async (base) => {
      const notes: string[] = [];
      const onNote = (note: string) => notes.push(note);
      expect(await textOf(loadDocument(`${base}/old?key=1`, { onNote }))).toEqual({
        text: '東京',
        places: [{ at: 0, label: 'section "東京"' }],
      });
      expect(notes).toEqual([`${base}/old?… led to ${base}/page`]);
      expect((await textOf(loadDocument(new URL(`${base}/report`)))).text).toContain('horse | 5');
      expect((await textOf(loadDocument(`${base}/facts.csv?x=y.pdf`))).text).toBe('Name | City\nanna | oslo\n');
      const { code, err } = await run(`${base}/facts.csv`, 'anna');
      expect(code).toBe(0);
      expect(err).toMatch(/\[row \d, column Name/);
    });
  });

  it('that cannot be read is refused in a sentence', async () => {
    const listener: RequestListener = ({ url }, response) => {
      if (url === '/file') response.writeHead(302, { location: 'file:///etc/passwd' }).end();
      else if (url === '/huge') {
        response.on('error', () => undefined);
        const more = () => {
          if (!response.destroyed) response.write(Buffer.alloc(1 << 20, 'a'), () => setImmediate(more));
        };
        more();
      } else if (url === '/picture') response.end(Buffer.from([0x89, 0x50, 0x4e, 0x47, 0]));
      else response.writeHead(404).end('no');
    };
    await served(listener, async (base) => {
      const refusal = async (path: string) => (await run(`${base}${path}`, 'anna')).err;
      expect(await refusal('/none')).toBe(`tamtrl: ${base}/none answered 404.\n`);
      expect(await refusal('/file')).toBe(
        'tamtrl: A redirect leads to file:///etc/passwd, which is not followed: it is no http(s) address.\n',
      );
      expect(await refusal('/huge')).toBe(`tamtrl: ${base}/huge has more than 64 MiB.\n`);
      expect(await refusal('/picture')).toContain(`${base}/picture is binary (a PNG image), not text.`);
      expect((await run('http://user:pass@127.0.0.1:9/', 'anna')).err).toContain('a user name or password, which is');
    });
  });
});

describe('the standard input', () => {
  async function piped(bytes: Uint8Array, ...args: string[]) {
    return new Promise<{ code: number | null; err: string }>((resolve) => {
      const child = execFile(
        process.execPath,
        [executable, 'ask', '-', 'anna', '--model', 'mini', '--quiet', ...args],
        (_, __, err) => resolve({ code: child.exitCode, err }),
      );
      child.stdin!.on('error', () => undefined).end(bytes);
    });
  }

  /** The same within this process. */
  async function given(bytes: Uint8Array) {
    const stdin = vi.spyOn(process, 'stdin', 'get').mockReturnValue(Readable.from([bytes]) as typeof process.stdin);
    return run('-', 'anna').finally(() => stdin.mockRestore());
  }

  it('is recognised by its bytes, and refused in a sentence', async () => {
    const read = await piped(await readFile(fixture('openpyxl.xlsx')));
    expect(read).toMatchObject({ code: 0 });
    expect(read.err).toContain('The input: 1 formula has no saved result');
    expect(read.err).toContain('[sheet Prices, cell B7, characters');
    expect(await given(await readFile(fixture('utf-16le.txt')))).toMatchObject({
      code: 0,
      err: expect.stringContaining('The input was read as UTF-16LE (without a byte-order mark).'),
    });
    expect(await given((await readFile(fixture('pandoc.docx'))).subarray(0, 5000))).toMatchObject({
      code: 2,
      err: expect.stringMatching(/^tamtrl: Cannot read The input: .*It may be damaged/),
    });
  });
});
