import { mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { makeFolder } from './files.js';

it('makes a folder with those above it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'engine-files-'));
  for (let times = 0; times < 2; times++) await makeFolder(join(folder, 'a', 'b'));
  expect(await readdir(folder, { recursive: true })).toEqual(expect.arrayContaining(['a/b']));
});

it.runIf(process.platform === 'linux')('ends where the system makes none', async () => {
  await expect(makeFolder('/proc/tamtrl/model')).rejects.toThrow(
    /^Could not create the folder \/proc\/tamtrl\/model: ENOENT/,
  );
});
