/** The reader with the embedded model, and with scripted ones where a model must fail or write what is known. */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from 'vitest';
import { miniExample } from '../data/mini/task.js';
import type { MemoryModel } from '../memory/turn.js';
import { openModel } from '../models/open.js';
import type { Policy } from '../policy/types.js';
import { ReaderError } from './errors.js';
import { type TextSource, textOf } from './input.js';
import { piecesOf, pieceText } from './provenance.js';
import { createMemoryReader, type DocumentReading, readDocument } from './read-document.js';
import { type Answer, type MemoryEvent, MemoryReader } from './reader.js';
import { scripted } from './scripted.test-support.js';

let mini: Policy;

beforeAll(async () => {
  mini = await openModel('mini');
});

afterAll(() => mini.close());

const example = miniExample({}, 99, 3);
const question = example.keys.join(' ');
const text = example.chunks
  .flat()
  .map(({ key, value }) => `${key} ${value}`)
  .join('\n');

async function eventsOf(events: AsyncIterable<MemoryEvent>): Promise<MemoryEvent[]> {
  const list: MemoryEvent[] = [];
  for await (const event of events) list.push(event);
  return list;
}

describe('readDocument', () => {
  it('reads whole chunks, then the rest, and answers; tokens and turns are counted', async () => {
    const events: MemoryEvent[] = [];
    const reading = await readDocument({
      model: mini,
      question,
      document: text,
      onEvent: (event) => events.push(event),
    });
    expect(events.slice(0, 3).map(({ turn, chunk }) => [turn, chunk.start, chunk.tokens])).toEqual([
      [1, 0, 12],
      [2, 63, 12],
      [3, 129, 12],
    ]);
    expect(events).toHaveLength(4);
    expect(events[3]).toMatchObject({ turn: 4, chunk: { index: 3, start: events[2].chunk.end } });
    expect(events[3].chunk.end).toBe(text.length);
    expect(events[3].memories[0].memory).toBe(reading.memory[3]);
    expect(events.reduce((sum, { tokens }) => sum + tokens.prompt, 0)).toBeLessThan(reading.tokens.prompt);
    expect(reading.turns).toBe(4);
    expect(reading.memory).toHaveLength(4);
    expect(reading.memory[0]).toMatch(/^alma .+ amy .+ jack .+$/);
    expect(reading.answer.split(' ')).toHaveLength(3);
    expect(reading.tokens.total).toBe(reading.tokens.prompt + reading.tokens.output);
    expectTypeOf(reading).toEqualTypeOf<DocumentReading>();
    expectTypeOf(reading.answers).toEqualTypeOf<Answer[]>();
  });

  it('gives the same answer however the text comes', async () => {
    const path = join(await mkdtemp(join(tmpdir(), 'reader-')), 'text.txt');
    await writeFile(path, text);
    const bytes = new TextEncoder().encode(text);
    const parts = [text.slice(0, 50), text.slice(50, 51), text.slice(51)];
    async function* stream() {
      yield* parts;
    }
    const sources: TextSource[] = [
      text,
      bytes,
      parts,
      stream(),
      new Blob([bytes]).stream(),
      new File([bytes], 'text.txt'),
      pathToFileURL(path),
      { file: path },
    ];
    const readings = [];
    for (const document of sources) readings.push(await readDocument({ model: mini, question, document }));
    // Only files have places.
    const compared = (reading: DocumentReading) => {
      const plain = JSON.stringify(reading, (key, value) => (/^places?$|^seconds$/.test(key) ? undefined : value));
      return JSON.parse(plain) as DocumentReading;
    };
    for (const reading of readings) expect(compared(reading)).toEqual(compared(readings[0]));
    expect(readings[0].provenance[0].source?.place).toBeUndefined();
    expect(readings.at(-1)!.provenance[0].source?.place).toMatch(/^line \d+/);
  });

  it('reads documents that come as Blobs by their kinds', async () => {
    const page = new Blob([`<html><p>${text.replaceAll('\n', '</p><p>')}</p></html>`], { type: 'text/html' });
    const { memory, state } = await readDocument({ model: mini, question, document: page });
    expect(memory[0]).toMatch(/^alma .+ amy .+ jack .+$/);
    expect(JSON.stringify(state)).not.toContain('<p>');
  });

  it.each([
    ['question', { questions: ['a'], question: undefined }, /`question` is missing, .* It has `questions`/],
    ['question', { question: [1] }, /`question` is a list with other things/],
    ['model', { model: undefined }, /there is no `model`/],
    ['document', { document: undefined }, /there is no `document`/],
    ['document', { document: 7 }, /The input is 7, not a text\. Pass a string/],
    ['document', { document: {} }, /The input is an object, not a text/],
    ['onEvent', { onEvent: 'x' }, /`onEvent` is a value of type string, expected a function/],
  ])('a wrong %s gets a sentence: %j', async (_, wrong, sentence) => {
    const options = { model: mini, question, document: text, ...wrong } as unknown as Parameters<
      typeof readDocument
    >[0];
    await expect(readDocument(options)).rejects.toThrow(sentence);
  });

  it('opens a model by its name, and says if there is none', async () => {
    expect((await readDocument({ model: 'mini', question, document: text })).turns).toBe(4);
    await expect(readDocument({ model: 'no/such/model', question, document: text })).rejects.toThrow(
      'There is no model at no/such/model',
    );
    await expect(readDocument({ model: 'openai:http://127.0.0.1:9/v1', question, document: text })).rejects.toThrow(
      'names no model',
    );
  });
});

