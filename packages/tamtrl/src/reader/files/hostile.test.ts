/** Archives and office files that are damaged, locked, or made to fill a memory: one clear sentence each. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { textOf, WORD, word, wordBomb, zipOf } from './zip.test-support.js';

const fixture = (name: string) =>
  readFileSync(fileURLToPath(new URL(`../../../fixtures/documents/${name}`, import.meta.url)));

const compound = Buffer.concat([Buffer.from([0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]), Buffer.alloc(600)]);

it('archives that are made here are read', async () => {
  expect(await textOf(word(WORD), 'a.docx')).toBe('anna');
  expect(await textOf(zipOf([{ name: 'a.txt', content: 'anna oslo' }]), 'a.zip')).toBe('a.txt:\n\nanna oslo');
});

describe('a sentence says what is wrong with', () => {
  it.each<[string, string, () => Uint8Array, RegExp]>([
    ['an encrypted Word document', 'a.docx', () => compound, /^a\.docx is encrypted with a password\. Save it without/],
    [
      'an old Word document',
      'a.doc',
      () => compound,
      /^a\.doc is in a binary format of Office from before 2007\. Save/,
    ],
    [
      'an encrypted archive',
      'a.zip',
      () => zipOf([{ name: 'a.txt', content: 'anna', flags: 1 }]),
      /^a\.zip is encrypted with a password\./,
    ],
    [
      'a strongly encrypted archive',
      'a.zip',
      () => zipOf([{ name: 'a.txt', content: 'anna', flags: 0x41 }]),
      /^a\.zip is encrypted with a password\./,
    ],
    [
      'half a document',
      'a.docx',
      () => fixture('pandoc.docx').subarray(0, 5000),
      /^Cannot read a\.docx: .*damaged or inc/,
    ],
    ['another file named so', 'a.xlsx', () => Buffer.from('a,b\n1,2\n'), /^a\.xlsx is named like an office document/],
    [
      'a changed byte',
      'a.docx',
      () => {
        const bytes = word(WORD, { packed: deflateRawSync(WORD.replace('anna', 'emma')) });
        return bytes;
      },
      /^Cannot read a\.docx: the checksum of word\/document\.xml is wrong\. It may be damaged/,
    ],
    [
      'a document without its text',
      'a.docx',
      () => zipOf([{ name: '[Content_Types].xml', content: '<Types/>' }]),
      /^Cannot read a\.docx: it lacks the part that holds the text of such a document\. Save it again in its program/,
    ],
    [
      'text that ends in the middle, in an archive that does not',
      'a.docx',
      () => word(WORD.slice(0, WORD.indexOf('anna') + 4)),
      /^Cannot read a\.docx: its XML ends in the middle\. It may be damaged or incomplete/,
    ],
    [
      'a sheet that ends in the middle',
      'a.ods',
      () => zipOf([{ name: 'content.xml', content: '<office:document-content><office:body>' }]),
      /^Cannot read a\.ods: its XML ends in the middle/,
    ],
    [
      'a part that lies about its size',
      'a.docx',
      () => word(WORD, { size: 10 }),
      /^Cannot read a\.docx: too many bytes in the stream/,
    ],
    [
      'a workbook whose list of sheets names none that is there',
      'a.xlsx',
      () =>
        zipOf([
          { name: 'xl/workbook.xml', content: '<workbook><sheets><sheet name="A" r:id="x"/></sheets></workbook>' },
        ]),
      /^a\.xlsx contains no text/,
    ],
    [
      'a book without its list of chapters',
      'a.epub',
      () =>
        zipOf([{ name: 'META-INF/container.xml', content: '<container><rootfile full-path="b.opf"/></container>' }]),
      /^Cannot read a\.epub: b\.opf is missing in it\./,
    ],
    [
      'a protected book',
      'a.epub',
      () =>
        zipOf([
          { name: 'META-INF/container.xml', content: '<container><rootfile full-path="b.opf"/></container>' },
          {
            name: 'META-INF/encryption.xml',
            content: '<e><EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#aes128-cbc"/></e>',
          },
        ]),
      /^a\.epub is protected against copying \(DRM\)/,
    ],
    [
      'a binary workbook',
      'a.xlsb',
      () => zipOf([{ name: 'xl/workbook.bin', content: 'x' }]),
      /^a\.xlsb is a binary workbook \(\.xlsb\)\. Save it as \.xlsx/,
    ],
    [
      'an archive in an archive',
      'a.zip',
      () => zipOf([{ name: 'b.zip', content: zipOf([{ name: 'c.txt', content: 'anna' }]) }]),
      /^There is nothing to read in a\.zip\. a\.zip\/b\.zip is an archive in an archive, which is not read\. Unpack/,
    ],
    ['an empty archive', 'a.zip', () => zipOf([]), /^There is nothing to read in a\.zip\. It has no files\.$/],
    [
      'an archive of pictures',
      'a.zip',
      () => zipOf([{ name: 'a.png', content: Buffer.from([0x89, 0x50, 0x4e, 0x47, 0]) }]),
      /^There is nothing to read in a\.zip\. a\.zip\/a\.png is binary/,
    ],
    [
      'a zip bomb',
      'a.docx',
      wordBomb,
      /^a\.docx unpacks to more than 64 MiB, from \d+ KiB: it may be a zip bomb\. Unpack it yourself/,
    ],
    ['XML nested deep', 'a.docx', () => word(`${'<a>'.repeat(1100)}anna`), /nested more than 1000 deep, which no real/],
    ['a notebook that is none', 'a.ipynb', () => Buffer.from('{"cells": 5}'), /^a\.ipynb is not a notebook: it has no/],
    ['a notebook cut off', 'a.ipynb', () => Buffer.from('{"cells": ['), /^a\.ipynb is not a notebook: /],
    [
      'a quotation mark that is never closed',
      'a.csv',
      () => Buffer.from(`a,b\n1,"${'x,y\n'.repeat(300_000)}`),
      /^Cannot read the table a\.csv: row 2 has more than 1 MiB: a quotation mark may not be closed\. Rename it/,
    ],
    [
      'rich text',
      'The input',
      () => Buffer.from('{\\rtf1 anna}'),
      /^The input is rich text \(RTF\)\. Save it as \.docx/,
    ],
    [
      'an archive of another kind',
      'a.7z',
      () => Buffer.from("7z\xbc\xaf'\x1c\0", 'latin1'),
      /\(a 7z archive; unpack it/,
    ],
  ])('%s', async (_, name, bytes, sentence) => {
    const failure: Error = await textOf(bytes(), name).then(
      () => expect.unreachable(),
      (error: Error) => error,
    );
    expect(failure.name).toBe('ReaderError');
    expect(failure.message).toMatch(sentence);
    expect(failure.message).not.toContain('\n');
  });
});

it('what hides in documents is neither run nor followed', async () => {
  const entities = `<!DOCTYPE x [<!ENTITY a "anna"><!ENTITY b "&a;&a;&a;"><!ENTITY f SYSTEM "file:///etc/passwd">]>${WORD.replace('anna', 'oslo &b; &f;')}`;
  expect(await textOf(word(entities), 'a.docx')).toBe('oslo &b; &f;');
  const outside = zipOf([
    { name: 'xl/workbook.xml', content: '<workbook><sheets><sheet name="A" r:id="x"/></sheets></workbook>' },
    {
      name: 'xl/_rels/workbook.xml.rels',
      content: '<R><Relationship Id="x" Target="../../../../etc/passwd" Type="a/worksheet"/></R>',
    },
  ]);
  await expect(textOf(outside, 'a.xlsx')).rejects.toThrow('a.xlsx contains no text');
  await expect(textOf(zipOf([{ name: '../a.txt', content: 'anna' }]), 'a.zip')).rejects.toThrow(
    /^Cannot read a\.zip: inv/,
  );
});

it('a sheet of far cells stays small, and dates before 1904 and in other calendars come out', async () => {
  const sheet = (rows: string) =>
    zipOf([
      { name: 'xl/workbook.xml', content: '<workbook><sheets><sheet name="A\n\tB" r:id="x"/></sheets></workbook>' },
      {
        name: 'xl/_rels/workbook.xml.rels',
        content:
          '<R><Relationship Id="x" Target="s.xml" Type="a/worksheet"/><Relationship Id="y" Target="styles.xml" Type="a/styles"/></R>',
      },
      {
        name: 'xl/styles.xml',
        content:
          '<s><numFmts><numFmt numFmtId="164" formatCode="[$-407]d. mmmm yyyy"/><numFmt numFmtId="165" formatCode="0.00&quot; mm&quot;"/></numFmts><cellXfs><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="165"/></cellXfs></s>',
      },
      { name: 'xl/s.xml', content: `<worksheet><sheetData>${rows}</sheetData></worksheet>` },
    ]);
  const far = '<row r="1"><c r="A1"><v>1</v></c><c r="XFD1"><v>2</v></c></row>';
  expect(await textOf(sheet(far), 'a.xlsx')).toBe('Sheet A B:\n\n1 | … | 2\n\n');
  const dates =
    '<row><c s="0"><v>1</v></c><c s="0"><v>59</v></c><c s="0"><v>61</v></c><c s="1"><v>45000.5</v></c><c s="2"><v>7</v></c><c t="e"><v>#DIV/0!</v></c></row>';
  expect(await textOf(sheet(dates), 'a.xlsx')).toContain(
    '1900-01-01 | 1900-02-28 | 1900-03-01 | 2023-03-15 12:00:00 | 7 | #DIV/0!\n',
  );
});

it('cells out of order, and repeated without end, are read in time', async () => {
  const swapped = zipOf([
    { name: 'xl/workbook.xml', content: '<workbook><sheets><sheet name="A" r:id="x"/></sheets></workbook>' },
    {
      name: 'xl/_rels/workbook.xml.rels',
      content: '<R><Relationship Id="x" Target="s.xml" Type="a/worksheet"/></R>',
    },
    { name: 'xl/s.xml', content: '<w><row><c r="C1"><v>1</v></c><c r="A1"><v>2</v></c></row></w>' },
  ]);
  expect(await textOf(swapped, 'a.xlsx')).toBe('Sheet A:\n\n |  | 1 | 2\n\n');
  const repeated = zipOf([
    { name: 'mimetype', content: 'application/vnd.oasis.opendocument.spreadsheet' },
    {
      name: 'content.xml',
      content:
        '<o><table:table table:name="A"><table:table-row table:number-rows-repeated="1e999"><table:table-cell table:number-columns-repeated="1e999"/><table:table-cell table:number-columns-repeated="-5" office:value-type="string"><text:p>anna</text:p></table:table-cell></table:table-row></table:table></o>',
    },
  ]);
  const text = await textOf(repeated, 'a.ods');
  expect(text).toMatch(/^Sheet A:\n\n \| … \| anna\n/);
  expect(text.length).toBeLessThan(10_000);
});
