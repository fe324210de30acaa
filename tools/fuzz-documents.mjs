/** The parsers of documents that people have, for fuzz-parsers.mjs. */
import { data, drain, Refused, tamtrl } from './fuzz-inputs.mjs';

/** Office documents and books, and the parser of each. */
const OFFICE = [
  ['pandoc.docx', 'docx'],
  ['python-pptx.pptx', 'pptx'],
  ['openpyxl.xlsx', 'xlsx'],
  ['pandoc.odt', 'odf'],
  ['pandoc.epub', 'epub'],
];

const document = (name) => async () => {
  const { loadContent } = await tamtrl('reader/files/load.js');
  const { contentOfBytes } = await tamtrl('reader/files/content.js');
  return (input) => drain(loadContent(contentOfBytes(input, name)));
};

/**
 * The text parts of a document in one input, without the checksums behind which every change of an archive would end.
 */
function officeParts(file, parser) {
  return async () => {
    const { openArchive } = await tamtrl('reader/files/archive.js');
    const { contentOfBytes } = await tamtrl('reader/files/content.js');
    const read = (await tamtrl(`reader/files/${parser}.js`))[`${parser}Text`];
    const archive = await openArchive(contentOfBytes(data(`documents/${file}`), file));
    const texts = archive.names.filter(
      (name) => /xml$|rels$|opf$/.test(name) && !/theme|slideLayout|slideMaster/.test(name),
    );
    const parts = texts.map(async (name) => `=== ${name}\n${Buffer.from(await archive.whole(name))}\n`);
    const sample = Buffer.from((await Promise.all(parts)).join(''));
    const parse = (input) => {
      const found = new Map(
        input
          .toString()
          .split(/^=== /m)
          .map((part) => [part.slice(0, part.indexOf('\n')), Buffer.from(part.slice(part.indexOf('\n') + 1))]),
      );
      const partOf = (name) => {
        if (!found.has(name)) throw new Refused(`${name} is missing`);
        return found.get(name);
      };
      const stream = async function* (name) {
        yield partOf(name);
      };
      const has = (name) => found.has(name);
      return drain(read({ names: [...found.keys()], has, stream, whole: async (name) => partOf(name) }, file));
    };
    return Object.assign(parse, { samples: [sample] });
  };
}

/** As in fuzz-parsers.mjs. */
export const DOCUMENT_PARSERS = {
  zip: [true, () => OFFICE.map(([file]) => data(`documents/${file}`)), document('input')],
  ...Object.fromEntries(OFFICE.map(([file, part]) => [part, [false, () => [], officeParts(file, part)]])),
  mail: [false, () => [data('documents/email.eml')], document('a.eml')],
  mailbox: [false, () => [data('documents/mailbox.mbox')], document('a.mbox')],
  csv: [false, () => [data('documents/csv.csv'), data('documents/tabs.tsv')], document('a.csv')],
  notebook: [false, () => [data('documents/pandoc.ipynb')], document('a.ipynb')],
  subtitles: [false, () => [data('documents/by-hand.srt'), data('documents/by-hand.vtt')], document('a.srt')],
  encodings: [
    true,
    () => ['utf-16.txt', 'utf-16be.txt', 'utf-8.txt', 'windows-1252.txt'].map((name) => data(`documents/${name}`)),
    document('a.txt'),
  ],
};
