/** Arguments of another kind are refused by name, and never with an exception of JavaScript's own. */
import { expect, it } from 'vitest';
import { Conversation } from './conversation.js';
import { estimateReading, estimateReadings } from './estimate-reading.js';
import { keptReadings } from './kept-readings.js';
import { loadDocument } from './load-document.js';
import { createConversation, createMemoryReader, readDocument } from './read-document.js';
import { readDocuments } from './read-documents.js';
import { MemoryReader } from './reader.js';
import { readSideBySide } from './side-by-side.js';

const good = { model: 'mini', question: 'anna', document: 'anna oslo' };

it.each([
  ['no options', undefined, 'the options are missing, expected an object such as { model, question }.'],
  ['no question', { ...good, question: undefined }, '`question` is missing'],
  ['a list with other things', { ...good, question: ['a', 5] }, '`question` is a list with other things'],
  ['no model', { ...good, model: undefined }, 'there is no `model`. Name one ("mini", a folder'],
  ['an empty model', { ...good, model: {} }, '`model` is a value of type object, expected an address such as "mini"'],
  [
    'a temperature in words',
    { ...good, temperature: 'hot' },
    '`temperature` is "hot", expected a number of at least 0.',
  ],
  ['a temperature below 0', { ...good, temperature: -1 }, '`temperature` is -1'],
  ['a state as text', { ...good, state: '{}' }, '`state` is a string, expected what `reader.state()` gives'],
  ['a list of options', [good], 'the options are a list, expected an object such as { model, question }.'],
  ['a model that was not awaited', { ...good, model: Promise.resolve({}) }, '`model` is a Promise (await it first), '],
  ['a model without a name', { ...good, model: '' }, '`model` is empty, expected an address such as "mini"'],
  ['a mistyped option', { ...good, chunkTokenz: 5 }, 'there is no option "chunkTokenz". Did you mean "chunkTokens"?'],
  ['an option of nothing', { ...good, colour: 5 }, 'there is no option "colour". Expected one of: model, question, '],
  [
    'a temperature of NaN',
    { ...good, temperature: Number.NaN },
    '`temperature` is NaN, expected a number of at least 0.',
  ],
  ['a seed in words', { ...good, seed: 'a' }, '`seed` is "a", expected a whole number.'],
  ['a controller', { ...good, signal: new AbortController() }, '`signal` is an object of the class AbortController, '],
  ['a rule that is none', { ...good, empty: 'lose' }, '`empty` is "lose", expected "keep" or "overwrite".'],
  ['chunks that end elsewhere', { ...good, align: 'word' }, '`align` is "word", expected "token" or "sentence".'],
  [
    'prompts by name',
    { ...good, prompts: 'chat' },
    '`prompts` is "chat", expected a prompt format such as `chatPrompts`',
  ],
  ['a window of -1', { ...good, contextLength: -1 }, '`contextLength` is -1, expected a whole number of at least 1.'],
  ['hosts that are no list', { ...good, allowHosts: 'a' }, '`allowHosts` is "a", expected a list of strings.'],
  ['thinking in words', { ...good, thinking: 'yes' }, '`thinking` is "yes", expected true or false.'],
  ['a note that is none', { ...good, onNote: 5 }, '`onNote` is a value of type number, expected a function.'],
])('%s', async (_, options, sentence) => {
  const { document: __, ...asked } = { document: '', ...options };
  const calls = {
    readDocument: () => readDocument(options as never),
    createMemoryReader: () => createMemoryReader((Array.isArray(options) ? options : options && asked) as never),
  };
  for (const [name, call] of Object.entries(calls))
    await expect(call()).rejects.toMatchObject({
      name: 'ReaderError',
      kind: 'input',
      message: expect.stringContaining(`${name}: ${sentence}`),
    });
});

it('a number in quotation marks is shown with them', async () => {
  const refused = readDocument({ ...good, chunkTokens: '12' } as never);
  await expect(refused).rejects.toThrow('chunkTokens is "12", expected a whole number of at least 1.');
});

