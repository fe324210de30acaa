/**
 * Bytes of text become strings as they arrive: UTF-8, UTF-16 and Windows-1252 are recognised, any other encoding has to
 * be named. Needs no Node.
 */
import { ReaderError } from './errors.js';

/** Bytes looked at before an encoding is decided on. */
const SAMPLE = 1 << 16;
/** Bytes at the start in which UTF-16 and binary content are looked for. */
export const HEAD = 4096;
/** Share of the bytes of text in Windows-1252 that may lie beyond ASCII: in French or Swedish about 4 % do. */
const MOST_BEYOND_ASCII = 0.25;
/** Bytes that mean nothing in Windows-1252, and control characters that no text has. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const NOT_IN_TEXT = /[\u0001-\u0008\u000e-\u001a\u001c-\u001f\u007f\u0081\u008d\u008f\u0090\u009d]/;

export interface DecodingOptions {
  /** Name of the encoding, as `TextDecoder` takes it. By default it is recognised. */
  encoding?: string;
  /** Receives what was assumed: "notes.txt was read as Windows-1252". */
  onNote?: (note: string) => void;
}

/** @throws ReaderError `input` for an encoding that this runtime does not know. */
export function checkEncoding(encoding: string): void {
  try {
    new TextDecoder(encoding);
  } catch (error) {
    throw new ReaderError(
      'input',
      `There is no encoding ${JSON.stringify(encoding)}. Name one as browsers do: utf-8, utf-16le, windows-1252, shift_jis, gb18030, …`,
      { cause: error },
    );
  }
}

/** Byte-order marks: what they stand for, and their bytes. */
const MARKS = [
  { encoding: 'utf-32le', bytes: [0xff, 0xfe, 0, 0] },
  { encoding: 'utf-32be', bytes: [0, 0, 0xfe, 0xff] },
  { encoding: 'utf-8', bytes: [0xef, 0xbb, 0xbf] },
  { encoding: 'utf-16le', bytes: [0xff, 0xfe] },
  { encoding: 'utf-16be', bytes: [0xfe, 0xff] },
];

/**
 * UTF-16 or UTF-32 by a byte-order mark, or UTF-16 by what its bytes mean: text without control characters or
 * unassigned ones, and with ASCII in it. With its bytes exchanged, a space becomes U+2000 and a line feed U+0A00.
 */
export function wideEncodingOf(head: Uint8Array): { encoding: string; marked: boolean } | undefined {
  const mark = MARKS.find(({ bytes }) => bytes.every((byte, at) => head[at] === byte));
  if (mark) return mark.encoding === 'utf-8' ? undefined : { encoding: mark.encoding, marked: true };
  if (!head.subarray(0, HEAD).includes(0)) return undefined;
  // All of the text is here, and half a unit is left over.
  if (head.length < HEAD && head.length % 2 === 1) return undefined;
  if (isAsciiWithZeros(head.subarray(0, HEAD))) return undefined;
  // Half a surrogate pair at the end is no fault of the text.
  const sample = head.subarray(0, Math.min(head.length, HEAD) & ~1);
  for (const encoding of ['utf-16le', 'utf-16be']) {
    const text = decodedOrNone(encoding, sample) ?? decodedOrNone(encoding, sample.subarray(0, -2));
    if (text === undefined || text === '' || /(?![\t\n\f\r])\p{Cc}|\p{Cn}|\p{Co}/u.test(text)) continue;
    const ascii = text.match(/[\t\n\r -~]/g)?.length ?? 0;
    if (ascii > text.length / 50) return { encoding, marked: false };
  }
  return undefined;
}

/** ASCII with a few zero bytes would be rare Chinese characters in UTF-16. In Latin text, every other byte is zero. */
function isAsciiWithZeros(bytes: Uint8Array): boolean {
  const zeros = bytes.filter((byte) => byte === 0).length;
  const ascii = bytes.filter((byte) => (byte >= 32 && byte < 127) || (byte >= 9 && byte <= 13)).length;
  return zeros < bytes.length / 5 && zeros + ascii === bytes.length;
}

