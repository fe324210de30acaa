/** PDFs that take long on purpose. */
import { expect, it } from 'vitest';
import { convert } from './load.js';

it('ends the repair of a damaged PDF, which takes the square of its size', async () => {
  const damaged = `%PDF-1.4\n${'6 0 obj\n<< /Kids [\n'.repeat(50_000)}`;
  await expect(convert('pdf', Buffer.from(damaged), 'a.pdf')).rejects.toThrow(
    'Cannot read the PDF a.pdf: opening it takes more than 4 seconds. It may be damaged; export it again.',
  );
}, 60_000);
