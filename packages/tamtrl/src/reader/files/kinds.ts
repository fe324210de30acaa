/** Recognises what a file is: by its first bytes, then by its name, and without a telling name by its first lines. */
import { extname } from 'node:path';
import { HEAD, wideEncodingOf } from '../decoding.js';
import { ReaderError } from '../errors.js';

export type FileKind =
  | 'text'
  | 'markdown'
  | 'html'
  | 'pdf'
  /** Office documents and books as well: they are archives. */
  | 'zip'
  | 'csv'
  | 'message'
  | 'mailbox'
  | 'notebook'
  | 'subtitles';

/** What can be read, for refusals. */
export const READ_KINDS =
  'Text, Markdown, HTML, PDF, office documents, EPUB, e-mail, notebooks, subtitles and zip archives of these can be read';

const BY_NAME: Readonly<Record<string, FileKind>> = {
  '.txt': 'text',
  '.text': 'text',
  '.log': 'text',
  '.md': 'markdown',
  '.markdown': 'markdown',
  '.mdx': 'markdown',
  '.html': 'html',
  '.htm': 'html',
  '.xhtml': 'html',
  '.pdf': 'pdf',
  '.csv': 'csv',
  '.tsv': 'csv',
  '.tab': 'csv',
  '.eml': 'message',
  '.mht': 'message',
  '.mhtml': 'message',
  '.mbox': 'mailbox',
  '.ipynb': 'notebook',
  '.srt': 'subtitles',
  '.vtt': 'subtitles',
  ...zipped('docx docm dotx pptx pptm ppsx xlsx xlsm xltx odt ott odp ods epub zip'),
};

function zipped(endings: string): Record<string, FileKind> {
  return Object.fromEntries(endings.split(' ').map((ending) => [`.${ending}`, 'zip']));
}

/** Kinds that a server's content type tells better than a name does. */
const BY_TYPE: Readonly<Record<string, FileKind>> = {
  'text/html': 'html',
  'application/xhtml+xml': 'html',
  'text/markdown': 'markdown',
  'text/csv': 'csv',
  'text/tab-separated-values': 'csv',
  'text/vtt': 'subtitles',
  'application/x-subrip': 'subtitles',
  'message/rfc822': 'message',
  'application/mbox': 'mailbox',
  'application/x-ipynb+json': 'notebook',
};

/** Kinds whose files begin with bytes of their own, so that a name alone makes none. */
const SIGNED: Partial<Record<FileKind, string>> = { pdf: 'a PDF', zip: 'an office document, a book or an archive' };

/** Beginnings that nothing else has. */
const BY_SIGNATURE: readonly { bytes: readonly number[]; kind?: FileKind; what?: string }[] = [
  { bytes: [0x25, 0x50, 0x44, 0x46, 0x2d], kind: 'pdf' },
  { bytes: [0x50, 0x4b, 0x03, 0x04], kind: 'zip' },
  // Without entries, and in several volumes.
  { bytes: [0x50, 0x4b, 0x05, 0x06], kind: 'zip' },
  { bytes: [0x50, 0x4b, 0x07, 0x08], kind: 'zip' },
  { bytes: [0x89, 0x50, 0x4e, 0x47], what: 'a PNG image' },
  { bytes: [0xff, 0xd8, 0xff], what: 'a JPEG image' },
  { bytes: [0x47, 0x49, 0x46, 0x38], what: 'a GIF image' },
  { bytes: [0x1f, 0x8b], what: 'a gzip file; unpack it first' },
  { bytes: [0x28, 0xb5, 0x2f, 0xfd], what: 'a zstd file; unpack it first' },
  { bytes: [0x42, 0x5a, 0x68, 0x39], what: 'a bzip2 file; unpack it first' },
  { bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], what: 'an xz file; unpack it first' },
  { bytes: [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c], what: 'a 7z archive; unpack it first' },
  { bytes: [0x52, 0x61, 0x72, 0x21, 0x1a, 0x07], what: 'a RAR archive; unpack it first' },
  { bytes: [0x7f, 0x45, 0x4c, 0x46], what: 'a program' },
];

