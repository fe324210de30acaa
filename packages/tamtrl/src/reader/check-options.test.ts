/** Arguments of another kind are refused by name, and never with an exception of JavaScript's own. */
import { expect, it } from 'vitest';
import { createMemoryReader, readDocument } from './read-document.js';

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
  ['a note that is none', { ...good, onNote: 5 }, '`onNote` is a value of type number, expected a function.'],
])('%s', async (_, options, sentence) => {
  for (const [name, call] of Object.entries({ readDocument, createMemoryReader }))
    await expect(call(options as never)).rejects.toMatchObject({
      name: 'ReaderError',
      kind: 'input',
      message: expect.stringContaining(`${name}: ${sentence}`),
    });
});

it('a number in quotation marks is shown with them', async () => {
  const refused = readDocument({ ...good, chunkTokens: '12' } as never);
  await expect(refused).rejects.toThrow('chunkTokens is "12", expected a whole number of at least 1.');
});
