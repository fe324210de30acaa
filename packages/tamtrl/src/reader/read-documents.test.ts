/** Several documents side by side: as if each were read alone, in fewer calls, and none ends or holds up the others. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { miniExample } from '../data/mini/task.js';
import { openModel } from '../models/open.js';
import type { GenerateOptions, GenerateRequest, Policy } from '../policy/types.js';
import { readDocument } from './read-document.js';
import { readDocuments } from './read-documents.js';

let mini: Policy;
beforeAll(async () => {
  mini = await openModel('mini');
});
afterAll(() => mini.close());

const question = ['anna ben emma', 'dan'];
const documents = Array.from({ length: 5 }, (_, seed) =>
  miniExample({ chunks: 2 + 3 * seed, factsPerChunk: 6 }, 3, seed)
    .chunks.flat()
    .map(({ key, value }) => `${key} ${value}`)
    .join('\n'),
);

/** The model, and what it was asked. */
function counted(): { model: Policy; calls: { rows: number; options: GenerateOptions }[] } {
  const calls: { rows: number; options: GenerateOptions }[] = [];
  const model = Object.create(mini, {
    sample: {
      value: (requests: readonly GenerateRequest[], options: GenerateOptions) => {
        calls.push({ rows: requests.length, options });
        return mini.sample(requests, options);
      },
    },
  });
  return { model, calls };
}

it.each([0, 1])('give what each gives alone, in fewer calls (temperature %i)', async (temperature) => {
  const single = counted();
  const alone = [];
  for (const document of documents)
    alone.push(await readDocument({ model: single.model, question, document, temperature, seed: 7 }));
  const shared = counted();
  const done: number[] = [];
  const turns = documents.map(() => 0);
  const outcomes = await readDocuments({
    model: shared.model,
    question,
    documents,
    temperature,
    seed: 7,
    sideBySide: 4,
    onEvent: (_, at) => turns[at]++,
    onDocument: (_, at) => done.push(at),
  });
  expect(outcomes.map(({ reading }) => reading?.answers.map((each) => [each.answer, each.memory]))).toEqual(
    alone.map(({ answers }) => answers.map((each) => [each.answer, each.memory])),
  );
  expect(outcomes.map(({ reading }) => reading?.turns)).toEqual(turns);
  expect(done.toSorted()).toEqual([0, 1, 2, 3, 4]);
  expect(shared.calls.length).toBeLessThan(0.75 * single.calls.length);
});

it('a document that cannot be read, or comes slowly, neither ends nor holds up the others', async () => {
  let finish = () => {};
  const others = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const slow = async function* () {
    yield documents[1];
    // Ends only once the others are done.
    await others;
    yield '\nkurt bern';
  };
  let done = 0;
  const outcomes = await readDocuments({
    model: mini,
    question: 'anna',
    documents: [slow(), documents[2], { file: 'no-such.txt' }, documents[3]],
    onDocument: () => {
      if (++done === 3) finish();
    },
  });
  expect(outcomes[2].error?.message).toBe('There is no file no-such.txt.');
  expect(outcomes.map(({ reading }) => reading !== undefined)).toEqual([true, true, false, true]);
});

it('a model that fails is told of every document; an abort ends all; wrong lists get a sentence', async () => {
  const model = Object.create(mini, { sample: { value: () => Promise.reject(new Error('out of memory')) } });
  const outcomes = await readDocuments({ model, question: 'anna', documents });
  for (const { error } of outcomes) expect(error?.message).toBe('Reading stopped at chunk 1: out of memory');
  const signal = AbortSignal.abort(new Error('enough'));
  await expect(readDocuments({ model: mini, question: 'anna', documents, signal })).rejects.toThrow('enough');
  const wrong = (more: object) => readDocuments({ model: mini, question: 'anna', documents, ...more } as never);
  await expect(wrong({ documents: 'text' })).rejects.toThrow(
    '`documents` is "text", expected a list with at least one document.',
  );
  await expect(wrong({ documents: [] })).rejects.toThrow('`documents` is empty, expected a list');
  await expect(wrong({ sideBySide: 0 })).rejects.toThrow('`sideBySide` is 0, expected a whole number of at least 1.');
  await expect(wrong({ question: 'a b c d e f g' })).rejects.toThrow('The question has 7 tokens');
  await expect(wrong({ states: 'folder' })).rejects.toThrow('`states` is not a store of readings: pass what `await');
  await expect(wrong({ question: 5 })).rejects.toThrow('`question` is a value of type number');
});
