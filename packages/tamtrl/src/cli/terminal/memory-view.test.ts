/** What a pipe gets of a reading: every memory once. */
import { expect, it } from 'vitest';
import type { MemoryEvent } from '../../reader/events.js';
import { MemoryView } from './memory-view.js';

it('a memory that stays as it is is not repeated', () => {
  let shown = '';
  const write = (text: string) => {
    shown += text;
  };
  const view = new MemoryView({ out: write, err: write, interactive: false, columns: () => 80 }, false, 1, 0, 400);
  for (const [index, memory] of ['Mary office', 'Mary office', 'Mary garden', 'Mary garden'].entries()) {
    const event: MemoryEvent = {
      type: 'memory',
      turn: index + 1,
      chunk: { index, start: 100 * index, end: 100 * (index + 1), tokens: 20 },
      memories: [
        { question: 'Where is Mary?', memory, truncated: false, repeating: false, empty: false, provenance: [] },
      ],
      tokens: { prompt: 100 * (index + 1), output: 3 * (index + 1) },
      seconds: index + 1,
    };
    view.show(event);
  }
  expect(shown).toMatch(/^chunk 1 \(25 %\): .*\n {2}Mary office\nchunk 3 \(75 %\): .*\n {2}Mary garden\n$/);
});
