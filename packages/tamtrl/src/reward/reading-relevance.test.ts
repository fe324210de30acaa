/** Marks that a memory agent makes by reading: where it changes its memory, and nowhere else. */
import { expect, it } from 'vitest';
import { miniSource } from '../data/examples.js';
import { miniExample, toRecord } from '../data/mini/task.js';
import { miniChat } from '../data/mini/tokenizer.js';
import type { QuestionRecord } from '../data/records.js';
import { annotated } from '../data/relevance.js';
import { PromptFrames } from '../memory/frames.js';
import { miniPrompts } from '../memory/prompts.js';
import { idealReply, scripted, tokenizer } from '../memory/scripted-mini.test-support.js';
import { readingRelevance } from './reading-relevance.js';

const frames = new PromptFrames({ tokenizer, chat: miniChat }, miniPrompts);
const budgets = { questionTokens: 5, chunkTokens: 4, memoryTokens: 10, answerTokens: 6 };
const task = { chunks: 3, factsPerChunk: 2, queries: 2 };
const record = (index: number) => toRecord(miniExample(task, 1, index));

it('marks what an ideal agent notes: of the mini task, what is annotated', async () => {
  const { model, calls } = scripted(idealReply);
  const marksOf = readingRelevance(model, { frames, budgets });
  const records = [record(0), record(1), record(2)];
  const marks = await Promise.all(records.map((each) => marksOf(each)));
  expect(marks).toEqual(records.map(annotated));
  // Records that are asked for together are read together: a call for each of six sentences, one for the answers.
  expect(calls.map(({ length }) => length)).toEqual(Array(7).fill(3));
  expect(await marksOf(records[1])).toEqual(marks[1]);
});

it('marks nothing for one that keeps its memory, and a repeated fact once', async () => {
  const stubborn = readingRelevance(scripted((prompt) => /<memory> (.*?) </.exec(prompt)![1]).model, {
    frames,
    budgets,
  });
  expect(await stubborn(record(0))).toEqual([]);
  const twice: QuestionRecord = {
    id: 'twice',
    source: '',
    question: 'anna',
    answers: ['oslo'],
    documents: [{ text: 'anna oslo' }, { text: 'ben rome' }, { text: 'anna oslo' }],
  };
  const marks = await readingRelevance(scripted(idealReply).model, { frames, budgets })(twice);
  expect(marks).toEqual([{ document: 0, start: 0, end: 9 }]);
});

it('shows titles, and cuts a sentence that is longer than a chunk', async () => {
  const { model, calls } = scripted(idealReply);
  const documents = [{ title: 'anna', text: 'oslo rome lima nice' }];
  const long = { id: 'long', source: '', question: 'anna', answers: ['oslo'], documents };
  await readingRelevance(model, { frames, budgets })(long);
  expect(calls[0]).toEqual(['<question> anna <memory> anna ? <section> anna : oslo rome <update>']);
});

it('fails for every record of a call that fails', async () => {
  const { model } = scripted(() => {
    throw new Error('no power');
  });
  const marksOf = readingRelevance(model, { frames, budgets });
  const failed = await Promise.allSettled([marksOf(record(0)), marksOf(record(1))]);
  expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
});

it('takes the place of what a generated task knows, and is asked once for each of a fixed number of questions', async () => {
  let asked = 0;
  const first = miniSource(task, 1, tokenizer, 4, (asking) => {
    asked++;
    return [{ document: 0, start: 0, end: asking.documents[0].text.length }];
  });
  const known = miniSource(task, 1, tokenizer, 4);
  for (const index of [0, 1, 0]) {
    const [marked, plain] = [await first.get(index), await known.get(index)];
    expect(marked.filteredChunks).toEqual([record(index).documents[0].text, '', '']);
    expect(marked.chunks).toEqual(plain.chunks);
    expect(marked.idealMemories).toEqual(plain.idealMemories);
  }
  expect(asked).toBe(2);
});
