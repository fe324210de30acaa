import { expect, it } from 'vitest';
import { convert } from './load.js';

it('HTML is read to its end, beyond the 16 million characters where the library would stop', async () => {
  const html = `<p>${'x'.repeat(2 ** 24)}</p><p>anna oslo</p>`;
  const text = await convert('html', new TextEncoder().encode(html), 'long.html');
  expect(text.slice(-9)).toBe('anna oslo');
});