function decodedOrNone(encoding: string, bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** What the bytes 0x80 to 0x9f mean in Windows-1252; the five that mean nothing stay what they are. */
const WESTERN = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ';

/**
 * Text in Windows-1252 that was decoded as Latin-1. Node's `TextDecoder` does so in versions 20.18.3 to 24
 * (nodejs/node#56542). Text has no such control characters, so any can be mended.
 */
export function mended(text: string): string {
  return text.replaceAll(/[\u0080-\u009f]/g, (character) => WESTERN[character.charCodeAt(0) - 0x80]);
}

/**
 * Decodes one text. ASCII is passed on at once. From the first byte beyond it, up to 64 KiB are collected, by which the
 * encoding is decided.
 */
export class Decoding {
  readonly #name: string;
  readonly #options: DecodingOptions;
  #decoder: InstanceType<typeof TextDecoder> | undefined;
  #encoding = '';
  /** Bytes that wait for the encoding to be known. */
  #waiting = new Uint8Array(0);
  #begun = false;
  /** Bytes that have been decoded. */
  #read = 0;

  /** @param name of the text, for messages */
  constructor(name: string, options: DecodingOptions = {}) {
    this.#name = name;
    this.#options = options;
    const { encoding } = options;
    if (encoding === undefined) return;
    checkEncoding(encoding);
    this.#use(encoding);
  }

  /** @throws ReaderError `input` for bytes that are not text. */
  write(bytes: Uint8Array): string {
    if (this.#decoder) return this.#decode(bytes, true);
    this.#waiting = joined(this.#waiting, bytes);
    if (!this.#begun && this.#waiting.length < HEAD) return '';
    return this.#decide(false);
  }

  /** @throws ReaderError `input` for bytes that are not text. */
  end(): string {
    return (this.#decoder ? '' : this.#decide(true)) + (this.#decoder ? this.#decode(new Uint8Array(0), false) : '');
  }

  /** Text as far as the encoding is known. */
  #decide(ended: boolean): string {
    if (!this.#begun) {
      this.#begun = true;
      const wide = wideEncodingOf(this.#waiting);
      if (wide) {
        if (wide.encoding.startsWith('utf-32')) throw this.#refused(`is ${wide.encoding.toUpperCase()} text`);
        if (!wide.marked) this.#note(`as ${wide.encoding.toUpperCase()} (without a byte-order mark)`);
        this.#use(wide.encoding);
        return this.#take(this.#waiting.length);
      }
    }
    const beyond = this.#waiting.findIndex((byte) => byte > 127);
    if (beyond < 0) return this.#ascii(this.#waiting.length);
    if (!ended && this.#waiting.length - beyond < SAMPLE) return this.#ascii(beyond);
    const ascii = this.#ascii(beyond);
    this.#use(this.#encodingOf(this.#waiting.subarray(0, SAMPLE)));
    return ascii + this.#take(this.#waiting.length);
  }

  /** UTF-8, unless more of the sample's bytes are wrong in it than right. */
  #encodingOf(sample: Uint8Array): string {
    const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(sample);
    const wrong = text.match(/\ufffd/g)?.length ?? 0;
    const right = text.match(/[^\0-\x7f\ufffd]/gu)?.length ?? 0;
    // A sample may end within a character, and text may hold U+FFFD itself.
    if (wrong <= 1 ? right > 0 : right > wrong) return 'utf-8';
    const western = new TextDecoder('windows-1252').decode(sample);
    const beyond = sample.reduce((sum, byte) => sum + Number(byte > 127), 0);
    if (NOT_IN_TEXT.test(western) || (sample.length > 64 && beyond > MOST_BEYOND_ASCII * sample.length)) {
      throw this.#refused(
        `is neither UTF-8 nor UTF-16, and does not look like Windows-1252 (from byte ${this.#read} on)`,
      );
    }
    this.#note('as Windows-1252 (it is not UTF-8)');
    return 'windows-1252';
  }

  #use(encoding: string): void {
    // Only at the very start is the mark no character of the text.
    this.#decoder = new TextDecoder(encoding, { fatal: true, ignoreBOM: this.#read > 0 });
    this.#encoding = this.#decoder.encoding;
  }

  /** The next bytes of those that wait, which are known to be ASCII. */
  #ascii(length: number): string {
    const text = new TextDecoder().decode(this.#waiting.subarray(0, length));
    this.#read += length;
    this.#waiting = this.#waiting.subarray(length);
    return this.#checked(text);
  }

  #take(length: number): string {
    const bytes = this.#waiting.subarray(0, length);
    this.#waiting = this.#waiting.subarray(length);
    return this.#decode(bytes, true);
  }

  #decode(bytes: Uint8Array, stream: boolean): string {
    let text: string;
    try {
      text = this.#decoder!.decode(bytes, { stream });
    } catch (error) {
      const at = this.#read + faultIn(this.#encoding, bytes);
      throw this.#refused(`is not ${this.#encoding.toUpperCase()} text (around byte ${at})`, error);
    }
    this.#read += bytes.length;
    return this.#checked(this.#encoding === 'windows-1252' ? mended(text) : text);
  }

  #checked(text: string): string {
    if (!text.includes('\0')) return text;
    throw new ReaderError('input', `${this.#name} is binary: it has a zero byte. Convert it to text first.`);
  }

  #refused(what: string, cause?: unknown): ReaderError {
    return new ReaderError(
      'input',
      `${this.#name} ${what}. Name its encoding (--encoding, or the option encoding), or convert it to UTF-8.`,
      { cause },
    );
  }

  #note(how: string): void {
    this.#options.onNote?.(`${this.#name} was read ${how}`);
  }
}