it('options that are undefined are not given', async () => {
  expect((await readDocument({ ...good, seed: undefined, colour: undefined } as never)).answer).toBeTypeOf('string');
});

const pieces = async (made: AsyncIterable<unknown>) => {
  for await (const _ of made);
};

it.each<[string, () => unknown, string]>([
  ['readDocuments', () => readDocuments({ ...good, documents: ['a'] } as never), 'there is no option "document". Did'],
  ['readSideBySide', () => readSideBySide(undefined as never), 'the options are missing'],
  ['readSideBySide', () => readSideBySide({ ...good, mergeWidth: 1 }), '`mergeWidth` is 1, expected a whole number of'],
  ['estimateReading', () => estimateReading({ ...good, document: undefined } as never), 'there is no `document`'],
  ['estimateReadings', () => estimateReadings({ ...good } as never), 'there is no option "document"'],
  [
    'estimateReadings',
    () => estimateReadings({ model: 'mini', question: 'ben', documents: [] }),
    '`documents` is empty, expected a list with at least one document',
  ],
  [
    'estimateReading',
    () => estimateReading({ ...good, budgit: 5 } as never),
    'there is no option "budgit". Did you mean',
  ],
  ['createConversation', () => createConversation({ ...good } as never), 'there is no option "question". Expected one'],
  ['createConversation', () => createConversation({ model: 'mini', budget: -1 }), '`budget` is -1, expected a whole'],
  [
    'loadDocument',
    () => pieces(loadDocument('a.txt', { nmae: 'b' } as never)),
    'there is no option "nmae". Did you mean',
  ],
  ['loadDocument', () => pieces(loadDocument('a.txt', null as never)), 'the options are null, expected an object.'],
  [
    'loadDocument',
    () => pieces(loadDocument(5 as never)),
    'the source is 5, expected the path of a file or a folder, ',
  ],
  [
    'keptReadings',
    () => keptReadings(undefined as never, undefined as never),
    'the folder is nothing, expected the path',
  ],
  [
    'keptReadings',
    () => keptReadings('a', { question: 'b', model: 'mini' } as never),
    '`documents` is missing, expected',
  ],
  ['MemoryReader', () => new MemoryReader(undefined as never), 'the options are missing'],
  [
    'MemoryReader',
    () => new MemoryReader({ ...good, document: undefined } as never),
    '`model` is "mini", expected an open',
  ],
  ['Conversation', () => new Conversation({ model: 'mini' } as never), '`model` is "mini", expected an open policy.'],
])('%s refuses by name', async (name, call, sentence) => {
  const refused = (async () => call())();
  await expect(refused).rejects.toMatchObject({ name: 'ReaderError', kind: 'input' });
  await expect((async () => call())()).rejects.toThrow(`${name}: ${sentence}`);
});

it('so do the methods of a reader and of a conversation', async () => {
  await using reader = await createMemoryReader({ model: 'mini', question: 'anna' });
  await expect(reader.readAll('anna oslo', { hwole: true } as never)).rejects.toThrow(
    'read: there is no option "hwole"',
  );
  await expect(reader.readAll('anna oslo', { only: 5 } as never)).rejects.toThrow('`only` is 5, expected a function.');
  await expect(reader.answer(5 as never)).rejects.toThrow('answer: the first argument is 5, expected a function.');
  await using talk = await createConversation({ model: 'mini', document: 'anna oslo' });
  await expect(talk.ask(undefined as never)).rejects.toThrow('ask: the question is nothing, expected a string.');
  await expect(talk.ask('anna', { reread: true } as never)).rejects.toThrow(
    '`reread` is true, expected "never", "needed"',
  );
});

it('an empty text is refused before it is read, too', async () => {
  await expect(estimateReading({ ...good, document: '' })).rejects.toThrow(
    'The text is empty: there is nothing to read.',
  );
});
