/** Books in EPUB 2 and 3: their chapters in reading order. */

import { Decoding, declaredEncoding } from '../decoding.js';
import { ReaderError } from '../errors.js';
import { type PlacedText, placedUnder } from '../places.js';
import type { Archive } from './archive.js';
import { HtmlText } from './html.js';
import { listOf, pathFrom } from './ooxml.js';
import { readXml } from './xml.js';

export const EPUB_PART = 'META-INF/container.xml';

/** Hides fonts from copying, by IDPF and by Adobe; the text stays open. */
const FONTS_ONLY = /idpf\.org\/2008\/embedding|ns\.adobe\.com\/pdf\/enc#RC/;

/** @throws ReaderError `input` for a book that is damaged or protected. */
export async function* epubText(
  archive: Archive,
  name: string,
  onNote: ((note: string) => void) | undefined,
): AsyncGenerator<PlacedText> {
  await requireOpen(archive, name);
  let index = 0;
  for (const path of await chaptersOf(archive, name)) {
    index++;
    let some = false;
    for await (const piece of chapter(archive, path, name)) {
      if (!some && piece.text !== '') yield { text: '', places: [{ at: 0, label: `chapter ${index}` }] };
      some ||= piece.text !== '';
      yield placedUnder(`chapter ${index}`, piece);
    }
    if (some) yield { text: '\n\n', places: [] };
    // A cover is a picture, and no chapter.
    else index--;
  }
  const pictures = archive.names.filter((each) => /\.(?:png|jpe?g|gif|svg|webp)$/i.test(each)).length;
  const left = listOf([[pictures, 'picture', 'pictures']]);
  if (left !== undefined) onNote?.(`${name}: ${left} left out`);
}

async function requireOpen(archive: Archive, name: string): Promise<void> {
  const part = 'META-INF/encryption.xml';
  if (!archive.has(part)) return;
  await readXml(archive.stream(part), name, {
    open(tag, { Algorithm: algorithm = '' }) {
      if (tag !== 'EncryptionMethod' || FONTS_ONLY.test(algorithm)) return;
      throw new ReaderError('input', `${name} is protected against copying (DRM), so its text cannot be read.`);
    },
  });
}

async function chaptersOf(archive: Archive, name: string): Promise<string[]> {
  let book = '';
  await readXml(archive.stream(EPUB_PART), name, {
    open(tag, { 'full-path': path }) {
      if (tag === 'rootfile' && book === '') book = path ?? '';
    },
  });
  const items = new Map<string, string>();
  const order: string[] = [];
  await readXml(archive.stream(book), name, {
    open(tag, { id = '', href = '', idref = '', linear, 'media-type': type = '' }) {
      if (tag === 'item' && /html|xml/.test(type)) items.set(id, href);
      else if (tag === 'itemref' && linear !== 'no') order.push(idref);
    },
  });
  const folder = book.slice(0, book.lastIndexOf('/') + 1);
  return order.flatMap((id) => {
    const href = items.get(id);
    if (href === undefined) return [];
    const path = pathFrom(folder, decoded(href.replace(/#.*$/, '')));
    return archive.has(path) ? [path] : [];
  });
}

/** Addresses within a book are those of URLs. */
function decoded(href: string): string {
  try {
    return decodeURIComponent(href);
  } catch {
    return href;
  }
}

async function* chapter(archive: Archive, path: string, name: string): AsyncGenerator<PlacedText> {
  // Titles of chapters stand in their headings; those of their files are made by programs.
  const text = new HtmlText(name, { title: false });
  let decoding: Decoding | undefined;
  for await (const bytes of archive.stream(path)) {
    if (decoding === undefined) {
      const encoding = declaredEncoding(bytes);
      decoding = new Decoding(name, encoding === undefined ? {} : { encoding });
    }
    yield text.write(decoding.write(bytes));
  }
  yield text.write(decoding?.end() ?? '');
  yield text.end();
}