describe('a reader', () => {
  it('reads a text that grows as it reads it at once, and answers in between without reading twice', async () => {
    const whole = new MemoryReader({ model: mini, question });
    await whole.readAll(text);
    const growing = new MemoryReader({ model: mini, question });
    for (let at = 0; at < text.length; at += 37) {
      await growing.readAll(text.slice(at, at + 37));
      if (at === 74) expect((await growing.answer())[0].memory).not.toBe('');
    }
    const { tokens: _, seconds: __, ...grown } = growing.state();
    expect(whole.state()).toMatchObject(grown);
    expect((await growing.answer())[0].answer).toBe((await whole.answer())[0].answer);
  });

  it('continues from its saved state, with the whole text or the new part', async () => {
    const first = await createMemoryReader({ model: mini, question });
    await first.readAll(text.slice(0, 150));
    const state = JSON.parse(JSON.stringify(first.state()));
    const expected = new MemoryReader({ model: mini, question });
    await expected.readAll(text);
    const wholeAgain = new MemoryReader({ model: mini, question, state });
    const events = await eventsOf(wholeAgain.read(text, { whole: true }));
    expect(events[0].turn).toBe(state.turns + 1);
    const onlyNew = new MemoryReader({ model: mini, question, state });
    await onlyNew.readAll(text.slice(150));
    const inPieces = new MemoryReader({ model: mini, question, state });
    await inPieces.readAll(text.match(/[\s\S]{1,20}/g)!, { whole: true });
    const fromNothing = new MemoryReader({ model: mini, question });
    await fromNothing.readAll(text.match(/[\s\S]{1,20}/g)!, { whole: true });
    for (const reader of [wholeAgain, onlyNew, inPieces, fromNothing]) {
      expect(reader.state()).toMatchObject({
        position: expected.state().position,
        pending: expected.state().pending,
        turns: expected.turns,
      });
      expect(reader.memory).toBe(expected.memory);
    }
  });

  it('refuses a state of another question, a damaged one, and another text', async () => {
    const reader = new MemoryReader({ model: mini, question });
    await reader.readAll(text);
    const state = reader.state();
    expect(() => new MemoryReader({ model: mini, question: 'anna', state })).toThrow(
      /belongs to the question "alma amy jack"/,
    );
    expect(() => new MemoryReader({ model: mini, question, state: { ...state, turns: -1 } })).toThrow(/damaged: turns/);
    const other = new MemoryReader({ model: mini, question, state });
    for (const foreign of ['short', text.split('\n').reverse().join('\n'), ''])
      await expect(other.readAll(foreign, { whole: true })).rejects.toThrow(
        'The text differs from what the saved state has read, from its beginning on',
      );
    expect(other.state()).toEqual(state);
  });

  it('goes on from a state of an earlier version, which has no log of its way, but not over a change', async () => {
    const first = new MemoryReader({ model: mini, question });
    await first.readAll(text.slice(0, 150));
    const { log, ...state } = first.state();
    expect(log?.segments).toHaveLength(state.turns);
    const expected = new MemoryReader({ model: mini, question });
    await expected.readAll(text);
    const notes: string[] = [];
    const later = new MemoryReader({ model: mini, question, state, onNote: (note) => notes.push(note) });
    expect(notes).toEqual([
      expect.stringMatching(/^The saved state is of an earlier version and does not say what a budget/),
    ]);
    await later.readAll(text, { whole: true });
    const { turns, position, fingerprint, pending, questions } = expected.state();
    expect(later.state()).toMatchObject({ turns, position, fingerprint, pending, questions });
    const other = new MemoryReader({ model: mini, question, state });
    for (const changed of [`anna ${text}`, 'short'])
      await expect(other.readAll(changed, { whole: true })).rejects.toThrow(/^The first \d+ characters .* differ from/);
  });

  it('asks several questions in one pass, each with its own memory', async () => {
    const second = [...example.keys].reverse().join(' ');
    const both = new MemoryReader({ model: mini, question: [question, second] });
    await both.readAll(text);
    for (const [at, own] of [question, second].entries()) {
      const alone = new MemoryReader({ model: mini, question: own });
      await alone.readAll(text);
      expect(both.memories[at]).toBe(alone.memory);
      expect((await both.answer())[at]).toMatchObject({ question: own, answer: (await alone.answer())[0].answer });
    }
  });

  it('reads the same with the old memories as drafts, which are mostly accepted, as without', async () => {
    let drafted = 0;
    let accepted = 0;
    const drafting: MemoryModel = {
      tokenizer: mini.tokenizer,
      chat: mini.chat,
      contextLength: mini.contextLength,
      sample: async (requests, options) => {
        const results = await mini.sample(requests, options);
        results.forEach(([{ acceptedDraft = 0 }], at) => {
          drafted += requests[at].draft?.length ?? 0;
          accepted += acceptedDraft;
        });
        return results;
      },
    };
    const plain: MemoryModel = {
      ...drafting,
      sample: (requests, options) =>
        mini.sample(
          requests.map(({ draft: _, ...rest }) => rest),
          options,
        ),
    };
    const readings = [];
    for (const model of [drafting, plain]) {
      const reader = new MemoryReader({ model, question });
      await reader.readAll(text);
      readings.push({ memory: reader.memory, answer: (await reader.answer())[0].answer });
    }
    expect(readings[0]).toEqual(readings[1]);
    expect(accepted / drafted).toBeGreaterThan(0.3);
  });

  it('stays within the window, reports memories that are cut off, and keeps the old one if nothing is written', async () => {
    const model = scripted((_, call) => (call === 1 ? 'Ada did it.' : call === 2 ? '  ' : 'long '.repeat(500)), 700);
    const reader = new MemoryReader({
      model,
      question: 'Who?',
      memoryTokens: 40,
      answerTokens: 20,
      questionTokens: 10,
    });
    const events = await eventsOf(reader.read('It was a dark night and nobody was there to see. '.repeat(100)));
    expect(events.length).toBeGreaterThan(2);
    expect(events[0].memories[0]).toMatchObject({ memory: 'Ada did it.', truncated: false, empty: false });
    expect(events[1].memories[0]).toMatchObject({ memory: 'Ada did it.', empty: true });
    expect(events[2].memories[0]).toMatchObject({ truncated: true });
    for (const prompt of model.prompts) expect(model.tokenizer.encode(prompt).length + 40).toBeLessThanOrEqual(700);
  });

  it('keeps the finished turns when the model fails, and continues with the current chunk', async () => {
    let broken = true;
    const model = scripted((_, call) => {
      if (call === 3 && broken) throw new Error('connection lost');
      return `turn ${call}`;
    });
    const long = 'One fact after another, and then some more of them. '.repeat(60);
    const options = { model, question: 'Who?', chunkTokens: 200 };
    const reader = new MemoryReader(options);
    const failure = await reader.readAll(long).catch((error: unknown) => error);
    expect(ReaderError.isInstance(failure, 'interrupted')).toBe(true);
    const { state, message } = failure as ReaderError;
    expect(message).toBe('Reading stopped at chunk 3: connection lost');
    expect(state).toMatchObject({ turns: 2 });
    broken = false;
    const resumed = new MemoryReader({ ...options, state });
    const events = await eventsOf(resumed.read(long, { whole: true }));
    expect(events[0]).toMatchObject({ turn: 3, chunk: { start: state!.position } });
    expect(resumed.state().position + resumed.state().pending.length).toBe(long.length);
  });

  it('stops on request, and keeps what was read', async () => {
    const controller = new AbortController();
    const model = scripted((_, call) => {
      if (call === 2) controller.abort(new Error('enough'));
      return 'noted';
    });
    const reader = new MemoryReader({ model, question: 'Who?', chunkTokens: 100, signal: controller.signal });
    await expect(reader.readAll('Words and more words follow here. '.repeat(80))).rejects.toThrow('enough');
    expect(reader.turns).toBe(2);
    expect(reader.state().pending.length).toBeGreaterThan(0);
  });

  it('refuses what cannot be read or asked', async () => {
    await expect(readDocument({ model: mini, question, document: '' })).rejects.toThrow('The document is empty');
    await expect(readDocument({ model: mini, question, document: ' \n' })).rejects.toThrow('The text is empty');
    await expect(readDocument({ model: mini, question, document: new Uint8Array([1, 0, 2]) })).rejects.toThrow(
      'The input is binary, not text. Text, Markdown, HTML,',
    );
    await expect(readDocument({ model: mini, question, document: new Uint8Array([0x81, 0x28]) })).rejects.toThrow(
      'is neither UTF-8 nor UTF-16',
    );
    await expect(readDocument({ model: mini, question: ' ', document: text })).rejects.toThrow('There is no question');
    await expect(
      readDocument({ model: mini, question: 'anna ben emma jack dan mara', document: text }),
    ).rejects.toThrow('The question has 6 tokens; questionTokens allows 5');
    await expect(readDocument({ model: mini, question, document: text, chunkTokens: 500 })).rejects.toThrow(
      /window holds 256/,
    );
    expect(() => new MemoryReader({ model: scripted(() => '', 120), question: 'Who?' })).toThrow(
      /window of 120 tokens has no room for a chunk/,
    );
  });
});

