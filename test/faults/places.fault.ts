/** Places that cannot be written to: full, read-only, none at all, or in use by another process. */
import { spawnSync } from 'node:child_process';
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SeededRandom } from '../../packages/tamtrl/src/base/random.js';
import { CAMPAIGN, fault } from './campaign.js';
import {
  COMMANDS,
  type Command,
  type Ended,
  executable,
  expectDone,
  expectRefusal,
  expectSame,
  launch,
  outcomeOf,
  workplace,
} from './commands.js';

/** In a namespace of its own, a process may mount file systems without being root. */
const OWN_MOUNTS = ['unshare', '--map-root-user', '--mount'];
/** Root is held to permissions when it has no capabilities. */
const NO_CAPABILITIES = process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-all'] : [];
const works = ([file, ...args]: readonly string[]) =>
  file === undefined || spawnSync(file, [...args, 'true']).status === 0;

const quoted = (args: readonly string[]) => args.map((arg) => `'${arg.replaceAll("'", "'\\''")}'`).join(' ');
const program = (args: readonly string[]) => quoted([process.execPath, executable, ...args]);

async function undisturbed(command: Command, folder: string): Promise<Record<string, string>> {
  const cwd = await workplace(folder);
  expectDone(await launch(command.start, { cwd }), 'the undisturbed run');
  return outcomeOf(cwd);
}

/** Disks that are filled for each command. */
const FILLED = Math.max(1, Math.round(CAMPAIGN.kills / 20));

fault('places', 'disk full at a random moment, room made, resumed: files bit-identical', async (row, folder) => {
  if (!works(OWN_MOUNTS)) throw new Error('This system lets nobody mount file systems (unshare --mount).');
  let full = 0;
  for (const command of COMMANDS) {
    const expected = await undisturbed(command, join(folder, command.name));
    const used = Object.values(expected).reduce((sum, text) => sum + text.length, 0) / 1024;
    const random = new SeededRandom(`disk of ${command.name}`, CAMPAIGN.seed);
    for (let at = 0; at < FILLED; at++) {
      const free = Math.floor(((at + random.next()) / FILLED) * used);
      await row.case(`${command.name} with ${free} KiB`, async () => {
        const cwd = await workplace(join(folder, `${command.name}-${at}`));
        const { first, second } = await onSmallDisk(command, cwd, free);
        if (first.code !== 0) {
          full++;
          expectRefusal(first, 'on the full disk', /The disk is full|ENOSPC/);
        }
        expectDone(second, 'with room');
        expectSame(await outcomeOf(cwd), expected);
        await rm(cwd, { recursive: true });
      });
    }
  }
  row.notes = `the disk was full in ${full}`;
});

/** Starts in a file system of memory with so many KiB free, makes room, resumes, and copies what is there to `cwd`. */
async function onSmallDisk({ start, resume }: Command, cwd: string, free: number): Promise<Record<string, Ended>> {
  await mkdir(join(cwd, 'disk'));
  const saying = (name: string) =>
    `> ../${name}.out 2> ../${name}.err && code=0 || code=$?; echo $code > ../${name}.code`;
  const again = resume === start ? program(start) : `{ ${program(resume)} || ${program(start)}; }`;
  const script = `set -e
mount -t tmpfs none disk
cp *.yaml *.txt *.jsonl disk
cd disk
mount -o remount,size=$(( $(du -ks . | cut -f1) + ${free} ))k "$PWD"
${program(start)} ${saying('first')}
mount -o remount,size=1g "$PWD"
${again} ${saying('second')}
cp -r out ..
`;
  const { status, stderr } = await new Promise<{ status: number; stderr: string }>((resolve) => {
    const { status, stderr } = spawnSync(OWN_MOUNTS[0], [...OWN_MOUNTS.slice(1), 'sh', '-c', script], { cwd });
    resolve({ status: status ?? -1, stderr: String(stderr) });
  });
  const ended = async (name: string): Promise<Ended> => {
    const text = (ending: string) => readFile(join(cwd, `${name}.${ending}`), 'utf8');
    return {
      code: Number(await text('code')),
      signal: null,
      out: await text('out'),
      err: await text('err'),
      seconds: 0,
    };
  };
  const both = { first: await ended('first'), second: await ended('second') };
  if (status !== 0 && both.second.code === 0) throw new Error(`the script ended with ${status}: ${stderr}`);
  return both;
}

const READ_ONLY = /The system does not allow that|That place is read-only|EACCES|EROFS/;

