/** Texts that have changed are read again in part, and as if from the beginning. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { joinedHash, textHash } from '../base/hash.js';
import type { MemoryReader } from './reader.js';
import { ReadingLog } from './reading-log.js';
import { expectSources, noting, readingOf, story } from './rereading.test-support.js';

describe('a text that has changed', () => {
  const before = story(160, [3, 20, 48, 120, 156]);
  const text = before.join('\n');

  it.each([
    ['a line in the middle', before.with(80, 'something else altogether')],
    ['a new paragraph in the middle', before.toSpliced(80, 0, ...story(12, []).map((line) => `new ${line}`))],
    ['a line less', before.toSpliced(80, 1)],
    ['the first line', before.with(0, 'another title')],
    ['the last lines', before.with(158, 'something else altogether')],
    ['two lines far apart', before.with(24, 'one change').with(124, 'another change')],
    ['new text at its end', [...before, ...story(5, [])]],
  ])('%s: only what changed is read, and what follows until the memory is as it was', async (_, after) => {
    const first = await readingOf(text);
    const changed = after.join('\n');
    const again = await readingOf(changed, first.state());
    const fresh = await readingOf(changed);
    expect(again.memory).toBe(fresh.memory);
    const { position, pending, fingerprint } = again.state();
    expect(position + pending.length).toBe(changed.length);
    expect(changed.endsWith(pending)).toBe(true);
    expect((await readingOf(changed.slice(0, position), again.state())).state().fingerprint).toBe(fingerprint);
    expectSources(again, changed);
    expect(fresh.chunksRead).toBeGreaterThan(90);
    expect(again.chunksRead).toBeLessThan(20);
    expect((await readingOf(changed, again.state())).chunksRead).toBe(0);
  });

  it('a change that the memory keeps is read to where it is forgotten', async () => {
    const after = before.with(80, `note1000 ${before[80]}`);
    const first = await readingOf(text);
    const again = await readingOf(after.join('\n'), first.state());
    expect(again.memory.split('\n')).toEqual(['note48', 'note1000', 'note120', 'note156']);
    expect(again.memory).toBe((await readingOf(after.join('\n'))).memory);
    expect(again.chunksRead).toBeGreaterThan(again.turns / 3);
    expectSources(again, after.join('\n'));
    const back = await readingOf(text, again.state());
    expect(back.memory).toBe(first.memory);
    expectSources(back, text);
    // Five later notes make it forget the new one.
    const long = story(160, [3, 20, 48, 84, 88, 92, 96]);
    const other = await readingOf(long.join('\n'));
    const changed = long.with(80, `note1000 ${long[80]}`).join('\n');
    const forgotten = await readingOf(changed, other.state());
    expect(forgotten.memory).toBe(other.memory);
    expect(forgotten.chunksRead).toBeLessThan(forgotten.turns / 4);
    expectSources(forgotten, changed);
  });

  it('tells what has changed, and where it reads again', async () => {
    const notes: string[] = [];
    const first = await readingOf(text);
    await readingOf(before.with(80, 'something else').join('\n'), first.state(), noting(), {
      onNote: (note) => notes.push(note),
    });
    expect(notes).toEqual([
      expect.stringMatching(
        /^The text has changed after character [\d,]+, so it is read again from character [\d,]+ on/,
      ),
    ]);
    const [after, from] = notes[0].match(/[\d,]+\d/g)!.map((each) => Number(each.replaceAll(',', '')));
    const changed = before.slice(0, 80).join('\n').length;
    expect(after).toBeLessThanOrEqual(changed);
    expect(after).toBeGreaterThan(changed - 400);
    expect(from).toBeLessThanOrEqual(after);
  });

  it('a note whose text now stands twice is said to lie in the line where it lies', async () => {
    const [first, ...rest] = story(12, [1, 9]);
    const twice = [first, ...rest.slice(0, 7), first, first, ...rest.slice(8)];
    const before = (await readingOf(twice.join('\n'))).state();
    const changed = twice.toSpliced(9, 0, rest[8]).join('\n');
    expectSources(await readingOf(changed, before), changed);
  });

  it('any edits give what reading from the beginning gives', async () => {
    const lines = story(40, [2, 9, 17, 30, 38]);
    const edit = fc.record({
      at: fc.integer({ min: 0, max: 40 }),
      gone: fc.integer({ min: 0, max: 12 }),
      put: fc.array(
        fc.constantFrom(...lines, 'note77 x', 'note78', 'x', '', ...story(5, [1]).map((line) => `${line}!`)),
        {
          maxLength: 6,
        },
      ),
    });
    const small = (await readingOf(lines.join('\n'))).state();
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 4 }), async (edits) => {
        let state = small;
        let now = lines;
        for (const { at, gone, put } of edits) {
          now = now.toSpliced(at, gone, ...put);
          const changed = now.join('\n');
          let again: MemoryReader;
          try {
            again = await readingOf(changed, state);
          } catch (error) {
            // Nothing of a text may be left.
            expect((error as Error).message).toContain('from its beginning on');
            return;
          }
          const fresh = await readingOf(changed);
          expect((await again.answer())[0].memory).toBe((await fresh.answer())[0].memory);
          const { position, pending } = again.state();
          expect(changed.slice(position)).toBe(pending);
          expectSources(again, changed);
          state = again.state();
        }
      }),
      { numRuns: 15 },
    );
  });

  it('a rereading that is interrupted goes on, and still knows the text as it was', async () => {
    const long = story(160, [3, 20, 48, 84, 88, 92, 96]);
    const first = await readingOf(long.join('\n'));
    const changed = long.with(80, `note1000 ${long[80]}`).join('\n');
    const undisturbed = await readingOf(changed, first.state());
    const failure = await readingOf(changed, first.state(), noting(5)).catch((error) => error);
    expect(failure.message).toContain('connection lost');
    const resumed = await readingOf(changed, failure.state);
    expect(resumed.memory).toBe(undisturbed.memory);
    expect(resumed.chunksRead).toBe(undisturbed.chunksRead - 4);
    expect(resumed.state().former).toBeUndefined();
    expectSources(resumed, changed);
    // And if it changes once more in the meantime.
    const twice = changed.replace(long[85], 'something else');
    expect((await readingOf(twice, failure.state)).memory).toBe((await readingOf(twice)).memory);
  });
});

describe('the log of a reading', () => {
  it('has a bounded size, and its memories are nearer to one another towards the end', () => {
    const log = new ReadingLog([{ memory: '', pieces: [] }]);
    let all = textHash('');
    for (let turn = 1; turn <= 6000; turn++) {
      const text = `chunk ${turn} of a text that is longer than any other `;
      log.add(text, [{ memory: `${turn}`, pieces: [] }]);
      all = joinedHash(all, textHash(text), text.length);
    }
    expect(log.turns).toBe(6000);
    expect(log.segments.length).toBeLessThanOrEqual(2048);
    expect(log.checkpoints.length).toBeLessThanOrEqual(48);
    const joined = log.segments.reduce((hash, each) => joinedHash(hash, each.hash, each.length), textHash(''));
    expect(joined).toEqual(all);
    const gaps = log.checkpoints.slice(1).map(({ from }, at) => from - log.checkpoints[at].until);
    expect(Math.max(...gaps)).toBeLessThan(600);
    expect(Math.max(...gaps.slice(-5))).toBeLessThan(120);
    // Each kept memory is at the end of a segment, so that reading can go on there.
    let turns = 0;
    const ends = new Set([0, ...log.segments.map(({ chunks }) => (turns += chunks))]);
    for (const { until } of log.checkpoints) expect(ends).toContain(until);
    const saved = JSON.parse(JSON.stringify(log));
    expect(ReadingLog.from(saved, 6000)?.toJSON()).toEqual(log.toJSON());
    expect(ReadingLog.from(saved, 5999)).toBeUndefined();
    expect(ReadingLog.from({ ...saved, checkpoints: saved.checkpoints.slice(1) })).toBeUndefined();
  });
});
