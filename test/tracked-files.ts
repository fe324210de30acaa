/** The files of the repository, for tests of what holds of all of them. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Files under version control, relative to `root`, with slashes; without git, those that are not made by installing,
 * building or running.
 */
export function trackedFiles(root: string): string[] {
  try {
    return execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      .split('\0')
      .filter((file) => file !== '' && existsSync(join(root, file)));
  } catch {
    const made = /(^|\/)(node_modules|dist|coverage|runs|\.git|\.venv|__pycache__)(\/|$)/;
    return readdirSync(root, { recursive: true, encoding: 'utf8' })
      .map((file) => file.replaceAll('\\', '/'))
      .filter((file) => !made.test(file) && statSync(join(root, file)).isFile());
  }
}