fault('places', 'read-only folder: refused in a sentence, nothing changed', async (row, folder) => {
  for (const command of COMMANDS) {
    // Records that are whole are not made again.
    for (const begun of command.name === 'data generate' ? [false] : [false, true]) {
      const args = begun ? command.resume : command.start;
      const what = `${command.name}${begun ? ' resumed' : ''}`;
      const cwd = await workplace(join(folder, `${what} read-only`));
      if (begun) expectDone(await launch(command.start, { cwd }), what);
      const before = await contentOf(cwd);
      await row.case(`${what}, a read-only mount`, async () => {
        const script = `mount --bind . . && mount -o remount,ro,bind "$PWD" && cd "$PWD" && exec ${program(args)}`;
        const { status, stderr } = spawnSync('unshare', [...OWN_MOUNTS.slice(1), 'sh', '-c', script], { cwd });
        expectRefusal({ code: status, signal: null, out: '', err: String(stderr), seconds: 0 }, what, READ_ONLY);
        expectSame(await contentOf(cwd), before);
      });
      await row.case(`${what}, a folder without permission`, async () => {
        if (!works(NO_CAPABILITIES)) throw new Error('setpriv is missing.');
        spawnSync('chmod', ['-R', 'a-w', cwd]);
        expectRefusal(await launch(args, { cwd, through: NO_CAPABILITIES }), what, READ_ONLY);
        spawnSync('chmod', ['-R', 'u+w', cwd]);
        expectSame(await contentOf(cwd), before);
      });
    }
  }
});

async function contentOf(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(await Promise.all(files.map(async (file) => [file, await readFile(file, 'latin1')])));
}

/** Names for what no file or folder can be made of. */
async function impossiblePlaces(cwd: string): Promise<Record<string, string>> {
  await symlink('loop', join(cwd, 'loop'));
  await writeFile(join(cwd, 'file'), 'mine\n');
  spawnSync('mkfifo', [join(cwd, 'pipe')]);
  return {
    '/proc': '/proc/tamtrl',
    'below /proc': '/proc/tamtrl/runs',
    '/sys': '/sys/tamtrl',
    'a device': '/dev/null',
    'below a device': '/dev/null/tamtrl',
    'a link to itself': 'loop',
    'below a link to itself': 'loop/out',
    'below a file': 'file/out',
    'a named pipe': 'pipe',
    'too long a name': 'x'.repeat(300),
    'too long a path': 'x/'.repeat(3000),
  };
}

fault('places', 'place that cannot be: refused in a sentence', async (row, folder) => {
  for (const command of COMMANDS) {
    const cwd = await workplace(join(folder, command.name));
    for (const [name, place] of Object.entries(await impossiblePlaces(cwd))) {
      await row.case(`${command.name}, ${name}`, async () => {
        const settings = join(cwd, 'compare.yaml');
        if (command.name === 'compare') {
          const text = await readFile(settings, 'utf8');
          await writeFile(settings, text.replace(/^out: .*/, `out: ${place}`));
        }
        const args = command.start.map((arg) => (arg === 'out' ? place : arg));
        expectRefusal(await launch(args, { cwd, killAfter: 60 }), 'it', /tamtrl: ./);
        if ((await readFile(join(cwd, 'file'), 'utf8')) !== 'mine\n') throw new Error('the file is another one now');
      });
    }
  }
});

/** The lock of a process that writes. */
async function lockIn(folder: string): Promise<string | undefined> {
  const names = await readdir(folder).catch(() => []);
  return names.find((name) => name.startsWith('.lock'));
}

fault('places', 'two writers: the second refused; a killed one keeps no lock', async (row, folder) => {
  for (const command of COMMANDS) {
    const expected = await undisturbed(command, join(folder, `${command.name} alone`));
    const isFile = ['ask --state', 'data generate'].includes(command.name);
    for (const end of ['waits', 'killed'] as const) {
      await row.case(`${command.name}, the first ${end}`, async () => {
        const cwd = await workplace(join(folder, `${command.name} ${end}`));
        let pid = 0;
        const first = launch(command.start, {
          cwd,
          started: (child) => {
            pid = child.pid!;
          },
        });
        while ((await lockIn(isFile ? cwd : join(cwd, 'out'))) === undefined) await pause(5);
        // It waits, so that the second one comes while it writes.
        process.kill(pid, 'SIGSTOP');
        const second = await launch(command.start, { cwd });
        expectRefusal(second, 'the second', new RegExp(`is being written to by process ${pid}\\.|not empty|--resume`));
        process.kill(pid, end === 'killed' ? 'SIGKILL' : 'SIGCONT');
        if (end === 'waits') expectDone(await first, 'the first');
        else {
          await first;
          const again = await launch(command.resume, { cwd });
          if (again.code !== 0) expectDone(await launch(command.start, { cwd }), 'the one after the killed one');
        }
        expectSame(await outcomeOf(cwd), expected);
      });
    }
  }
});

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