describe('provenance', () => {
  const chunk = {
    index: 4,
    text: 'The ship left Bristol in 1843. Captain Hosken stood at the rail, and the crowd cheered.',
    start: 1000,
  };

  it('finds pieces verbatim, reformatted and approximate, but none that never occurred', () => {
    const pieces = piecesOf(
      '- The ship left Bristol in 1843.\n- captain HOSKEN stood at the rail\n- The crowd cheered Captain Hosken at the rail.\n- Whales are mammals.',
      [],
      chunk,
    );
    expect(pieces.map(({ source }) => source?.match)).toEqual(['exact', 'words', 'similar', undefined]);
    const of = (at: number) => chunk.text.slice(pieces[at].source!.start - 1000, pieces[at].source!.end - 1000);
    expect(of(0)).toBe('The ship left Bristol in 1843.');
    expect(of(1)).toBe('Captain Hosken stood at the rail');
    expect(of(2)).toBe('Captain Hosken stood at the rail, and the crowd cheered');
  });

  it('a note in words of its own keeps the chunk that it was written after', () => {
    const [note] = piecesOf('Hosken aboard', [], chunk);
    const written = { chunk: 4, start: 1000, end: 1000 + chunk.text.length };
    expect(note).toEqual({ text: 'Hosken aboard', written });
    expect(pieceText(note)).toMatch(/^Hosken aboard {2}\[.*; written after characters 1,000 to 1,087\]$/);
    const later = { index: 9, text: 'Nothing of the kind here.', start: 9000 };
    expect(piecesOf('Hosken aboard', [note], later)).toEqual([note]);
  });

  it('keeps the source of what stays, also in other words', () => {
    const before = piecesOf('The ship left Bristol in 1843.', [], chunk);
    const later = { index: 9, text: 'Nothing of the kind here.', start: 9000 };
    expect(piecesOf('The ship left Bristol in 1843.', before, later)[0].source).toEqual(before[0].source);
    expect(piecesOf('In 1843 the ship left Bristol harbour.', before, later)[0].source).toEqual(before[0].source);
  });
});

it('text from bytes cut within a character', async () => {
  const bytes = new TextEncoder().encode('a東b');
  async function* cut() {
    yield bytes.slice(0, 2);
    yield bytes.slice(2);
  }
  let all = '';
  for await (const bit of textOf(cut())) all += bit;
  expect(all).toBe('a東b');
});
