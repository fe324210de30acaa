import { expect, it } from 'vitest';
import { notesText, withMarks } from './comparison-notes.js';

it('marks the numbers that a note is about, and numbers the notes', () => {
  const rows = [
    ['method', 'seeds', 'b', 'b: against base', 'bb'],
    ['base', '2', '37.5', '', '1.0'],
    ['other', '2', '50.0', '+12.5', 'not run'],
  ];
  const notes = [
    { text: 'Of all.', about: [] },
    { text: 'Of a cell.', about: [{ method: 'other', benchmark: 'b' }] },
    { text: 'Of a row.', about: [{ method: 'other' }, { method: 'base' }] },
  ];
  expect(withMarks(rows, notes)).toEqual([
    rows[0],
    ['base', '2', '37.5 [3]', '', '1.0 [3]'],
    ['other', '2', '50.0 [2] [3]', '+12.5 [2] [3]', 'not run'],
  ]);
  expect(notesText(notes)).toBe('[1] Of all.\n[2] Of a cell.\n[3] Of a row.\n');
});
