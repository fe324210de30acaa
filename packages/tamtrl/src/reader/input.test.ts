/** Every form in which programs have a text is read, and every other is refused with a sentence. */
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { pdfOf } from './files/pdf.test-support.js';
import { type TextSource, textOf } from './input.js';
import { loadDocument } from './load-document.js';
import { createConversation, readDocument } from './read-document.js';
import { readDocuments } from './read-documents.js';
import { readSideBySide } from './side-by-side.js';

const fixtures = fileURLToPath(new URL('../../fixtures/documents/', import.meta.url));
const folder = await mkdtemp(join(tmpdir(), 'tamtrl-input-'));
const file = join(folder, 'facts.txt');
await writeFile(file, 'anna oslo\nben rome\n');

async function whole(source: unknown, notes: string[] = []): Promise<string> {
  let text = '';
  for await (const piece of textOf(source as TextSource, undefined, { onNote: (note) => notes.push(note) }))
    text += piece;
  return text;
}

/** Bytes in pieces of so many, as they come through a network. */
async function* inPieces(bytes: Uint8Array, length: number) {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

describe('bytes', () => {
  it.each([
    'pandoc.docx',
    'python-pptx.pptx',
    'openpyxl.xlsx',
    'pandoc.odt',
    'libreoffice.ods',
    'pandoc.epub',
    'pandoc.html',
    'pandoc.ipynb',
    'pysubs2.srt',
    'pysubs2.vtt',
    'email.eml',
    'zipfile.zip',
    'utf-16.txt',
    'windows-1252.txt',
  ])('of %s give what the file gives, in every form', async (name) => {
    const bytes = await readFile(join(fixtures, name));
    const expected = await whole({ file: join(fixtures, name) });
    const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
    const forms = {
      bytes,
      buffer,
      view: new DataView(buffer),
      blob: new Blob([bytes]),
      list: [bytes.subarray(0, 5), bytes.subarray(5)],
      generator: inPieces(bytes, 100),
      stream: new Blob([bytes]).stream(),
      nodeStream: createReadStream(join(fixtures, name)),
    };
    for (const [form, source] of Object.entries(forms)) expect(await whole(source), form).toBe(expected);
  });

  it('of a PDF are read, and those of a picture are refused by name', async () => {
    expect(await whole(pdfOf(['BT /F1 12 Tf 20 150 Td (anna oslo) Tj ET']))).toContain('anna oslo');
    const png = Buffer.from('89504e470d0a1a0a', 'hex');
    await expect(whole(png)).rejects.toThrow('The input is binary (a PNG image), not text.');
    await expect(whole(inPieces(png, 3))).rejects.toThrow('The input is binary (a PNG image), not text.');
  });

  it('of plain text are read as they come, and a stream is closed when nobody reads on', async () => {
    let closed = false;
    async function* endless() {
      try {
        for (;;) yield Buffer.from('anna oslo\n'.repeat(1000));
      } finally {
        closed = true;
      }
    }
    for await (const piece of textOf(endless())) {
      expect(piece).toMatch(/^anna oslo\n/);
      break;
    }
    expect(closed).toBe(true);
    expect(await whole([Buffer.from([0xc3]), Buffer.from([0xa9]), 'x'])).toBe('éx');
  });
});

describe('a file', () => {
  it('is named by a path or an address, as a string or a URL', async () => {
    const expected = await readFile(file, 'utf8');
    const url = pathToFileURL(file);
    for (const source of [{ file }, { file: url }, { file: url.href }, url]) expect(await whole(source)).toBe(expected);
    const load = async (source: Parameters<typeof loadDocument>[0]) => {
      let text = '';
      for await (const piece of loadDocument(source)) text += piece.text;
      return text;
    };
    const bytes = await readFile(file);
    for (const source of [file, url, url.href, { file }, { file: url }, bytes, new Blob([bytes])])
      expect(await load(source)).toBe(expected);
  });

  it('may be a page', async () => {
    const server = createServer((_, response) => {
      response.setHeader('content-type', 'text/html');
      response.end('<p>anna oslo</p>');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    for (const page of [address, new URL(address)]) expect(await whole({ file: page })).toBe('anna oslo');
    await new Promise((resolve) => server.close(resolve));
  });

  it.each(['a page', 'a page, for an estimate', 'a page, side by side'])(
    '%s is left when the signal says',
    async (way) => {
      const stop = new AbortController();
      const server = createServer(() => stop.abort(new Error('enough')));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const document = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
      const options = { model: 'mini', question: 'Where is anna?', document, signal: stop.signal };
      const reading = way.endsWith('side by side')
        ? readSideBySide(options)
        : readDocument({ ...options, ...(way.endsWith('estimate') && { budget: 5000 }) });
      await expect(reading).rejects.toThrow('enough');
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  );

  it.each<[string, unknown, string]>([
    ['without a name', { file: '' }, '`file` is empty, expected the path of a file or a folder, or a URL.'],
    ['that is missing', { file: undefined }, '`file` is nothing, expected the path'],
    ['as bytes', { file: Buffer.from('a') }, '`file` is an object of the class Buffer, expected the path'],
    [
      'of another protocol',
      { file: new URL('ftp://a.example/b') },
      'Cannot read ftp://a.example/b: expected an address',
    ],
    ['of another protocol', new URL('data:text/plain,a'), 'Cannot read data:text/plain,a: expected an address'],
    ['that is not there', { file: pathToFileURL(join(folder, 'none')) }, `There is no file ${join(folder, 'none')}.`],
  ])('%s gets a sentence', async (_, source, sentence) => {
    await expect(whole(source)).rejects.toThrow(sentence);
  });
});

it.each<[string, unknown, string]>([
  ['a Promise', Promise.resolve('anna'), 'The input is a Promise (await it first), not a text. Pass a string, bytes,'],
  ['a function', () => 'anna', 'The input is a function, not a text.'],
  ['a Response', new Response('anna'), 'The input is an object of the class Response, not a text.'],
  ['numbers', [1, 2], 'The input has a piece that is 1, expected a string or bytes.'],
  ['wide numbers', new Uint16Array([97]), 'The input has a piece that is 97, expected a string or bytes.'],
  ['a Map', new Map([['a', 'b']]), 'The input has a piece that is a list, expected a string or bytes.'],
  ['a path', { path: 'a.txt' }, 'The input is an object, not a text.'],
])('%s is no text', async (_, source, sentence) => {
  await expect(whole(source)).rejects.toThrow(sentence);
});

describe('a string that names something', () => {
  const asked = { model: 'mini', question: 'anna ben dan' };
  const isFile = `${JSON.stringify(file)}, the name of a file`;

  it('is not taken for a document', async () => {
    const refused = `The input is ${isFile}, but a string is read as text. Pass { file: ${JSON.stringify(file)} } to read it,`;
    await expect(readDocument({ ...asked, document: file })).rejects.toThrow(refused);
    await expect(readSideBySide({ ...asked, document: file })).rejects.toThrow(refused);
    const [{ error }] = await readDocuments({ ...asked, documents: [file] });
    expect(error?.message).toContain(refused);
    const talk = await createConversation({ model: 'mini', document: file });
    await expect(talk.ask('anna ben dan')).rejects.toThrow(refused);
    await talk.close();
    await expect(whole(`${folder}/`)).rejects.toThrow('the name of a folder, but');
    const page = whole('https://a.example/b?key=secret');
    await expect(page).rejects.toThrow(
      'The input is an address, but a string is read as text. Pass new URL(…) to read it',
    );
    await expect(page).rejects.not.toThrow('secret');
  });

  it('is not taken for a question', async () => {
    const refused = `The question is ${isFile}. Pass { file: ${JSON.stringify(file)} } as \`document\` to ask`;
    await expect(readDocument({ model: 'mini', question: file, document: 'anna oslo' })).rejects.toThrow(refused);
    await expect(readDocuments({ model: 'mini', question: file, documents: ['anna oslo'] })).rejects.toThrow(refused);
  });

  it('is read and asked in a list', async () => {
    expect(await whole([file])).toBe(file);
    const { answers } = await readDocument({ model: 'mini', question: ['package.json'], document: 'anna oslo' });
    expect(answers[0].question).toBe('package.json');
  });

  it('is text where it is more than a name, or the word that a folder is called by', async () => {
    for (const text of [
      `${file}\n`,
      basename(process.cwd()),
      'src',
      'a\0b',
      '//a.example/share/a.txt',
      'x'.repeat(5000),
    ])
      expect(await whole(text)).toBe(text);
  });
});

it('files without text and damaged files of a folder are left out, and told', async () => {
  const mixed = join(folder, 'mixed');
  await mkdir(mixed);
  await writeFile(join(mixed, 'a.txt'), 'anna oslo\n');
  await writeFile(join(mixed, 'b.txt'), '  \n\n');
  await writeFile(join(mixed, 'c.html'), '<p> </p>');
  await writeFile(join(mixed, 'd.txt'), '\n'.repeat(2 ** 20 + 1));
  await writeFile(join(mixed, 'e.md'), 'ben rome\n');
  const notes: string[] = [];
  const text = await whole({ file: mixed }, notes);
  expect(text.replaceAll(/\n+/g, '\n')).toBe('mixed/a.txt:\nanna oslo\nmixed/d.txt:\nmixed/e.md:\nben rome\n');
  expect(notes).toEqual([
    `mixed/b.txt was left out: ${join(mixed, 'b.txt')} contains no text`,
    `mixed/c.html was left out: ${join(mixed, 'c.html')} contains no text`,
    `mixed/d.txt was read only up to a place that cannot be read: ${join(mixed, 'd.txt')} contains no text`,
  ]);
});
