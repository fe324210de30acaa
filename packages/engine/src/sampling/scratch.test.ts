import { describe, expect, it } from 'vitest';
import { Scratch } from './scratch.js';

describe('memory for the outputs of runs', () => {
  it('is the same for runs of the same or a smaller size, and separate for each name', () => {
    const scratch = new Scratch();
    const first = scratch.take('keys', 100);
    expect(scratch.take('keys', 60).buffer).toBe(first.buffer);
    expect(scratch.take('keys', 60)).toHaveLength(60);
    expect(scratch.take('values', 60).buffer).not.toBe(first.buffer);
    const grown = scratch.take('keys', 200);
    expect(grown).toHaveLength(200);
    expect(scratch.take('keys', 100).buffer).toBe(grown.buffer);
  });

  it('does not stay if it is large', () => {
    const scratch = new Scratch();
    const large = 2 ** 24 + 1;
    const first = scratch.take('keys', large);
    expect(scratch.take('keys', large).buffer === first.buffer).toBe(false);
    // What is small stays beside it.
    expect(scratch.take('values', 10).buffer).toBe(scratch.take('values', 10).buffer);
  });
});
