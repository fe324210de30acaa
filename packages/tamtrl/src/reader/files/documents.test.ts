/** Documents as real programs write them, and the table of docs/reading.md that says which are read. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { joinedPieces, Places } from '../places.js';
import { contentOfBytes } from './content.js';
import { kindOfContent } from './kinds.js';
import { loadContent, loadText } from './load.js';

const fixture = (name: string) => fileURLToPath(new URL(`../../../fixtures/documents/${name}`, import.meta.url));

async function read(pieces: ReturnType<typeof loadText>) {
  const all = [];
  for await (const piece of pieces) all.push(piece);
  return joinedPieces(all);
}

async function load(name: string) {
  const notes: string[] = [];
  const piece = await read(loadText(fixture(name), { onNote: (note) => notes.push(note) }));
  return { ...piece, notes };
}

async function placeOf(phrase: string, { text, places }: Awaited<ReturnType<typeof read>>): Promise<string> {
  const list = new Places();
  list.list = places.map(({ at, label }) => ({ start: at, label }));
  const start = text.indexOf(phrase);
  expect(start, phrase).toBeGreaterThanOrEqual(0);
  return list.between(start, start + phrase.length) ?? '';
}

/** A format or encoding as the documentation names it, a file in it, and a phrase with its place. */
const READ: readonly [format: string, file: string, phrase: string, place: string][] = [
  ['text in UTF-8', 'utf-8.txt', 'für 5 €.\nThe Aurora', 'line 1-2'],
  ['UTF-8 with a byte-order mark', 'utf-8-mark.txt', 'Café', 'line 1'],
  ['UTF-16 with a byte-order mark', 'utf-16.txt', 'The Aurora', 'line 2'],
  ['UTF-16LE', 'utf-16le.txt', 'für 5 €', 'line 1'],
  ['UTF-16BE', 'utf-16be.txt', 'für 5 €', 'line 1'],
  ['Windows-1252', 'windows-1252.txt', 'Zürich – für 5 €', 'line 1'],
  ['Latin-1', 'latin-1.txt', 'Café à Zürich', 'line 1'],
  ['HTML', 'pandoc.html', 'horse | 5', 'section "The market"'],
  ['Word (.docx)', 'pandoc.docx', 'horse | 5', 'section "The market"'],
  ['PowerPoint (.pptx)', 'python-pptx.pptx', 'horse | 5', 'slide 2'],
  ['Excel (.xlsx)', 'openpyxl.xlsx', 'anna oslo', 'sheet Prices, cell B7'],
  ['OpenDocument text (.odt)', 'pandoc.odt', 'horse | 5', 'section "The market"'],
  ['OpenDocument sheet (.ods)', 'libreoffice.ods', 'anna oslo', 'sheet Prices, cell B7'],
  ['OpenDocument slides (.odp)', 'libreoffice.odp', 'Notes: Say', 'slide 1'],
  ['EPUB', 'pandoc.epub', 'horse | 5', 'chapter 3, section "The market"'],
  ['CSV, commas', 'csv.csv', 'Tōkyō; Ōsaka', 'row 2, column Ort'],
  ['CSV, semicolons, UTF-16', 'semicolon.csv', '120,00', 'row 3, column Preis'],
  ['TSV', 'tabs.tsv', 'say "no"', 'row 4, column Ort'],
  ['e-mail (.eml)', 'email.eml', 'das Schiff fuhr 1987 aus Bristol ab – für 5 €', ''],
  ['mailbox (.mbox)', 'mailbox.mbox', 'Größe des Schiffs 2', 'message 2'],
  ['Jupyter notebook', 'pandoc.ipynb', 'horse | 5', 'cell 1, section "The market"'],
  ['SubRip (.srt)', 'pysubs2.srt', 'in 1987. & came back.', '00:01:20'],
  ['WebVTT (.vtt)', 'pysubs2.vtt', 'Was it spring?', '01:02:03'],
  ['zip archive of these', 'zipfile.zip', 'The market', 'report.docx, section "The market"'],
];

