/**
 * What a zip archive is: an office document, a book, or files in an archive. Macros in it are data that nobody reads.
 */
import { ReaderError } from '../errors.js';
import { type PlacedText, placedUnder } from '../places.js';
import type { Archive, UnpackBudget } from './archive.js';
import { openArchive } from './archive.js';
import { type Content, contentOfBytes } from './content.js';
import { isNamedDocument } from './kinds.js';
import { listOf } from './ooxml.js';

type Note = ((note: string) => void) | undefined;
type Format = (archive: Archive, name: string, onNote: Note) => AsyncGenerator<PlacedText>;

/** Each format by a part that its archives have. Most are loaded by no one, so each is loaded when it is needed. */
const FORMATS: readonly { part: string; load: () => Promise<Format> }[] = [
  { part: 'word/document.xml', load: async () => (await import('./docx.js')).docxText },
  { part: 'ppt/presentation.xml', load: async () => (await import('./pptx.js')).pptxText },
  { part: 'xl/workbook.xml', load: async () => (await import('./xlsx.js')).xlsxText },
  { part: 'META-INF/container.xml', load: async () => (await import('./epub.js')).epubText },
  { part: 'content.xml', load: async () => (await import('./odf.js')).odfText },
];

/** Reads a file of an archive: its content, under the archive's budget. */
export type LoadEntry = (content: Content, within: UnpackBudget) => AsyncIterable<PlacedText>;

/**
 * @param within set for an archive in an archive, of which only documents are read
 * @param load how to read a file in the archive
 * @throws ReaderError `input` for what is damaged, encrypted, too large or has nothing to read.
 */
export async function* zipText(
  content: Content,
  onNote: Note,
  within: UnpackBudget | undefined,
  load: LoadEntry,
): AsyncGenerator<PlacedText> {
  const { name } = content;
  const archive = await openArchive(content, within);
  const format = FORMATS.find(({ part }) => archive.has(part));
  if (format) {
    yield* (await format.load())(archive, name, onNote);
    return;
  }
  if (archive.has('xl/workbook.bin')) {
    throw new ReaderError('input', `${name} is a binary workbook (.xlsb). Save it as .xlsx, and read that.`);
  }
  if (isNamedDocument(name)) {
    throw new ReaderError(
      'input',
      `Cannot read ${name}: it lacks the part that holds the text of such a document. Save it again in its program, or download it again.`,
    );
  }
  if (within) {
    throw new ReaderError('input', `${name} is an archive in an archive, which is not read. Unpack it first.`);
  }
  yield* filesIn(archive, name, onNote, load);
}

/** Files that programs put into archives for themselves. */
const HIDDEN = /(?:^|\/)(?:__MACOSX\/|\.|Thumbs\.db$|desktop\.ini$)/;

async function* filesIn(archive: Archive, name: string, onNote: Note, load: LoadEntry): AsyncGenerator<PlacedText> {
  const refusals: ReaderError[] = [];
  let read = 0;
  for (const file of archive.names.filter((each) => !HIDDEN.test(each))) {
    const content = contentOfBytes(await archive.whole(file), `${name}/${file}`);
    let some = false;
    try {
      for await (const piece of load(content, archive.budget)) {
        if (!some) yield { text: `${read > 0 ? '\n\n' : ''}${file}:\n\n`, places: [{ at: 0, label: file }] };
        some = true;
        yield placedUnder(file, piece);
      }
    } catch (error) {
      // What is read in part, and what is too much for the whole archive, ends it.
      if (!ReaderError.isInstance(error) || some || archive.budget.isExceeded) throw error;
      refusals.push(error);
    }
    if (some) read++;
  }
  if (read === 0) {
    const why = refusals.length === 0 ? 'It has no files' : refusals[0].message;
    throw new ReaderError('input', `There is nothing to read in ${name}. ${why.replace(/\.$/, '')}.`, {
      cause: refusals[0],
    });
  }
  const left = listOf([[refusals.length, 'file', 'files']]);
  if (left !== undefined) onNote?.(`${name}: ${left} left out (${refusals[0].message.replace(/\.$/, '')})`);
}