/** Offset of the first byte that is wrong; a character that began in bytes before counts as wrong at 0. */
function faultIn(encoding: string, bytes: Uint8Array): number {
  const isText = (length: number) => {
    try {
      new TextDecoder(encoding, { fatal: true }).decode(bytes.subarray(0, length), { stream: true });
      return true;
    } catch {
      return false;
    }
  };
  let [right, wrong] = [0, bytes.length];
  while (wrong - right > 1) {
    const middle = (right + wrong) >> 1;
    if (isText(middle)) right = middle;
    else wrong = middle;
  }
  return right;
}

export function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

/** The whole of a text. @throws ReaderError `input` for bytes that are not text. */
export function decodedText(bytes: Uint8Array, name: string, options: DecodingOptions = {}): string {
  const decoding = new Decoding(name, options);
  return decoding.write(bytes) + decoding.end();
}

/**
 * The encoding that the start of an HTML or XML text declares. Undefined if it declares none, or one that bytes tell
 * better: UTF-8, which is recognised, and UTF-16, in which the declaration could not have been read.
 */
export function declaredEncoding(head: Uint8Array): string | undefined {
  const text = new TextDecoder('windows-1252').decode(head.subarray(0, HEAD));
  const declared =
    /^\s*<\?xml[^>]*\sencoding\s*=\s*["']\s*([\w.:-]+)/i.exec(text)?.[1] ??
    /<meta[^>]*\scharset\s*=\s*["']?\s*([\w.:-]+)/i.exec(text)?.[1] ??
    /<meta[^>]*content\s*=\s*["'][^"'>]*charset=\s*([\w.:-]+)/i.exec(text)?.[1];
  return declared === undefined ? undefined : usableEncoding(declared);
}

/** An encoding that a document or a server declares, if it is known and says more than the bytes themselves. */
export function usableEncoding(declared: string): string | undefined {
  try {
    const { encoding } = new TextDecoder(declared);
    return encoding.startsWith('utf-') ? undefined : encoding;
  } catch {
    return undefined;
  }
}
