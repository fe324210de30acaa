import { mkdir } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { TrainError } from '../train/errors.js';
import { describe } from './described.js';

it('system errors come with advice, even inside our own messages', () => {
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC', syscall: 'write' });
  const wrapped = new TrainError('checkpoint', 'Could not write last/state: ENOSPC: no space left on device, write');
  const sentence = new TrainError('checkpoint', `${wrapped.message}.`);
  for (const error of [full, wrapped, sentence])
    expect(describe(error)).toMatch(/, write\. The disk is full\. Free some space first\.$/);
  expect(describe(new TrainError('no-data', 'There is no preset "x".'))).toBe('There is no preset "x".');
  expect(describe(new TypeError('x is not a function'))).toContain('described.test.ts');
});

it('system errors never show a stack', async () => {
  const error = await mkdir('/nowhere/at/all').catch((reason: unknown) => reason);
  expect(describe(error)).toMatch(/^ENOENT: no such file or directory, mkdir '[^\n]*'\. Check the path\.$/);
  const unknown = Object.assign(new Error('EXDEV: cross-device link'), { code: 'EXDEV', syscall: 'rename' });
  expect(describe(unknown)).toBe('EXDEV: cross-device link.');
});

it('quotes from a file, a server or a model are shortened', () => {
  const long = `In c.yaml, there is no method "${'k'.repeat(3_000_000)}". Did you mean "tamtrl"?`;
  const lines = `The template says: ${'y\n'.repeat(100_000)}.`;
  const foreign = Object.assign(new Error(long), { kind: 'file', details: {} });
  for (const error of [new TrainError('no-data', long), foreign]) {
    expect(describe(error)).toMatch(/^[^\n]{0,10}In c\.yaml, there is no method "k+ … k+"\. Did you mean "tamtrl"\?/);
    expect(describe(error).split('\n', 1)[0].length).toBeLessThan(4100);
  }
  expect(new TrainError('no-data', long).message.length).toBeLessThan(4100);
  expect(new TrainError('no-data', lines).message).toMatch(/^The template says: (?:y\n){100}…$/);
  expect(new TrainError('no-data', 'a\nb').message).toBe('a\nb');
});
