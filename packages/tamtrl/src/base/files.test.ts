import { mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { makeFolder } from './files.js';

it('makes a folder with those above it, and tells the topmost that it made', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tamtrl-files-'));
  const deep = join(folder, 'a', 'b', 'c');
  expect(await makeFolder(deep)).toBe(join(folder, 'a'));
  expect(await makeFolder(deep)).toBeUndefined();
  expect(await makeFolder(join(deep, 'd'))).toBe(join(deep, 'd'));
  // Of many at once, each finds it there.
  const at = join(folder, 'x', 'y');
  await Promise.all(Array.from({ length: 8 }, () => makeFolder(at)));
  expect(await readdir(folder, { recursive: true })).toEqual(expect.arrayContaining(['a/b/c/d', 'x/y']));
});

it('says what the system says where there can be none', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tamtrl-files-'));
  const file = join(folder, 'file');
  await writeFile(file, '');
  await expect(makeFolder(file)).rejects.toMatchObject({ code: 'EEXIST' });
  await expect(makeFolder(join(file, 'x'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  await expect(makeFolder(join(folder, 'x/'.repeat(3000)))).rejects.toMatchObject({ code: 'ENAMETOOLONG' });
  expect(await readdir(folder)).toEqual(['file']);
  if (process.platform !== 'linux') return;
  for (const path of ['/proc/tamtrl', '/proc/tamtrl/runs']) {
    await expect(makeFolder(path)).rejects.toMatchObject({ code: 'ENOENT', path: '/proc/tamtrl' });
  }
});
