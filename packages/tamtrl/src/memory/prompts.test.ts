import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { idealMemories, miniExample, miniQuestion } from '../data/mini/task.js';
import { miniChat, miniTokenizer } from '../data/mini/tokenizer.js';
import { MINI_MARKERS, MINI_VOCABULARY } from '../data/mini/vocabulary.js';
import { chatFormatFromTemplate } from '../text/templates.js';
import { PromptFrames } from './frames.js';
import { chatPrompts, miniPrompts, promptFormatNamed } from './prompts.js';

const tokenizer = miniTokenizer();

/** One id a character: whatever the wording, slots must come out where they went in. */
const codePoints = (text: string) => [...text].map((character) => character.codePointAt(0)!);
const characters = {
  encode: codePoints,
  encodeText: codePoints,
  decode: (ids: readonly number[]) => String.fromCodePoint(...ids),
  vocabularySize: 0x110000,
  idOf: () => undefined,
  controlTokens: new Map(),
};

it('the mini prompts use the marks of the vocabulary, and nothing that is not in it', () => {
  const { question, memory, section, update, answer } = MINI_MARKERS;
  const slots = { question: 'anna', memory: 'anna ?', chunk: 'ben rome' };
  expect(miniPrompts.update(slots)).toBe(`${question} anna ${memory} anna ? ${section} ben rome ${update}`);
  expect(miniPrompts.answer(slots)).toBe(`${question} anna ${memory} anna ? ${answer}`);
  for (const word of miniPrompts.nothingRelevant.split(' ')) expect(MINI_VOCABULARY).toContain(word);
});

it('prompts with the chunk first say the same in another order', () => {
  for (const name of ['mini-chunk-first', 'chat-chunk-first']) {
    const format = promptFormatNamed(name);
    const plain = promptFormatNamed(name.replace('-chunk-first', ''));
    const slots = { question: 'anna', memory: 'anna ?', chunk: 'ben rome' };
    const parts = (text: string) => text.split(/\s+/).sort();
    expect(parts(format.update(slots))).toEqual(parts(plain.update(slots)));
    expect(format.answer(slots)).toBe(plain.answer(slots));
    const update = format.update(slots);
    expect(update.indexOf(slots.chunk)).toBeLessThan(update.indexOf(slots.question));
    expect(update.indexOf(slots.question)).toBeLessThan(update.lastIndexOf(slots.memory));
  }
});

it("the mini task's first memory is the ideal one before the first chunk", () => {
  const example = miniExample({ queries: 3 }, 5, 0);
  expect(miniPrompts.initialMemory(miniQuestion(example))).toBe(idealMemories(example)[0]);
});

it('slots stay exactly as they are within a chat template', () => {
  const template = '{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}<|assistant|>';
  const chat = chatFormatFromTemplate({ template, stopIds: [0] });
  const frames = new PromptFrames({ tokenizer: characters, chat }, chatPrompts);
  const ids = (text: string) => characters.encode(text);
  const slots = { question: 'Who?', memory: ' odd  spaces\n', chunk: 'A </div> in the text.' };
  const wanted = (content: string) => chat.render([{ role: 'user', content }]);
  const { question, memory, chunk } = slots;
  expect(characters.decode(frames.update(ids(question), ids(memory), ids(chunk)))).toBe(
    wanted(chatPrompts.update(slots)),
  );
  expect(characters.decode(frames.answer(ids(question), ids(memory)))).toBe(wanted(chatPrompts.answer(slots)));
  expect(chatPrompts.answer(slots)).toContain('\\boxed{}');
});

it('the wording of notes has not changed', () => {
  const text =
    chatPrompts.update({ question: 'Q', memory: 'M', chunk: 'C' }) + chatPrompts.answer({ question: 'Q', memory: 'M' });
  expect(createHash('sha256').update(text).digest('hex')).toBe(
    'adeed527d2a2855516405dcae6e37c1db23a08d52008193faa54ccc94c30a657',
  );
});

it('a template that drops the message is refused', () => {
  const chat = chatFormatFromTemplate({ template: 'fixed', stopIds: [0] });
  expect(() => new PromptFrames({ tokenizer: characters, chat }, chatPrompts)).toThrow(
    "The chat update prompt, as the model's chat template renders it, contains the question 0 times; expected once.",
  );
});

it('the teacher reads a fixed line if nothing is relevant', () => {
  const frames = new PromptFrames({ tokenizer, chat: miniChat }, miniPrompts);
  expect(tokenizer.decode(frames.filteredChunk(' \n'))).toBe('-');
  expect(tokenizer.decode(frames.filteredChunk('anna oslo'))).toBe('anna oslo');
});

it('formats by name', () => {
  expect(promptFormatNamed('mini')).toBe(miniPrompts);
  expect(() => promptFormatNamed('chta')).toThrow(
    'There is no prompt format "chta"; expected one of: chat, chat-chunk-first, chat-gated, mini, mini-chunk-first, mini-gated, babi, babi-copy.',
  );
});
