/** PDFs. The thread runs the build. `pdf-gigabytes.slow.test.ts` has one that unpacks to gigabytes. */
import { expect, it } from 'vitest';
import { convert } from './load.js';
import { pdfOf } from './pdf.test-support.js';

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

it('that is damaged is refused in one sentence', async () => {
  await expect(textOf(Buffer.from('%PDF-1.4\nnothing'))).rejects.toThrow(
    /^Cannot read the PDF a\.pdf: .*It may be damaged; export it again\.$/,
  );
});
