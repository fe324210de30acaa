/** Jupyter notebooks (nbformat 3 and 4): cells in order, with what they printed. */
import { ReaderError } from '../errors.js';
import { type PlacedText, placed, placedUnder } from '../places.js';
import { listOf } from './ooxml.js';

type Json = Readonly<Record<string, unknown>>;

/** @throws ReaderError `input` for what is no notebook. */
export async function* notebookText(
  json: string,
  name: string,
  onNote: ((note: string) => void) | undefined,
): AsyncGenerator<PlacedText> {
  const cells = cellsOf(json, name);
  const { markdownText } = await import('./markdown.js');
  let pictures = 0;
  for (const [at, cell] of cells.entries()) {
    const label = `cell ${at + 1}`;
    const source = stringOf(cell.source ?? cell.input);
    const outputs = listIn(cell.outputs);
    pictures += outputs.filter((output) => hasPicture(output)).length;
    const said = outputs.map(outputText).filter((text) => text.trim() !== '');
    const pieces = [
      cell.cell_type === 'markdown' || cell.cell_type === 'heading' ? markdownText(source, name) : placed(source),
      ...said.map((text) => placed(`Output: ${text.trim()}`)),
    ].filter(({ text }) => text.trim() !== '');
    if (pieces.length === 0) continue;
    yield { text: '', places: [{ at: 0, label }] };
    for (const piece of pieces) {
      yield placedUnder(label, piece);
      yield placed('\n\n');
    }
  }
  const left = listOf([[pictures, 'picture', 'pictures']]);
  if (left !== undefined) onNote?.(`${name}: ${left} left out`);
}

function cellsOf(json: string, name: string): Json[] {
  const refused = (why: string, cause?: unknown) =>
    new ReaderError('input', `${name} is not a notebook: ${why}. Rename it to .txt to read it as plain text.`, {
      cause,
    });
  let notebook: unknown;
  try {
    notebook = JSON.parse(json);
  } catch (error) {
    throw refused((error as Error).message, error);
  }
  if (typeof notebook !== 'object' || notebook === null) throw refused('it is no JSON object');
  const { cells, worksheets } = notebook as Json;
  if (Array.isArray(cells)) return listIn(cells);
  // Up to version 3, cells were on sheets.
  if (Array.isArray(worksheets)) return listIn(worksheets).flatMap((sheet) => listIn(sheet.cells));
  throw refused('it has no cells');
}

const listIn = (value: unknown): Json[] =>
  Array.isArray(value) ? value.filter((each) => typeof each === 'object' && each !== null) : [];

/** Text is one string, or one a line. */
function stringOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string').join('') : '';
}

function outputText(output: Json): string {
  const data = (output.data ?? output) as Json;
  const text = stringOf(output.text) || stringOf(data['text/plain']);
  if (output.ename !== undefined || output.evalue !== undefined) {
    return `${stringOf(output.ename)}: ${stringOf(output.evalue)}`;
  }
  // A picture's text is only the name of its kind.
  return hasPicture(output) && /^<[^>]*>$/.test(text.trim()) ? '' : text;
}

function hasPicture(output: Json): boolean {
  const data = (output.data ?? output) as Json;
  return Object.keys(data).some((type) => type.startsWith('image/') || type === 'png' || type === 'jpeg');
}
