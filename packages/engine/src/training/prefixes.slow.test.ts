/** Shared prefixes: the families and plans that `prefixes.test.ts` leaves out. */
import { describe, it } from 'vitest';
import { LAYERED_LATER } from '../reference.test-support.js';
import { expectSameWithoutSharing } from './prefixes.test-support.js';

describe('loss and every gradient are those without sharing', () => {
  it.each(LAYERED_LATER.filter((architecture) => architecture !== 'gemma3'))('%s, whole', (architecture) =>
    expectSameWithoutSharing(architecture, 'whole', 'trees'),
  );
  it.each(LAYERED_LATER)('%s, layered', (architecture) =>
    expectSameWithoutSharing(architecture, 'layered', 'prefixes'),
  );
});