describe('documents', () => {
  it.each(READ)('%s are read, with their places', async (_, file, phrase, place) => {
    const { text, places } = await load(file);
    expect(await placeOf(phrase, { text, places })).toBe(place);
  });

  it('are listed in the documentation as they are tested', () => {
    const guide = readFileSync(fileURLToPath(new URL('../../../../../docs/reading.md', import.meta.url)), 'utf8');
    const listed = [...guide.matchAll(/^\| (\S.*?) +\| `?(\S*?)`? +\| (.*?) +\|$/gm)].map(([, ...cells]) => cells);
    const expected = READ.map(([format, file, , place]) => [format, file, place]);
    expect(listed.filter(([, file]) => READ.some(([, name]) => name === file))).toEqual(expected);
  });

  it('are recognised without their names', async () => {
    for (const [, file, phrase] of READ) {
      const { text } = await read(loadContent(contentOfBytes(readFileSync(fixture(file)), 'The input')));
      expect(text, file).toContain(phrase);
    }
  });

  it('tables are recognised by rows of as many cells, from standard input too, and prose is none', () => {
    const kindOf = (bytes: Uint8Array) => kindOfContent(bytes, 'The input');
    for (const name of ['csv.csv', 'semicolon.csv', 'tabs.tsv'])
      expect(kindOf(readFileSync(fixture(name))), name).toBe('csv');
    const text = (lines: string[]) => kindOf(new TextEncoder().encode(lines.join('\n')));
    expect(text(['a,b,c', '1,"x, y",3', '4,"two', 'lines",6'])).toBe('csv');
    expect(text(['One, two, three.', 'Four, five and six.', 'Seven, eight, nine.'])).toBe('text');
    expect(text(['a,b', '1,2', '3,4'])).toBe('text');
    expect(kindOfContent(new TextEncoder().encode('a,b,c\n1,2,3\n4,5,6\n'), 'notes.txt')).toBe('text');
  });

  it('say in one line what was left out or assumed', async () => {
    const notes = Object.fromEntries(
      await Promise.all(READ.map(async ([, file]) => [file, (await load(file)).notes] as const)),
    );
    const said = Object.values(notes).flat();
    expect(said.map((note) => note.split('/').at(-1)!).sort()).toEqual([
      'email.eml: 1 attachment left out',
      'latin-1.txt was read as Windows-1252 (it is not UTF-8)',
      expect.stringMatching(/^logo\.png is binary \(a PNG image\)/),
      'mailbox.mbox: 2 attachments left out',
      'openpyxl.xlsx: 1 formula has no saved result, so the formula was read',
      'utf-16be.txt was read as UTF-16BE (without a byte-order mark)',
      'utf-16le.txt was read as UTF-16LE (without a byte-order mark)',
      'windows-1252.txt was read as Windows-1252 (it is not UTF-8)',
    ]);
    expect(notes['zipfile.zip']).toEqual([
      expect.stringMatching(/zipfile\.zip: 1 file left out \(.*logo\.png is binary/),
    ]);
  });

  it('keep lists, tables, notes, values and line breaks in cells', async () => {
    expect((await load('pandoc.docx')).text).toBe(
      'Ships & ports\n\nAnna Berg\n\nThe ship\n\nThe ship Aurora left Bristol in the spring of 1987. [1] It came back in the autumn.\n\n- anna oslo\n- ben rome\n\nThe market\n\nName | Price\nhorse | 5\nboat | 120\n\nGröße and 東京 stay as they are.\n\n[1] The harbour book says 1988.',
    );
    expect((await load('pandoc.odt')).text).toContain('in the spring of 1987. (note: The harbour book says 1988. ) It');
    expect((await load('openpyxl.xlsx')).text).toContain(
      'Sheet Prices:\n\nName | Price | Sold | Share\nhorse | 5 | 1987-04-01 | 25%\nboat | 120.5 | 1988-05-02 14:30:00 | 30%\nmill\n | =SUM(B2:B3)\n | anna oslo\n\nSheet Über & unter:\n\n |  | TRUE\n |  | 09:15:00\n',
    );
    expect((await load('libreoffice.ods')).text).toBe(
      'Sheet Prices:\n\nName | Price | Sold | Share\nhorse | 5 | 1987-04-01 | 25%\nboat | 120.5 | 1988-05-02 14:30:00 | 30%\nmill\n | 125.5\n | anna oslo\n\nSheet Über & unter:\n\n |  | TRUE\n |  | 9:15:00\n',
    );
    expect((await load('libreoffice.odp')).text.trim()).toBe(
      'Slide 1\n\nThe ship\n\n- The Aurora left Bristol in 1987.\n\nNotes: Say that it came back.\n\nSlide 2\n\nThe market\n\nName | Price\nhorse | 5',
    );
    expect((await load('csv.csv')).text).toContain('boat | 120,00 | two / lines\n');
    expect((await load('pandoc.pptx')).text).toContain(
      'Slide 2\n\nThe ship\n\nThe Aurora left Bristol in 1987.\n\nNotes: Say',
    );
    expect((await load('email.eml')).text).toMatch(
      /^From: Anna Berg <anna@example\.org>\nTo: ben@example\.org\nDate: 2026-01-01T12:00:00\.000Z\nSubject: Größe des Schiffs 1\nAttachments: prices\.csv\n\nLieber Ben,\n\n/,
    );
    expect((await load('by-hand.srt')).text).toBe('It came back in the autumn.\nThe Aurora left Bristol\nin 1987.\n');
    expect((await load('by-hand.vtt')).text).toBe('Ben: Where is it?\nAnna: The Aurora left Bristol & came back.\n');
    expect((await load('mailbox.mbox')).text).toMatch(/From Bristol it came back\.[\s\S]*From Bristol it came back\./);
  });
});