/** First lines by which content without a telling name is recognised. */
const BY_LINES: readonly { pattern: RegExp; kind: FileKind }[] = [
  { pattern: /^\s*(?:<\?xml[^>]*>\s*)?(?:<!--[\s\S]*?-->\s*)*<(?:!doctype\s+html|html)[\s>]/i, kind: 'html' },
  { pattern: /^WEBVTT(?:[ \t\r\n]|$)/, kind: 'subtitles' },
  { pattern: /^\s*\d+\r?\n\d+:\d\d:\d\d,\d+ --> /, kind: 'subtitles' },
  { pattern: /^\s*\{\s*"(?:cells|metadata|nbformat)"\s*:[\s\S]*"(?:cell_type|nbformat|kernelspec)"/, kind: 'notebook' },
  { pattern: /^From \S+.*\d{4}\r?\n[!-9;-~]+:/, kind: 'mailbox' },
  // Mail has several fields at its head, among them one of those that every server adds.
  {
    pattern: /^(?:[!-9;-~]+:.*\r?\n(?:[ \t].*\r?\n)*){2,}/,
    kind: 'message',
  },
];

/** Fields without which nothing counts as a message: other texts begin with "Name: value" too. */
const MAIL_FIELD = /^(?:Message-ID|Received|MIME-Version|Return-Path):/im;

/** Files of the binary formats of Office before 2007, and the shell of encrypted ones since. */
const COMPOUND = [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];

/**
 * @param head the first bytes
 * @param name with an ending, or without
 * @param type what a server says that it is: "text/html"
 * @throws ReaderError `input` for what cannot be read.
 */
export function kindOfContent(head: Uint8Array, name: string, type?: string): FileKind {
  if (begins(head, COMPOUND)) throw compound(head, name);
  const signed = BY_SIGNATURE.find(({ bytes }) => begins(head, bytes));
  if (signed?.kind) return signed.kind;
  if (signed) throw binary(name, signed.what);
  const isTar = Buffer.from(head.subarray(257, 262)).toString('latin1') === 'ustar';
  if (isTar) throw binary(name, 'a tar archive; unpack it first');
  const wide = wideEncodingOf(head);
  if (!wide && head.includes(0)) throw binary(name);
  const named = (type && BY_TYPE[type]) || BY_NAME[endingOf(name)];
  const what = named && SIGNED[named];
  if (what) {
    throw new ReaderError(
      'input',
      `${name} is named like ${what} but does not begin like one. It may be damaged; export it again.`,
    );
  }
  if (named) return named;
  const start = new TextDecoder(wide?.encoding.startsWith('utf-16') ? wide.encoding : 'utf-8').decode(head);
  if (/^\s*\{\\rtf/.test(start)) {
    throw new ReaderError('input', `${name} is rich text (RTF). Save it as .docx or .txt, and read that.`);
  }
  const isKind = ({ pattern, kind }: (typeof BY_LINES)[number]) =>
    pattern.test(start) && (kind !== 'message' || MAIL_FIELD.test(start));
  const found = BY_LINES.find(isKind)?.kind;
  if (found) return found;
  return endingOf(name) === '' && isTable(start, head.length < HEAD) ? 'csv' : 'text';
}

/** Whether content is read as it is. @throws ReaderError `input` for what cannot be read. */
export const isText = (head: Uint8Array, name: string): boolean => kindOfContent(head, name) === 'text';

/** Rows by which a table is recognised: at least so many of three cells, all with as many as the first. */
const LEAST_ROWS = 3;
const LEAST_CELLS = 3;

/** @param isWhole the text does not end within a row */
function isTable(start: string, isWhole: boolean): boolean {
  return [',', ';', '\t', '|'].some((delimiter) => {
    const rows = cellsOfRows(start, delimiter);
    const whole = isWhole ? rows : rows.slice(0, -1);
    return whole.length >= LEAST_ROWS && whole[0] >= LEAST_CELLS && whole.every((cells) => cells === whole[0]);
  });
}

/** How many cells each row has; delimiters and line breaks between quotation marks belong to a cell. */
function cellsOfRows(text: string, delimiter: string): number[] {
  const rows: number[] = [];
  let cells = 1;
  let isQuoted = false;
  for (const character of text.trimEnd()) {
    if (character === '"') isQuoted = !isQuoted;
    else if (isQuoted) continue;
    else if (character === delimiter) cells++;
    else if (character === '\n') {
      rows.push(cells);
      cells = 1;
    }
  }
  rows.push(cells);
  return rows;
}

function begins(head: Uint8Array, bytes: readonly number[]): boolean {
  return bytes.every((byte, at) => head[at] === byte);
}

function compound(head: Uint8Array, name: string): ReaderError {
  const isEncrypted =
    BY_NAME[endingOf(name)] === 'zip' || Buffer.from(head).includes(Buffer.from('EncryptedPackage', 'utf16le'));
  return new ReaderError(
    'input',
    isEncrypted
      ? `${name} is encrypted with a password. Save it without one, and read that.`
      : `${name} is in a binary format of Office from before 2007. Save it as .docx, .xlsx or .pptx, and read that.`,
  );
}

/** ".pdf", in lower case; of an address, of its path. */
export function endingOf(name: string): string {
  return extname(/^https?:/i.test(name) ? name.replace(/[?#].*$/s, '') : name).toLowerCase();
}

/** Whether a name is that of a document that is a zip archive inside. */
export function isNamedDocument(name: string): boolean {
  const ending = endingOf(name);
  return ending !== '.zip' && BY_NAME[ending] === 'zip';
}

/** Whether a file has about as many characters as bytes, by its name alone. */
export function isPlain(name: string): boolean {
  const kind = BY_NAME[endingOf(name)] ?? 'text';
  return ['text', 'markdown', 'html', 'csv', 'subtitles'].includes(kind);
}

function binary(name: string, what?: string): ReaderError {
  return new ReaderError('input', `${name} is binary${what ? ` (${what})` : ''}, not text. ${READ_KINDS}.`);
}
