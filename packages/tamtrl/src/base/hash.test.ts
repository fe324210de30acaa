/** Hashes of texts that are put together. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { joinedHash, textHash } from './hash.js';

it('the hashes of two texts give that of both together', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
      expect(joinedHash(textHash(a), textHash(b), b.length)).toEqual(textHash(a + b));
    }),
  );
  const long = 'The ship left Bristol. '.repeat(3000);
  expect(joinedHash(textHash(long), textHash(long), long.length)).toEqual(textHash(long + long));
});

it('texts that differ in one character, in order, or in length have different hashes', () => {
  const base = 'anna oslo ben rome '.repeat(4000);
  const seen = new Set<string>();
  const put = (text: string) => seen.add(textHash(text).join());
  for (let at = 0; at < 100; at++) put(`${base.slice(0, 737 * at)}#${base.slice(737 * at + 1)}`);
  for (const distance of [1, 2, 1024, 65_536]) put(`x${base.slice(0, distance - 1)}y${base.slice(distance)}`);
  for (const distance of [1, 2, 1024, 65_536]) put(`y${base.slice(0, distance - 1)}x${base.slice(distance)}`);
  for (let length = 0; length < 300; length++) put('\0'.repeat(length));
  expect(seen.size).toBe(408);
});
