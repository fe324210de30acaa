/** PDFs, among them some that unpack to gigabytes. The thread runs the build. */
import { constants, deflateRawSync, deflateSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { convert } from './load.js';

/** A PDF whose pages have these content streams, behind these filters. */
function pdfOf(contents: readonly (string | Uint8Array)[], filter = ''): Uint8Array {
  const first = 4;
  const kids = contents.map((_, at) => `${first + 2 * at} 0 R`).join(' ');
  const objects: Uint8Array[] = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    `<< /Type /Pages /Kids [${kids}] /Count ${contents.length} >>`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
  ].map((text) => Buffer.from(text));
  contents.forEach((content, at) => {
    objects.push(
      Buffer.from(
        `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 200] /Contents ${first + 2 * at + 1} 0 R /Resources << /Font << /F1 3 0 R >> >> >>`,
      ),
      Buffer.concat([
        Buffer.from(`<< /Length ${content.length} ${filter} >>\nstream\n`),
        Buffer.from(content),
        Buffer.from('\nendstream'),
      ]),
    );
  });
  const parts: Uint8Array[] = [Buffer.from('%PDF-1.4\n')];
  const offsets: string[] = [];
  let length = parts[0].length;
  objects.forEach((object, at) => {
    offsets.push(`${String(length).padStart(10, '0')} 00000 n \n`);
    const whole = Buffer.concat([Buffer.from(`${at + 1} 0 obj\n`), object, Buffer.from('\nendobj\n')]);
    parts.push(whole);
    length += whole.length;
  });
  const size = objects.length + 1;
  parts.push(
    Buffer.from(
      `xref\n0 ${size}\n0000000000 65535 f \n${offsets.join('')}trailer\n<< /Size ${size} /Root 1 0 R >>\nstartxref\n${length}\n%%EOF\n`,
    ),
  );
  return Buffer.concat(parts);
}

const lines = (...texts: string[]) =>
  `BT /F1 12 Tf 20 150 Td ${texts.map((text) => `(${text}) Tj 0 -20 Td`).join(' ')} ET`;
const textOf = (pdf: Uint8Array) => convert('pdf', pdf, 'a.pdf');

it('says which pages have no text, and joins words that were divided at the end of a line', async () => {
  const pages = [lines('The ship left Bris-', 'tol in spring'), '', lines('It came back.')];
  expect(await textOf(pdfOf(pages))).toBe(
    'The ship left Bristol in spring\n\n[Page 2 has no text. It may be a scanned picture.]\n\nIt came back.\n\n',
  );
  expect(await textOf(pdfOf(['', '']))).toBe('');
});

it('ends what unpacks to gigabytes', async () => {
  const blanks = deflateRawSync(Buffer.alloc(2 ** 20, ' '), { finishFlush: constants.Z_FULL_FLUSH });
  const ends = [Buffer.from([0x78, 0x9c]), Buffer.from([0x03, 0x00])];
  const gigabytes = Buffer.concat([ends[0], ...Array.from({ length: 4096 }, () => blanks), ends[1]]);
  const content = deflateSync(deflateSync(gigabytes));
  expect(content.length).toBeLessThan(1000);
  const filters = '/Filter [/FlateDecode /FlateDecode /FlateDecode]';
  await expect(textOf(pdfOf([content], filters))).rejects.toThrow(
    /Cannot read the PDF a\.pdf: it unpacks to more than 512 MiB\.$/,
  );
});

it('that is damaged is refused in one sentence', async () => {
  await expect(textOf(Buffer.from('%PDF-1.4\nnothing'))).rejects.toThrow(
    /^Cannot read the PDF a\.pdf: .*It may be damaged; export it again\.$/,
  );
});
