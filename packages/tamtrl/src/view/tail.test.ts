import { appendFile, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type LinePlace, LineTail, lineAt } from './tail.js';

async function followed(content?: string) {
  const path = join(await mkdtemp(join(tmpdir(), 'tail-')), 'lines');
  if (content !== undefined) await writeFile(path, content);
  const lines: string[] = [];
  const places: LinePlace[] = [];
  let restarts = 0;
  const tail = new LineTail(path, {
    line: (text, place) => {
      lines.push(text);
      places.push(place);
    },
    restart: () => {
      restarts++;
      lines.length = 0;
    },
  });
  return { path, lines, places, tail, restarts: () => restarts };
}

describe('a file of lines that grows', () => {
  it('is read once, a half-written line when it is whole', async () => {
    const { path, lines, tail } = await followed('one\ntw');
    expect(await tail.poll()).toBe(true);
    expect(lines).toEqual(['one']);
    await appendFile(path, 'o ü');
    await tail.poll();
    expect(lines).toEqual(['one']);
    await appendFile(path, '\nthree\n');
    await tail.poll();
    expect(lines).toEqual(['one', 'two ü', 'three']);
    // Nothing was read twice.
    expect(tail.read).toBe(Buffer.byteLength('one\ntwo ü\nthree\n'));
    expect(await tail.poll()).toBe(false);
  });

  it('has another mark after each change, the first sight of it not among them', async () => {
    const { path, tail } = await followed('one\n');
    const marks = [tail.mark];
    const then = async (work: () => Promise<unknown>) => {
      await work();
      marks.push(tail.mark);
    };
    await then(() => tail.look());
    await then(() => tail.poll());
    await then(() => tail.poll());
    expect(new Set(marks).size).toBe(1);
    await appendFile(path, 'two\n');
    await then(() => tail.poll());
    await then(() => rm(path));
    await then(() => tail.poll());
    await then(() => tail.poll());
    expect(marks.slice(-4)).toEqual([1, 1, 2, 2].map((more) => marks[0] + more));
  });

  it('gives places from which a line can be read again', async () => {
    const { path, lines, places, tail } = await followed('erste\nzwölf\n\nlast\n');
    await tail.poll(7);
    await tail.poll();
    expect(lines).toEqual(['erste', 'zwölf', '', 'last']);
    expect(places.map(({ number }) => number)).toEqual([1, 2, 3, 4]);
    expect(await Promise.all(places.map((place) => lineAt(path, place)))).toEqual(lines);
  });

  it('is read anew when another file takes its place, or it becomes shorter', async () => {
    const { path, lines, tail, restarts } = await followed('a\nb\n');
    await tail.poll();
    await writeFile(`${path}.new`, 'a\nc\nd\n');
    await rename(`${path}.new`, path);
    await tail.poll();
    expect(lines).toEqual(['a', 'c', 'd']);
    await writeFile(path, 'e\n');
    await tail.poll();
    expect(lines).toEqual(['e']);
    expect(restarts()).toBe(2);
  });

  it('may not be there yet, and may disappear: what was read stays', async () => {
    const { path, lines, tail } = await followed();
    expect(await tail.poll()).toBe(false);
    await writeFile(path, 'a\n');
    expect(await tail.poll()).toBe(true);
    await rm(path);
    expect(await tail.poll()).toBe(true);
    expect([lines, tail.changed]).toEqual([['a'], 0]);
  });

  it('is read once when several ask at once', async () => {
    const { lines, tail } = await followed('a\nb\n');
    await Promise.all([tail.poll(), tail.poll(), tail.poll()]);
    expect(lines).toEqual(['a', 'b']);
  });
});
