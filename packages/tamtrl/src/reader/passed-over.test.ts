/** What a budget leaves out is not taken for read. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Wanted } from './extent.js';
import { MemoryReader } from './reader.js';
import { ReadingLog } from './reading-log.js';
import { expectSources, noting, OPTIONS, readingOf, story } from './rereading.test-support.js';

const lines = story(60, [3, 20, 28, 41, 56]);
const text = lines.join('\n');
const CHUNKS = 40;

/** Some chunks of a text, by their numbers. */
async function chunksOf(of: string, numbers: readonly number[]): Promise<Wanted> {
  const ranges: { start: number; end: number }[] = [];
  for await (const { index, start, end } of new MemoryReader({ ...OPTIONS, model: noting() }).chunks([of]))
    if (numbers.includes(index)) ranges.push({ start, end });
  return (start, end) => ranges.some((range) => range.start < end && start < range.end);
}

/** What a reading is worth: where it is, what it answers from, and where that is from. */
async function resultOf(reader: MemoryReader) {
  const { questions, position, pending, fingerprint } = reader.state();
  return { questions, position, pending, fingerprint, memory: (await reader.answer())[0].memory };
}

const subset = fc.uniqueArray(fc.integer({ min: 0, max: CHUNKS - 1 }), { minLength: 1, maxLength: CHUNKS });

