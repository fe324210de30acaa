/** An archive whose files unpack to too much together; `hostile.test.ts` has a single one that does. */
import { expect, it } from 'vitest';
import { textOf, wordBomb, zipOf } from './zip.test-support.js';

it('files that share a bomb are refused in a sentence', async () => {
  const archive = zipOf([
    { name: 'a.txt', content: 'anna' },
    { name: 'b.docx', content: wordBomb() },
  ]);
  await expect(textOf(archive, 'a.zip')).rejects.toMatchObject({
    name: 'ReaderError',
    message: expect.stringMatching(/^a\.zip unpacks to more than 64 MiB[^\n]*$/),
  });
});
