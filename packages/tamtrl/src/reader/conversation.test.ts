/** Follow-up questions: from the notes, refused by the model, by reading again; saved, and with the embedded model. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { MemoryModel } from '../memory/turn.js';
import { openModel } from '../models/open.js';
import { CountingTokenizer, messageFormat } from '../policy/openai/counting-tokenizer.js';
import type { Policy } from '../policy/types.js';
import { Conversation } from './conversation.js';
import { createConversation, readDocument } from './read-document.js';

const text = 'The ship left Bristol on Monday. '.repeat(200);
const asks = (prompt: string, question: string) => prompt.includes(`<question>\n${question}`);

/** Takes notes of the day or the captain, and answers from notes that have them. */
function sailor(contextLength = 2000): MemoryModel & { prompts: string[]; readings: () => number } {
  const tokenizer = new CountingTokenizer();
  const prompts: string[] = [];
  const write = (prompt: string) => {
    const isCaptain = asks(prompt, 'Who is the captain?');
    if (prompt.includes('<section>')) return isCaptain ? 'Ann is the captain.' : 'It left Bristol on Monday.';
    const [, notes] = /<notes>([\s\S]*?)<\/notes>/.exec(prompt)!;
    if (isCaptain) return notes.includes('Ann') ? '\\boxed{Ann}' : 'I would have to guess. \\boxed{Not in the notes.}';
    return asks(prompt, 'Which day?') ? '\\boxed{Monday}' : '\\boxed{Bristol}';
  };
  return {
    tokenizer,
    chat: messageFormat,
    contextLength,
    prompts,
    readings: () => prompts.filter((prompt) => prompt.includes('<section>')).length,
    sample: async (requests) =>
      requests.map(({ promptIds }) => {
        const prompt = tokenizer.decode(promptIds);
        expect(promptIds.length).toBeLessThanOrEqual(contextLength);
        prompts.push(prompt);
        return [{ tokens: tokenizer.encode(write(prompt)), logProbabilities: [], stopReason: 'stop' }];
      }),
  };
}

it('answers from the notes where they suffice, says where they do not, and reads again if that is wanted', async () => {
  const model = sailor();
  const talk = new Conversation({ model, document: text });
  const first = await talk.ask('Where from?');
  expect(first).toMatchObject({ answer: 'Bristol', from: 'text', missing: false, notesFor: ['Where from?'] });
  const turns = model.readings();
  expect(await talk.ask('Which day?')).toMatchObject({ answer: 'Monday', from: 'memory', notesFor: ['Where from?'] });
  expect(model.prompts.at(-1)).toContain('<text>\nWhere from? Bristol\n</text>');
  const unknown = await talk.ask('Who is the captain?');
  expect(unknown).toMatchObject({ answer: '', from: 'memory', missing: true });
  expect(model.readings()).toBe(turns);
  const read = await talk.ask('Who is the captain?', { reread: 'needed' });
  expect(read).toMatchObject({ answer: 'Ann', from: 'text', missing: false });
  expect(model.readings()).toBe(2 * turns);
  // The question is read with what it may refer to.
  expect(model.prompts.find((prompt) => asks(prompt, 'Who is the captain?') && prompt.includes('<section>'))).toContain(
    '(Asked before: Where from? Bristol Which day? Monday)',
  );
  // Both notes are there now.
  const again = await talk.ask('Who is the captain?', { reread: 'needed' });
  expect(again).toMatchObject({ answer: 'Ann', from: 'memory', notesFor: ['Where from?', 'Who is the captain?'] });
  expect(again.provenance.map((piece) => piece.text)).toEqual(['It left Bristol on Monday.', 'Ann is the captain.']);
  expect(await talk.ask('Which day?', { reread: 'always' })).toMatchObject({ from: 'text' });
  expect(model.readings()).toBe(3 * turns);
});

it('goes on from a reading and from its own state', async () => {
  const model = sailor();
  const { answers } = await readDocument({ model, question: 'Where from?', document: text });
  const talk = new Conversation({ model });
  talk.begin(answers);
  expect(await talk.ask('Which day?')).toMatchObject({ answer: 'Monday', from: 'memory' });
  const saved = JSON.parse(JSON.stringify(talk.state()));
  expect(saved.exchanges).toEqual([
    { question: 'Where from?', answer: 'Bristol', from: 'text' },
    { question: 'Which day?', answer: 'Monday', from: 'memory' },
  ]);
  const turns = model.readings();
  const later = new Conversation({ model, state: saved });
  expect(await later.ask('Which day?')).toMatchObject({ answer: 'Monday' });
  expect(model.readings()).toBe(turns);
  await expect(later.ask('Who is the captain?', { reread: 'needed' })).rejects.toThrow('there is no document');
  expect(() => new Conversation({ model, state: { notes: 5 } as never })).toThrow('The saved conversation is damaged');
  await expect(later.ask(' ')).rejects.toThrow('There is no question');
});

it('a stream is read once; a function opens it each time; a question beyond the window is refused', async () => {
  const model = sailor();
  const stream = async function* () {
    yield text;
  };
  const once = new Conversation({ model, document: stream() });
  await once.ask('Where from?');
  await expect(once.ask('Which day?', { reread: 'always' })).rejects.toThrow('it was a stream, which can be read once');
  const often = new Conversation({ model, document: () => stream() });
  await often.ask('Where from?');
  expect(await often.ask('Which day?', { reread: 'always' })).toMatchObject({ answer: 'Monday', from: 'text' });
  await expect(often.ask('x '.repeat(3000))).rejects.toThrow(/leaves no room for notes in the window of 2000 tokens/);
});

it('many notes and a long conversation stay within the window', async () => {
  const model = sailor(700);
  const notes = Array.from({ length: 40 }, (_, at) => ({
    question: `Q${at}?`,
    memory: `fact ${at} `.repeat(9),
    pieces: [],
  }));
  const exchanges = notes.map(({ question }) => ({ question, answer: 'yes', from: 'text' as const }));
  const talk = new Conversation({ model, state: { notes, exchanges } });
  expect(await talk.ask('Which day?')).toMatchObject({ answer: 'Monday' });
  // The latest are kept.
  expect(model.prompts[0]).toContain('fact 39');
  expect(model.prompts[0]).not.toContain('fact 0 ');
});

let mini: Policy;
beforeAll(async () => {
  mini = await openModel('mini');
});
afterAll(() => mini.close());

it('the embedded model cannot say that it does not know: every word of the question has to be in the notes', async () => {
  await using talk = await createConversation({ model: mini, document: 'anna oslo\ndan linz\ncora riga\nkurt bern' });
  await talk.ask('anna dan');
  expect(await talk.ask('dan')).toMatchObject({ from: 'memory', missing: false });
  expect(await talk.ask('kurt')).toMatchObject({ answer: '', missing: true });
  expect(await talk.ask('kurt cora', { reread: 'needed' })).toMatchObject({ from: 'text' });
});
