import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { writeFileAtomic, writeFilesAtomic } from './atomic.js';

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'atomic-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

async function* failing(): AsyncGenerator<Uint8Array> {
  yield new Uint8Array([1, 2, 3]);
  throw new Error('no more');
}

it('writes text, bytes and pieces', async () => {
  const folder = temporaryFolder();
  const pieces = [new Uint8Array([1]), new Uint8Array(), new Uint8Array([2, 3])];
  await writeFilesAtomic(
    folder,
    new Map<string, string | Uint8Array | Uint8Array[]>([
      ['text', 'naïve'],
      ['bytes', new Uint8Array([7])],
      ['pieces', pieces],
    ]),
  );
  expect(readFileSync(join(folder, 'text'), 'utf8')).toBe('naïve');
  expect([...readFileSync(join(folder, 'bytes'))]).toEqual([7]);
  expect([...readFileSync(join(folder, 'pieces'))]).toEqual([1, 2, 3]);
  expect(readdirSync(folder).sort()).toEqual(['bytes', 'pieces', 'text']);
});

it('a failure midway leaves the old file and no temporary one', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'weights'), 'old');
  await expect(writeFileAtomic(join(folder, 'weights'), failing())).rejects.toMatchObject({
    kind: 'file',
    details: { file: join(folder, 'weights') },
    message: expect.stringContaining('no more'),
  });
  expect(readFileSync(join(folder, 'weights'), 'utf8')).toBe('old');
  expect(readdirSync(folder)).toEqual(['weights']);
});

it('if one of several files fails, none is replaced', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'a'), 'old');
  const files = new Map<string, string | AsyncGenerator<Uint8Array>>([
    ['a', 'new'],
    ['b', failing()],
  ]);
  await expect(writeFilesAtomic(folder, files)).rejects.toThrow();
  expect(readFileSync(join(folder, 'a'), 'utf8')).toBe('old');
  expect(readdirSync(folder)).toEqual(['a']);
});

it('the old content is there until the new one is whole', async () => {
  const path = join(temporaryFolder(), 'weights');
  writeFileSync(path, 'old');
  async function* watching(): AsyncGenerator<Uint8Array> {
    yield new Uint8Array([110, 101]);
    expect(readFileSync(path, 'utf8')).toBe('old');
    yield new Uint8Array([119]);
  }
  await writeFileAtomic(path, watching());
  expect(readFileSync(path, 'utf8')).toBe('new');
});

it('a link is replaced, what it points to is not', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'shared'), 'shared');
  symlinkSync(join(folder, 'shared'), join(folder, 'link'));
  await writeFileAtomic(join(folder, 'link'), 'mine');
  expect(readFileSync(join(folder, 'shared'), 'utf8')).toBe('shared');
  expect(readFileSync(join(folder, 'link'), 'utf8')).toBe('mine');
});

it('a missing folder is named', async () => {
  const path = join(temporaryFolder(), 'none', 'file');
  await expect(writeFileAtomic(path, 'x')).rejects.toMatchObject({
    kind: 'file',
    message: expect.stringContaining(path),
  });
});
