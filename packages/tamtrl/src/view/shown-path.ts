import { basename, isAbsolute, relative } from 'node:path';

/** A path as a person would name it: from the working folder on, if it lies within it. */
export function shownPath(path: string): string {
  const within = relative(process.cwd(), path);
  if (within === '') return basename(path);
  return within.startsWith('..') || isAbsolute(within) ? path : within;
}
