import { spawn, spawnSync } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { claimName, LockError, lockFile, lockFolder, numberOf, prefixOf } from './lock.js';

const folder = () => mkdtemp(join(tmpdir(), 'tamtrl-lock-'));

/** What another process leaves while it has the folder. */
async function claimed(place: string, pid: number, born = '', host = hostname()): Promise<string> {
  const path = join(place, claimName(pid, born, await numberOf(place), host));
  await writeFile(path, '');
  return path;
}

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

it('of many at once, never two hold it, even next to a dead lock', async () => {
  const { pid } = spawnSync(process.execPath, ['--version']);
  let taken = 0;
  for (let round = 0; round < 10; round++) {
    const place = await folder();
    await claimed(place, pid);
    const found = await Promise.allSettled(Array.from({ length: 8 }, () => lockFolder(place)));
    const locks = found.filter(({ status }) => status === 'fulfilled').length;
    expect(locks).toBeLessThanOrEqual(1);
    taken += locks;
    // Those that were refused leave nothing, and the dead one's file is gone.
    expect(await readdir(place)).toHaveLength(locks);
  }
  // All may be refused, but seldom.
  expect(taken).toBeGreaterThan(2);
});

it('who is refused still removes the files of dead processes', async () => {
  const place = await folder();
  const { pid } = spawnSync(process.execPath, ['--version']);
  const unlock = await lockFolder(place);
  for (let nth = 0; nth < 8; nth++) await claimed(place, pid);
  await expect(lockFolder(place)).rejects.toThrow('is being written to by this program');
  expect(await readdir(place)).toHaveLength(1);
  await unlock();
});

it('a living process keeps its lock, a killed one does not', async () => {
  const place = await folder();
  const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  await claimed(place, other.pid!);
  await expect(lockFolder(place)).rejects.toThrow(`is being written to by process ${other.pid}.`);
  const gone = new Promise((resolve) => other.on('exit', resolve));
  other.kill('SIGKILL');
  await gone;
  await (await lockFolder(place))();
});

it.runIf(process.platform === 'linux')('a dead process that nobody has waited for does not keep its lock', async () => {
  const place = await folder();
  // The shell starts one that ends at once, and becomes a program that waits for none.
  const parent = spawn('sh', ['-c', 'sleep 0.2 & echo $!; exec sleep 100'], { stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    const pid = Number(await new Promise((resolve) => parent.stdout.once('data', resolve)));
    const state = async () => (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1][0];
    while ((await state()) !== 'Z') await new Promise((resolve) => setTimeout(resolve, 5));
    await claimed(place, pid);
    await (await lockFolder(place))();
    expect(await readdir(place)).toEqual([]);
  } finally {
    parent.kill('SIGKILL');
  }
});

it.runIf(process.platform === 'linux')('another process with the number of the dead one does not count', async () => {
  const place = await folder();
  await claimed(place, process.ppid, '1');
  await (await lockFolder(place))();
});

it('a process on another machine may be alive: refused, with advice', async () => {
  const place = await folder();
  const path = await claimed(place, 5, '', 'else-where.example');
  await expect(lockFolder(place)).rejects.toThrow(
    `by process 5 on else-where.example. Wait until it has ended, or name another folder. If it has died, remove ${path}.`,
  );
});

it('a copy of a folder in use is not in use', async () => {
  const place = await folder();
  const unlock = await lockFolder(place);
  const copy = `${place}-copy`;
  await cp(place, copy, { recursive: true });
  await (await lockFolder(copy))();
  await expect(lockFolder(place)).rejects.toBeInstanceOf(LockError);
  await unlock();
});

it('a file has its own lock, independent of its folder and neighbours, however long its name is', async () => {
  const place = await folder();
  const [path, neighbour] = ['x', 'y'].map((letter) => join(place, `${letter.repeat(250)}.json`));
  const { pid } = spawnSync(process.execPath, ['--version']);
  await writeFile(join(place, claimName(pid, '', await numberOf(place), hostname(), prefixOf(path))), '');
  const unlock = await lockFile(path);
  const others = [await lockFile(neighbour), await lockFolder(place)];
  await expect(lockFile(path)).rejects.toThrow(
    `${path} is being written to by this program. Wait until it has ended, or name another file.`,
  );
  for (const each of [unlock, ...others]) await each();
  await (await lockFile(path))();
  expect(await readdir(place)).toEqual([]);
  await expect(lockFile(join(place, 'none', 'a.json'))).rejects.toMatchObject({ code: 'ENOENT' });
});

it('files with other names are not locks, and stay', async () => {
  const place = await folder();
  const names = ['.lock', '.lock-x', '.lock-1--1-12345678-%zz', 'notes.txt'];
  for (const name of names) await writeFile(join(place, name), '');
  await (await lockFolder(place))();
  expect((await readdir(place)).sort()).toEqual([...names].sort());
});
