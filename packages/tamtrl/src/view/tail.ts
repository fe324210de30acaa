/** Follows a file of lines that grows: what has been read is not read again. */
import { type FileHandle, open, stat } from 'node:fs/promises';

/** Bytes that are read at once. */
const BLOCK = 1 << 20;
/** Bytes of a line, far above what a run writes. */
const MAX_LINE = 64 << 20;
const NEWLINE = 0x0a;

/** Where a line stands in its file. */
export interface LinePlace {
  /** From 1. */
  number: number;
  /** In bytes. */
  offset: number;
  length: number;
}

export interface LineReader {
  line(text: string, place: LinePlace): void;
  /** The file was replaced or became shorter: everything is read again. */
  restart(): void;
}

export class LineTail {
  readonly path: string;
  readonly #reader: LineReader;
  /** Of the file, to notice when another one takes its place. */
  #inode: number | undefined;
  #rest: Buffer[] = [];
  #restLength = 0;
  #skipping = false;
  #lines = 0;
  #polling: Promise<boolean> | undefined;
  #looked = false;
  #polled = false;
  #changes = 0;
  /** Bytes read, and the size of the file when it was last looked at. */
  read = 0;
  size = 0;
  /** When the file was last written, in milliseconds since 1970; 0: there is no file. */
  changed = 0;
  /** Numbers of lines that are longer than any run writes. */
  readonly overlong: number[] = [];

  constructor(path: string, reader: LineReader) {
    this.path = path;
    this.#reader = reader;
  }

  /**
   * Reads what has been added, at most `bytes` of it. Returns whether there was anything new. Several calls at once are
   * one.
   */
  poll(bytes = Number.POSITIVE_INFINITY): Promise<boolean> {
    this.#polling ??= this.#poll(bytes)
      .then((found) => {
        if (this.#polled && found) this.#changes++;
        this.#polled = true;
        return found;
      })
      .finally(() => {
        this.#polling = undefined;
      });
    return this.#polling;
  }

  /**
   * Another number whenever anything new was seen, whoever saw it first. The first sight is not new: whoever asks reads
   * the file before the reply.
   */
  get mark(): number {
    return this.#changes;
  }

  /** Sees whether the file was written since it was last looked at, without reading it. */
  async look(): Promise<boolean> {
    const was = this.changed;
    this.changed = (await stat(this.path).catch(() => undefined))?.mtimeMs ?? 0;
    if (this.#looked && was !== this.changed) this.#changes++;
    this.#looked = true;
    return was !== this.changed;
  }

  async #poll(bytes: number): Promise<boolean> {
    let file: FileHandle;
    try {
      file = await open(this.path, 'r');
    } catch {
      // What has been read stays in view: a folder may be moved, or its disk be away for a while.
      const was = this.changed;
      this.changed = 0;
      return was !== 0;
    }
    try {
      const { size, ino, mtimeMs, isFile } = await statOf(file);
      if (!isFile) return false;
      const replaced = this.#inode !== undefined && (this.#inode !== ino || size < this.read);
      if (replaced) this.#restart();
      this.#inode = ino;
      this.size = size;
      const touched = this.changed !== mtimeMs;
      this.changed = mtimeMs;
      const before = this.read;
      const end = Math.min(size, this.read + bytes);
      while (this.read < end) {
        const block = Buffer.allocUnsafe(Math.min(BLOCK, end - this.read));
        const { bytesRead } = await file.read(block, 0, block.length, this.read);
        if (bytesRead === 0) break;
        this.#take(block.subarray(0, bytesRead));
      }
      return replaced || touched || this.read !== before;
    } finally {
      await file.close();
    }
  }

  #restart(): void {
    this.read = 0;
    this.#lines = 0;
    this.#rest = [];
    this.#restLength = 0;
    this.#skipping = false;
    this.overlong.length = 0;
    this.#reader.restart();
  }

  #take(block: Buffer): void {
    let from = 0;
    for (let at = block.indexOf(NEWLINE); at >= 0; at = block.indexOf(NEWLINE, from)) {
      const end = this.read + at;
      this.#lines++;
      const own = block.subarray(from, at);
      const length = this.#restLength + own.length;
      if (this.#skipping) this.overlong.push(this.#lines);
      else {
        const text = (this.#rest.length === 0 ? own : Buffer.concat([...this.#rest, own])).toString('utf8');
        this.#reader.line(text, { number: this.#lines, offset: end - length, length });
      }
      this.#rest = [];
      this.#restLength = 0;
      this.#skipping = false;
      from = at + 1;
    }
    const left = block.subarray(from);
    this.read += block.length;
    if (left.length === 0) return;
    this.#restLength += left.length;
    if (this.#restLength > MAX_LINE) {
      this.#skipping = true;
      this.#rest = [];
    } else this.#rest.push(Buffer.from(left));
  }
}

async function statOf(file: FileHandle) {
  const found = await file.stat();
  return { size: found.size, ino: found.ino, mtimeMs: found.mtimeMs, isFile: found.isFile() };
}

/** The text of a line, by its place. @throws if the file is gone or shorter. */
export async function lineAt(path: string, { offset, length }: Pick<LinePlace, 'offset' | 'length'>): Promise<string> {
  const file = await open(path, 'r');
  try {
    const bytes = Buffer.alloc(length);
    const { bytesRead } = await file.read(bytes, 0, length, offset);
    return bytes.subarray(0, bytesRead).toString('utf8');
  } finally {
    await file.close();
  }
}

/** Counts lines that cannot be used, for one sentence about all of them. */
export class DamagedLines {
  #count = 0;
  #first = 0;

  add(number: number): void {
    this.#count++;
    if (this.#first === 0) this.#first = number;
  }

  clear(): void {
    this.#count = 0;
    this.#first = 0;
  }

  /** No sentence if there are none. */
  sentences(file: string, expected: string): string[] {
    if (this.#count === 0) return [];
    const others = this.#count === 1 ? '' : ` and ${this.#count - 1} more`;
    return [`${file}: line ${this.#first}${others} cannot be read (expected ${expected}). The other lines are shown.`];
  }
}
