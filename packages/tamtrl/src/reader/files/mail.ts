/** E-mail: one message, or a mailbox of them. Attachments are named, and not opened. */
import { libraryReason } from '../../base/errors.js';
import { bytesText, MAX_MESSAGE_BYTES, MAX_MESSAGE_NESTING } from '../../base/limits.js';
import { mended } from '../decoding.js';
import { ReaderError } from '../errors.js';
import { type PlacedText, placedUnder } from '../places.js';
import { type Content, wholeOf } from './content.js';
import { htmlText } from './html.js';
import { listOf } from './ooxml.js';

type Note = ((note: string) => void) | undefined;

/** One message. @throws ReaderError `input` for what is too large or nested too deep. */
export async function* messageText(content: Content, onNote: Note): AsyncGenerator<PlacedText> {
  const { text, attachments } = await parsed(await wholeOf(content, 'message', MAX_MESSAGE_BYTES), content.name);
  yield text;
  noteAttachments(content.name, attachments, onNote);
}

/** The messages of a mailbox, each a place. @throws ReaderError `input` for a message that cannot be read. */
export async function* mailboxText(content: Content, onNote: Note): AsyncGenerator<PlacedText> {
  let number = 0;
  let attachments = 0;
  for await (const bytes of messagesOf(content)) {
    number++;
    const message = await parsed(bytes, `message ${number} of ${content.name}`);
    attachments += message.attachments;
    const label = `message ${number}`;
    yield { text: number > 1 ? '\n\n' : '', places: [{ at: number > 1 ? 2 : 0, label }] };
    yield placedUnder(label, message.text);
  }
  noteAttachments(content.name, attachments, onNote);
}

function noteAttachments(name: string, count: number, onNote: Note): void {
  const left = listOf([[count, 'attachment', 'attachments']]);
  if (left !== undefined) onNote?.(`${name}: ${left} left out`);
}

async function parsed(bytes: Uint8Array, name: string): Promise<{ text: PlacedText; attachments: number }> {
  const { default: PostalMime } = await import('postal-mime');
  let mail: Awaited<ReturnType<typeof PostalMime.parse>>;
  try {
    mail = await PostalMime.parse(bytes, { maxNestingDepth: MAX_MESSAGE_NESTING });
  } catch (error) {
    const reason = libraryReason(error, 'its parts make no sense').replace(/\.$/, '');
    throw new ReaderError('input', `Cannot read ${name}: ${reason}.`, { cause: error });
  }
  const attached = mail.attachments.filter(({ related, disposition }) => !(related && disposition !== 'attachment'));
  const head = [
    ['From', addresses(mail.from && [mail.from])],
    ['To', addresses(mail.to)],
    ['Cc', addresses(mail.cc)],
    ['Date', mail.date],
    ['Subject', mail.subject],
    ['Attachments', attached.map(({ filename, mimeType }) => filename ?? mimeType).join(', ')],
  ].flatMap(([field, value]) => (value ? [`${field}: ${value.replaceAll(/\s+/g, ' ')}\n`] : []));
  const body = mail.text?.trim() ? mail.text.replaceAll('\r\n', '\n').trim() : htmlText(mail.html ?? '', name).text;
  return { text: { text: mended(`${head.join('')}\n${body}`), places: [] }, attachments: attached.length };
}

type Addresses = readonly { name: string; address?: string; group?: Addresses }[] | undefined;

function addresses(list: Addresses): string {
  return (list ?? [])
    .map(({ name, address, group }) => {
      if (group) return `${name}: ${addresses(group)}`;
      return name && address ? `${name} <${address}>` : name || (address ?? '');
    })
    .join(', ');
}

/** A line that begins a message: RFC 4155's, and what programs make of it. */
const BEGINNING = /^From \S+.*\d{4}/;

/**
 * The bytes of each message, one after the other. Lines are told apart as Latin-1, which keeps every byte.
 * @throws ReaderError `input` for a message that is too large.
 */
async function* messagesOf(content: Content): AsyncGenerator<Uint8Array> {
  let lines: string[] = [];
  let size = 0;
  let rest = '';
  let isBlank = true;
  let begun = false;
  const add = (line: string) => {
    size += line.length;
    if (size > MAX_MESSAGE_BYTES) {
      const limit = bytesText(MAX_MESSAGE_BYTES);
      throw new ReaderError('input', `${content.name} has a message of more than ${limit}, which cannot be read.`);
    }
    // Lines of the text that look like the beginning of a message are quoted so.
    lines.push(line.replace(/^>(?=>*From )/, ''));
  };
  for await (const bytes of content.stream()) {
    const parts = (rest + Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')).split('\n');
    rest = parts.pop() ?? '';
    if (rest.length > MAX_MESSAGE_BYTES) add(rest);
    for (const part of parts) {
      if (isBlank && BEGINNING.test(part)) {
        if (begun) yield Buffer.from(lines.join(''), 'latin1');
        begun = true;
        lines = [];
        size = 0;
      } else add(`${part}\n`);
      isBlank = part.trim() === '';
    }
  }
  add(rest);
  if (begun) yield Buffer.from(lines.join(''), 'latin1');
}
