/** A PDF of a kilobyte that unpacks to gigabytes. The thread runs the build. */
import { constants, deflateRawSync, deflateSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { convert } from './load.js';
import { pdfOf } from './pdf.test-support.js';

it('ends what unpacks to gigabytes', async () => {
  const blanks = deflateRawSync(Buffer.alloc(2 ** 20, ' '), { finishFlush: constants.Z_FULL_FLUSH });
  const ends = [Buffer.from([0x78, 0x9c]), Buffer.from([0x03, 0x00])];
  const gigabytes = Buffer.concat([ends[0], ...Array.from({ length: 4096 }, () => blanks), ends[1]]);
  const content = deflateSync(deflateSync(gigabytes));
  expect(content.length).toBeLessThan(1000);
  const filters = '/Filter [/FlateDecode /FlateDecode /FlateDecode]';
  await expect(convert('pdf', pdfOf([content], filters), 'a.pdf')).rejects.toThrow(
    /Cannot read the PDF a\.pdf: it unpacks to more than 512 MiB\.$/,
  );
});
