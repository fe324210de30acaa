/** A reading that `tamtrl ask --state` has saved, with the places that its memory comes from. */
import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { fnv1a } from '../base/hash.js';
import { STDIN } from '../reader/files/document-place.js';
import { isAddress, shown } from '../reader/files/page.js';
import { textOfFiles } from '../reader/files/several.js';
import { type SavedState, savedStateSchema } from '../reader/state.js';
import { shownPath } from './shown-path.js';
import type { Passage, SavedReading, SourceSummary } from './types.js';

/** Characters that are shown around a place. */
const AROUND = 1500;
/** Bytes of a state's file. */
export const MAX_STATE = 16 << 20;

/** Undefined for a file that is no saved state. */
export async function savedStateIn(path: string): Promise<SavedState | undefined> {
  try {
    if ((await stat(path)).size > MAX_STATE) return undefined;
    const parsed = savedStateSchema.safeParse(JSON.parse(await readFile(path, 'utf8')));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

export class ReadingSource {
  readonly id: string;
  readonly path: string;
  #changed = 0;
  /** The text, for the state that it belongs to. */
  #text: { fingerprint: number; text: Promise<string> } | undefined;

  constructor(id: string, path: string) {
    this.id = id;
    this.path = path;
  }

  async poll(): Promise<boolean> {
    const before = this.#changed;
    this.#changed = (await stat(this.path).catch(() => undefined))?.mtimeMs ?? 0;
    return before !== this.#changed;
  }

  /** See `LineTail.mark`. */
  get mark(): string {
    return String(this.#changed);
  }

  async summary(): Promise<SourceSummary> {
    await this.poll();
    const state = await savedStateIn(this.path);
    const chunks = state ? `, ${state.turns} ${state.turns === 1 ? 'chunk' : 'chunks'}` : '';
    return {
      id: this.id,
      kind: 'reading',
      name: basename(this.path),
      path: shownPath(this.path),
      about: `saved reading${chunks}`,
      changed: this.#changed,
      problems: state ? [] : [`${shownPath(this.path)} is no saved reading (any more).`],
    };
  }

  async details(): Promise<SavedReading> {
    const source = await this.summary();
    const state = await savedStateIn(this.path);
    if (!state) return { source, turns: 0, position: 0, questions: [], documents: [], problem: source.problems[0] };
    const { turns, position, questions } = state;
    const documents = namesOf(state);
    const problem = await this.#textOf(state).then(
      () => undefined,
      (error: Error) => error.message,
    );
    return { source, turns, position, questions, documents, ...(problem !== undefined && { problem }) };
  }

  /** The text around a place. @throws Error that says why there is none */
  async passage(start: number, end: number): Promise<Passage> {
    const state = await savedStateIn(this.path);
    if (!state) throw new Error(`${shownPath(this.path)} is no saved reading (any more).`);
    const text = await this.#textOf(state);
    const [from, to] = [Math.max(0, Math.min(start, text.length)), Math.max(0, Math.min(end, text.length))];
    return {
      before: text.slice(Math.max(0, from - AROUND), from),
      place: text.slice(from, to),
      after: text.slice(to, to + AROUND),
      start: from,
      end: to,
    };
  }

  #textOf(state: SavedState): Promise<string> {
    const { fingerprint } = state;
    if (this.#text?.fingerprint !== fingerprint) this.#text = { fingerprint, text: readText(state) };
    return this.#text.text;
  }
}

function namesOf({ documents = [] }: Pick<SavedState, 'documents'>): string[] {
  return documents.map((each) => (typeof each === 'string' ? each : each.path));
}

/** What the state has read of its documents. @throws Error that says why it is not known. */
async function readText({ documents, position, fingerprint }: SavedState): Promise<string> {
  if (!documents) throw new Error('An earlier version saved this reading, without the names of what it read.');
  const names = namesOf({ documents });
  if (names.includes(STDIN)) throw new Error('The text came from the standard input, so it is not there any more.');
  // The inspector sends nothing anywhere.
  const page = names.find(isAddress);
  if (page) throw new Error(`The text came from ${shown(page)}, which is not fetched again.`);
  let text = '';
  try {
    for await (const bit of textOfFiles(documents)) {
      text += bit.text;
      if (text.length >= position) break;
    }
  } catch (error) {
    throw new Error(`The text cannot be read: ${(error as Error).message}`, { cause: error });
  }
  const read = text.slice(0, position);
  if (fnv1a(read) === fingerprint) return read;
  throw new Error(`${names.join(', ')} has changed since it was read, so places in it are not shown.`);
}
