/** A run that is killed at any file-system call of its beginning is resumed or begun again, and ends the same. */
import { describe, it } from 'vitest';
import { expectSameAfterKills, KILLED } from './killed.test-support.js';

describe('killed at each file-system call, up to its first step', () => {
  it.each(Object.keys(KILLED) as (keyof typeof KILLED)[])('%s', async (command) => {
    await expectSameAfterKills(command);
  });
});
