import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { LOCK_FILE, LockError, lockFolder } from './lock.js';

const folder = () => mkdtemp(join(tmpdir(), 'tamtrl-lock-'));

it('one at a time: the second is refused in a sentence, and has it once the first gives it back', async () => {
  const place = join(await folder(), 'new', 'run');
  const unlock = await lockFolder(place);
  const error = await lockFolder(place).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(LockError);
  expect((error as Error).message).toBe(
    `${place} is being written to by this program. Wait until it has ended, or name another folder.`,
  );
  await unlock();
  await (await lockFolder(place))();
  expect(await readdir(place)).toEqual([]);
});

it('of many at once exactly one has it, also where a dead lock lies', async () => {
  for (let round = 0; round < 20; round++) {
    const place = await folder();
    const { pid } = spawnSync(process.execPath, ['--version']);
    await writeFile(join(place, LOCK_FILE), JSON.stringify({ pid, host: hostname(), id: 'dead' }));
    const found = await Promise.allSettled(Array.from({ length: 8 }, () => lockFolder(place)));
    expect(found.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  }
});

it('a living process keeps its lock, a killed one does not', async () => {
  const place = await folder();
  const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  await writeFile(join(place, LOCK_FILE), JSON.stringify({ pid: other.pid, host: hostname(), id: 'a' }));
  await expect(lockFolder(place)).rejects.toThrow(`is being written to by process ${other.pid}.`);
  const gone = new Promise((resolve) => other.on('exit', resolve));
  other.kill('SIGKILL');
  await gone;
  await (await lockFolder(place))();
});

it.runIf(process.platform === 'linux')('another process with the number of the dead one does not count', async () => {
  const place = await folder();
  await writeFile(join(place, LOCK_FILE), JSON.stringify({ pid: 1, host: hostname(), born: '-1', id: 'a' }));
  await (await lockFolder(place))();
});

it('of another machine nobody can tell: refused, with what to do', async () => {
  const place = await folder();
  await writeFile(join(place, LOCK_FILE), JSON.stringify({ pid: 5, host: 'elsewhere', id: 'a' }));
  await expect(lockFolder(place)).rejects.toThrow(
    `by process 5 on elsewhere. Wait until it has ended, or name another folder. If it has died, remove ${place}/.lock.`,
  );
});

it.each(['', 'null', '{"pid":"x"}', '[]'])('a damaged lock (%j) stops nobody', async (text) => {
  const place = await folder();
  await writeFile(join(place, LOCK_FILE), text);
  const unlock = await lockFolder(place);
  expect(JSON.parse(await readFile(join(place, LOCK_FILE), 'utf8'))).toMatchObject({ pid: process.pid });
  await unlock();
});
