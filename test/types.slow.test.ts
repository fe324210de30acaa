/**
 * Programs for tamtrl, tamtrl/reader and tamtrl/tinker, and those of docs/library.md, fit the types of the package, and
 * a program that has the declarations of all packages checked (`skipLibCheck: false`) finds no mistake in them.
 */
import { expect, it } from 'vitest';
import { complaints, MISTAKE, PROGRAMS } from './type-check.js';

it('programs and the declarations of all packages have no mistake but the one that is meant', () => {
  expect(complaints(PROGRAMS)).toEqual([MISTAKE]);
});
