/** Zip archives that tests make, and what the reader reads of them. */
import { crc32, deflateRawSync } from 'node:zlib';
import { joinedPieces } from '../places.js';
import { contentOfBytes } from './content.js';
import { loadContent } from './load.js';

interface Part {
  name: string;
  content: Uint8Array | string;
  /** Bit 0 of the flags: encrypted. */
  flags?: number;
  /** What the archive says, if it is not what is true. */
  size?: number;
  /** Packed already. */
  packed?: Uint8Array;
}

/** A zip archive, as APPNOTE.TXT 6.3.10 describes it. */
export function zipOf(parts: readonly Part[]): Buffer {
  const files: Buffer[] = [];
  const entries: Buffer[] = [];
  let offset = 0;
  for (const { name, content, flags = 0, size, packed = deflateRawSync(content) } of parts) {
    const head = Buffer.alloc(26);
    head.writeUInt16LE(20, 0);
    head.writeUInt16LE(flags, 2);
    head.writeUInt16LE(8, 4);
    head.writeUInt32LE(crc32(content), 10);
    head.writeUInt32LE(packed.length, 14);
    head.writeUInt32LE(size ?? Buffer.byteLength(content), 18);
    head.writeUInt16LE(Buffer.byteLength(name), 22);
    const file = Buffer.concat([Buffer.from('PK\x03\x04'), head, Buffer.from(name), packed]);
    const end = Buffer.alloc(14);
    end.writeUInt32LE(offset, 10);
    entries.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\0'), head, end, Buffer.from(name)]));
    files.push(file);
    offset += file.length;
  }
  const list = Buffer.concat(entries);
  const tail = Buffer.alloc(18);
  tail.writeUInt16LE(parts.length, 4);
  tail.writeUInt16LE(parts.length, 6);
  tail.writeUInt32LE(list.length, 8);
  tail.writeUInt32LE(offset, 12);
  return Buffer.concat([...files, list, Buffer.from('PK\x05\x06'), tail]);
}

export async function textOf(bytes: Uint8Array, name: string, onNote?: (note: string) => void): Promise<string> {
  const pieces = [];
  for await (const piece of loadContent(contentOfBytes(bytes, name), onNote ? { onNote } : {})) pieces.push(piece);
  return joinedPieces(pieces).text;
}

export const WORD = '<w:document xmlns:w="w"><w:body><w:p><w:r><w:t>anna</w:t></w:r></w:p></w:body></w:document>';
export const word = (content: string | Uint8Array, more: Partial<Part> = {}) =>
  zipOf([{ name: 'word/document.xml', content, ...more }]);

/** A document that unpacks to more than any may. */
export const wordBomb = (): Buffer => word(Buffer.alloc(66 << 20, ' '));
