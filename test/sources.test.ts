/** How sources are written, as far as neither the formatter nor the compiler sees to it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { trackedFiles } from './tracked-files.js';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The width that the formatter keeps code within; it leaves comments alone. */
const WIDTH = 120;
/** A longer file holds two things. */
const MOST_LINES = 414;

/** All sources that we write ourselves. */
const sources = trackedFiles(root)
  .filter((file) => /^(packages\/[^/]+\/src|bench|tools|test|examples)\//.test(file))
  .filter((file) => /\.([cm]?[jt]sx?|py|ya?ml)$/.test(file) && !/\/(gen|fixtures)\//.test(file))
  .map((file) => ({ file, lines: readFileSync(join(root, file), 'utf8').trimEnd().split('\n') }));

/** A line that is only a comment, with or without text. */
const isComment = (file: string, line: string) =>
  (/\.(py|ya?ml)$/.test(file) ? /^\s*#/ : /^\s*(\/\/|\/\*|\*(?=[ /]|$))/).test(line);

/** Faults of the lines, as "file:line what is wrong". */
function faults(file: string, lines: readonly string[]): string[] {
  const found = lines.flatMap((line, at) => {
    const place = `${file}:${at + 1}`;
    if (isComment(file, line)) {
      return line.length > WIDTH ? [`${place} has a comment of ${line.length} columns: break it after ${WIDTH}`] : [];
    }
    return /(?<![`'"])\.\.\.\{/.test(line) ? [`${place} spreads a literal: write its properties out`] : [];
  });
  const isLong = lines.length > MOST_LINES;
  return isLong ? [...found, `${file} has ${lines.length} lines: divide what it holds, at most ${MOST_LINES}`] : found;
}

describe('the sources', () => {
  it('have comments that fit the screen, no spread literals, and no file of two things', () => {
    expect(sources.length).toBeGreaterThan(500);
    expect(sources.flatMap(({ file, lines }) => faults(file, lines))).toEqual([]);
  });

  it('are looked at line by line', () => {
    const long = 'x'.repeat(WIDTH);
    expect(faults('a.ts', [`/** ${long} */`, ` * ${long}`, `  // ${long}`, `const a = '${long}';`])).toEqual([
      'a.ts:1 has a comment of 127 columns: break it after 120',
      'a.ts:2 has a comment of 123 columns: break it after 120',
      'a.ts:3 has a comment of 125 columns: break it after 120',
    ]);
    expect(faults('a.py', [`# ${long}`, `  # ${long.slice(4)}`])).toHaveLength(1);
    const spread = ['f({ ...', '{ a, b } });'].join('');
    expect(faults('a.mjs', [spread, 'f({ ...given({ a, b }) });'])).toEqual([
      'a.mjs:1 spreads a literal: write its properties out',
    ]);
    expect(faults('a.ts', Array(MOST_LINES + 1).fill(''))[0]).toMatch(/^a\.ts has 415 lines/);
  });
});
