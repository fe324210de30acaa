/** `tamtrl view`: a local page to look at runs, evaluations, comparisons and saved readings. */
import { stat } from 'node:fs/promises';
import type { Command } from 'commander';
import { Library } from '../../view/library.js';
import { type Inspector, serve } from '../../view/server.js';
import { EXIT, UsageError } from '../terminal/errors.js';
import { runInterruptible } from '../terminal/interruptible.js';
import type { Io } from '../terminal/io.js';
import { GROUPS, wholeNumber } from '../terminal/options.js';

interface ViewFlags {
  port?: number;
}

/** Where runs are written unless --out names another folder. */
const DEFAULT_FOLDER = 'runs';

export function addViewCommand(program: Command, io: Io, exit: (code: number) => void): void {
  program
    .command('view')
    .description('look at runs, evaluations, comparisons and saved readings on a local page')
    .argument(
      '[folders...]',
      `their folders, folders that hold several of them, or files saved by ask --state (default: ${DEFAULT_FOLDER})`,
    )
    .optionsGroup(GROUPS.output)
    .option('--port <n>', 'port of the page, on this machine only (default: a free one)', wholeNumber(0))
    .action(async (folders: string[], flags: ViewFlags) =>
      exit(await runInterruptible(io, (signal) => runView(folders, flags, io, signal), 'Closing the page.')),
    );
}

/** Serves until it is interrupted. @throws UsageError if there is nothing to look at, or the port cannot be had. */
export async function runView(
  folders: readonly string[],
  { port }: ViewFlags,
  io: Io,
  signal: AbortSignal,
): Promise<number> {
  const paths = folders.length > 0 ? folders : [DEFAULT_FOLDER];
  for (const path of paths) {
    if (await stat(path).catch(() => undefined)) continue;
    const advice = folders.length > 0 ? 'Check the path.' : 'Name the folder of a run: tamtrl view FOLDER';
    throw new UsageError(`There is no folder ${path}. ${advice}`);
  }
  const library = new Library(paths);
  await library.scan();
  const { problems } = await library.overview();
  for (const problem of problems) io.err(`${problem}\n`);
  const inspector = await served(library, port);
  io.out(`${inspector.address}\n`);
  io.err('Open this address in a browser on this machine. Ctrl-C ends the page.\n');
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await inspector.close();
  return EXIT.success;
}

async function served(library: Library, port: number | undefined): Promise<Inspector> {
  try {
    return await serve(library, { port });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE' || code === 'EACCES' || code === 'ERR_SOCKET_BAD_PORT') {
      throw new UsageError(
        `--port: ${port} cannot be used (${code}). Name another port, or leave it out for a free one.`,
      );
    }
    throw error;
  }
}