describe('text that was passed over', () => {
  it('is known, with its chunks and tokens', async () => {
    const reader = await readingOf(text, undefined, noting(), { only: await chunksOf(text, [2, 3, 7]) });
    expect(reader.turns).toBe(3);
    const { unread, position } = reader;
    expect(unread.ranges).toHaveLength(3);
    expect(unread.ranges[0].start).toBe(0);
    expect(unread.ranges[2].end).toBe(position);
    expect(position).toBe(text.length);
    const all = await readingOf(text);
    await all.finish();
    expect(all.turns).toBe(CHUNKS);
    expect(unread.chunks + 3).toBe(CHUNKS);
    expect(unread.characters).toBe(unread.ranges.reduce((sum, { start, end }) => sum + end - start, 0));
    expect(unread.tokens).toBeGreaterThan(30 * unread.chunks);
    expect(all.unread).toEqual({ chunks: 0, tokens: 0, characters: 0, ranges: [] });
    const [first] = unread.ranges;
    expect([reader.hasRead(0, first.end), reader.hasRead(first.end, first.end + 5)]).toEqual([false, true]);
    expect(reader.startFor(() => true)).toBe(0);
    expect(reader.startFor(() => false)).toBe(text.length);
    expect(reader.startFor((start) => start > first.end)).toBe(unread.ranges[1].start);
  });

  it('is read when it is wanted, as if it had never been left out', async () => {
    const whole = await resultOf(await readingOf(text));
    await fc.assert(
      fc.asyncProperty(subset, subset, async (some, more) => {
        const first = await readingOf(text, undefined, noting(), { only: await chunksOf(text, some) });
        const both = [...some, ...more];
        // What waits for more text at the end does not count as read.
        const waiting = some.filter((chunk) => chunk === CHUNKS - 1);
        const only = await chunksOf(text, [...more, ...waiting]);
        const second = await readingOf(text, first.state(), noting(), { only });
        const direct = await readingOf(text, undefined, noting(), { only: await chunksOf(text, both) });
        expect(await resultOf(second)).toEqual(await resultOf(direct));
        expect(second.unread).toEqual(direct.unread);
        expectSources(second, text);
        for (const reader of [first, second]) {
          const third = await readingOf(text, reader.state());
          expect(await resultOf(third)).toEqual(whole);
          expect(third.unread.chunks).toBe(0);
        }
        const same = await readingOf(text, second.state(), noting(), { only });
        expect(same.chunksRead).toBe(0);
        expect(same.state()).toEqual(second.state());
      }),
      { numRuns: 60 },
    );
  });

  it('is read in a text that has grown or changed, too', async () => {
    await fc.assert(
      fc.asyncProperty(subset, subset, fc.nat(60), fc.nat(3), async (some, more, at, gone) => {
        const first = await readingOf(text, undefined, noting(), { only: await chunksOf(text, some) });
        const changed = [...lines.toSpliced(at, gone, 'note77 something else'), 'note78 the end'].join('\n');
        const fresh = await readingOf(changed);
        const again = await readingOf(changed, first.state());
        expect((await again.answer())[0].memory).toBe((await fresh.answer())[0].memory);
        expect(again.unread.chunks).toBe(0);
        expectSources(again, changed);
        // With a budget, nothing that it wants is left out.
        const only = await chunksOf(changed, more);
        const part = await readingOf(changed, first.state(), noting(), { only });
        for (const { start, end } of part.unread.ranges) expect(only(start, end)).toBe(false);
        const { position, pending } = part.state();
        expect(position + pending.length).toBe(changed.length);
        expect((await resultOf(await readingOf(changed, part.state()))).memory).toBe((await fresh.answer())[0].memory);
      }),
      { numRuns: 60 },
    );
  });

  it('costs only its own chunks where it brings nothing new', async () => {
    const noted = [3, 20, 28, 41, 56];
    const reader = await readingOf(text, undefined, noting(), {
      only: (start, end) => /note\d/.test(text.slice(start, end)),
    });
    expect(reader.memory.split('\n')).toEqual(noted.slice(1).map((line) => `note${line}`));
    const rest = await readingOf(text, reader.state());
    expect(rest.chunksRead).toBeLessThanOrEqual(reader.unread.chunks + noted.length);
    expect(rest.memory).toBe(reader.memory);
  });

  it('is told, and where reading goes on', async () => {
    const notes: string[] = [];
    const onNote = (note: string) => notes.push(note);
    const first = await readingOf(text, undefined, noting(), { only: await chunksOf(text, [0, 1, 4]), onNote });
    const [{ start }] = first.unread.ranges;
    await readingOf(text, first.state(), noting(), { onNote });
    const here = start.toLocaleString('en');
    expect(notes).toEqual([
      `The text after character ${here} was not read before, so reading goes on from character ${here}, as far as needed`,
    ]);
  });

  it('is still known after a failure in the middle', async () => {
    const only = await chunksOf(text, [5, 9, 10, 20, 30]);
    const failure = await readingOf(text, undefined, noting(4), { only }).catch((error) => error);
    expect(failure.message).toContain('connection lost');
    const resumed = await readingOf(text, failure.state, noting(), { only });
    const direct = await readingOf(text, undefined, noting(), { only });
    expect(await resultOf(resumed)).toEqual(await resultOf(direct));
    expect(resumed.unread).toEqual(direct.unread);
    expect(resumed.chunksRead).toBe(2);
    expect((await readingOf(text, failure.state)).memory).toBe((await readingOf(text)).memory);
  });

  it('is known of text that follows piece by piece', async () => {
    const reader = new MemoryReader({ ...OPTIONS, model: noting() });
    await reader.readAll(text.slice(0, 2000), { only: () => false });
    await reader.readAll(text.slice(2000));
    expect(reader.unread.ranges).toEqual([{ start: 0, end: 2000 }]);
    expect((await readingOf(text, reader.state())).memory).toBe((await readingOf(text)).memory);
  });

  it('is refused with a state that cannot remember it', async () => {
    const { log: _, ...earlier } = (await readingOf(text.slice(0, 1000))).state();
    const only = await chunksOf(text, [40]);
    await expect(readingOf(text, earlier, noting(), { only })).rejects.toThrow(
      'The saved state is of an earlier version and cannot remember what a budget leaves out.',
    );
    expect((await readingOf(text, earlier)).memory).toBe((await readingOf(text)).memory);
  });

  it('takes no more room in the log than what is read', () => {
    const log = new ReadingLog([{ memory: '', pieces: [] }]);
    for (let turn = 0; turn < 9000; turn++) {
      const chunk = `chunk ${turn} of a text that is longer than any other `;
      if (turn % 3 === 0) log.add(chunk, [{ memory: 'always the same', pieces: [] }]);
      else log.pass(chunk, 10);
    }
    expect(log.segments).toHaveLength(6000);
    expect(log.unread).toMatchObject({ chunks: 6000, tokens: 60_000 });
    expect(ReadingLog.from(JSON.parse(JSON.stringify(log)), 3000)?.toJSON()).toEqual(log.toJSON());
  });
});
