/** The text of files that people have: plain text, Markdown, HTML, PDF. */
import { type FileHandle, open, readFile, stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { ReaderError } from '../errors.js';
import { textOf } from '../input.js';

export type FileKind = 'text' | 'markdown' | 'html' | 'pdf';

const BY_NAME: Readonly<Record<string, FileKind>> = {
  '.md': 'markdown',
  '.markdown': 'markdown',
  '.mdx': 'markdown',
  '.html': 'html',
  '.htm': 'html',
  '.xhtml': 'html',
  '.pdf': 'pdf',
};

/** Bytes that are looked at to tell what a file is. */
const HEAD = 4096;

/**
 * What a file is, by its first bytes and its name.
 * @param opened the file, if it is open already
 * @throws ReaderError `input` if it cannot be read, is a folder, or is binary and no PDF.
 */
export async function kindOf(path: string, opened?: FileHandle): Promise<FileKind> {
  const head = await headOf(path, opened);
  if (head.subarray(0, 5).toString('latin1') === '%PDF-') return 'pdf';
  const kind = kindOfContent(head, path);
  if (kind === 'pdf')
    throw new ReaderError(
      'input',
      `${path} is named as a PDF but does not begin like one. It may be damaged; export it again.`,
    );
  return kind;
}

/** The same for content without a file. @throws ReaderError `input` for binary content. */
export function kindOfContent(head: Uint8Array, name: string): FileKind {
  if (head.includes(0)) {
    const what = BY_SIGNATURE.find(({ bytes }) => bytes.every((byte, at) => head[at] === byte))?.what;
    throw new ReaderError(
      'input',
      `${name} is binary${what ? ` (${what})` : ''}, not text. Text, Markdown, HTML and PDF can be read.`,
    );
  }
  return BY_NAME[extname(name).toLowerCase()] ?? 'text';
}

const BY_SIGNATURE = [
  { bytes: [0x50, 0x4b, 0x03, 0x04], what: 'a zip archive, or an office document' },
  { bytes: [0x89, 0x50, 0x4e, 0x47], what: 'a PNG image' },
  { bytes: [0xff, 0xd8, 0xff], what: 'a JPEG image' },
  { bytes: [0x1f, 0x8b], what: 'a gzip file' },
  { bytes: [0x7f, 0x45, 0x4c, 0x46], what: 'a program' },
];

async function headOf(path: string, opened?: FileHandle): Promise<Buffer> {
  try {
    if ((await (opened ? opened.stat() : stat(path))).isDirectory()) {
      throw new ReaderError('input', `${path} is a folder. Name its files, for example "${path}/*.md".`);
    }
    const handle = opened ?? (await open(path, 'r'));
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD), 0, HEAD, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      if (handle !== opened) await handle.close();
    }
  } catch (error) {
    if (ReaderError.isInstance(error)) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    throw new ReaderError(
      'input',
      code === 'ENOENT' ? `There is no file ${path}.` : `Cannot read ${path}: ${message}.`,
      { cause: error },
    );
  }
}

/**
 * The readable text of a file, in pieces: plain text as it is read, everything else at once.
 * @param opened the file, if it is open already: `path` is then only its name, and the caller closes it
 * @throws ReaderError `input`, `empty` for a file without text.
 */
export async function* loadText(path: string, opened?: FileHandle): AsyncGenerator<string> {
  const kind = await kindOf(path, opened);
  let some = false;
  const plain = () =>
    opened ? textOf(opened.createReadStream({ start: 0, autoClose: false }), path) : textOf({ file: path });
  const pieces =
    kind === 'text' ? plain() : once(() => readFile(opened ?? path).then((bytes) => convert(kind, bytes, path)));
  for await (const piece of pieces) {
    some ||= piece.trim() !== '';
    yield piece;
  }
  if (!some) {
    throw new ReaderError(
      'empty',
      `${path} holds no text${kind === 'pdf' ? ' (scanned pages are pictures; run a text recognition first)' : ''}.`,
    );
  }
}

async function* once(make: () => Promise<string>): AsyncGenerator<string> {
  yield await make();
}

/** The libraries are large and seldom all needed, so each is loaded when it is. */
export async function convert(kind: FileKind, bytes: Uint8Array, name: string): Promise<string> {
  if (kind === 'pdf') return pdfText(bytes, name);
  const text = new TextDecoder('utf-8', { fatal: false }).decode(bytes);
  if (kind === 'markdown') return markdownText(text);
  if (kind === 'html') return htmlText(text);
  return text;
}

async function pdfText(bytes: Uint8Array, name: string): Promise<string> {
  const { extractText } = await import('unpdf');
  try {
    const { text } = await extractText(new Uint8Array(bytes));
    return text.join('\n\n');
  } catch (error) {
    const { message, name: kind } = error as Error;
    const why = kind === 'PasswordException' ? 'it is locked with a password' : message;
    throw new ReaderError('input', `Cannot read the PDF ${name}: ${why}.`, { cause: error });
  }
}

async function htmlText(html: string): Promise<string> {
  const { convert: toText } = await import('html-to-text');
  return toText(html, {
    wordwrap: false,
    // The library's default cuts off everything beyond 16 million characters.
    limits: { maxInputLength: Number.POSITIVE_INFINITY },
    selectors: [
      { selector: 'a', options: { ignoreHref: true } },
      { selector: 'img', format: 'skip' },
      { selector: 'nav', format: 'skip' },
      ...['h1', 'h2', 'h3', 'h4', 'h5', 'h6'].map((selector) => ({ selector, options: { uppercase: false } })),
    ],
  });
}

interface MarkdownToken {
  type: string;
  text?: string;
  tokens?: MarkdownToken[];
  items?: MarkdownToken[];
  header?: { tokens: MarkdownToken[] }[];
  rows?: { tokens: MarkdownToken[] }[][];
}

/** Words of a Markdown text: no marks, no addresses; code stays as it is. */
async function markdownText(markdown: string): Promise<string> {
  const { lexer } = await import('marked');
  const body = markdown.replace(/^---\n[\s\S]*?\n---\n/, '');
  return blocks(lexer(body) as MarkdownToken[]);
}

function blocks(tokens: readonly MarkdownToken[]): string {
  return tokens
    .map((token) => {
      if (token.type === 'list')
        return `${(token.items ?? []).map((item) => `- ${blocks(item.tokens ?? []).trim()}`).join('\n')}\n\n`;
      if (token.type === 'table') {
        const rows = [token.header ?? [], ...(token.rows ?? [])];
        return `${rows.map((row) => row.map((cell) => inline(cell.tokens)).join(' | ')).join('\n')}\n\n`;
      }
      if (token.type === 'space' || token.type === 'hr' || token.type === 'def') return '';
      if (token.type === 'html') return '';
      if (token.type === 'blockquote') return blocks(token.tokens ?? []);
      return `${token.tokens ? inline(token.tokens) : (token.text ?? '')}\n\n`;
    })
    .join('');
}

function inline(tokens: readonly MarkdownToken[]): string {
  return tokens
    .map((token) => {
      if (token.type === 'br') return '\n';
      if (token.type === 'html') return '';
      return token.tokens ? inline(token.tokens) : (token.text ?? '');
    })
    .join('');
}
