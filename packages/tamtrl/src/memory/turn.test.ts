import { describe, expect, it } from 'vitest';
import { CountingTokenizer, messageFormat } from '../policy/openai/counting-tokenizer.js';
import { carriedIds, type MemoryModel, memoryAfter, sampleTurn } from './turn.js';

describe('what is kept of an output', () => {
  const [open, close, stop] = [89, 90, 91];
  const idOf = (text: string) => ({ '<think>': open, '</think>': close })[text];
  const model = (ids: (text: string) => number | undefined) =>
    ({ tokenizer: { idOf: ids }, chat: { stopIds: [stop] } }) as unknown as MemoryModel;
  const carried = (
    outputIds: number[],
    promptIds: number[] = [1],
    ids = idOf as (text: string) => number | undefined,
  ) => carriedIds({ promptIds, outputIds }, model(ids));

  it('is what follows the last thought, without the stop tokens', () => {
    expect(carried([open, 1, close, 2, open, close, 3, 4, stop])).toEqual([3, 4]);
    expect(carried([1, 2, stop, stop])).toEqual([1, 2]);
    expect(carried([1, 2], [1], () => undefined)).toEqual([1, 2]);
    expect(carried([1, close, stop])).toEqual([]);
    expect(carried([stop])).toEqual([]);
    expect(carried([])).toEqual([]);
  });

  it('is empty while a thought is open, whether the model or the prompt opened it', () => {
    expect(carried([open, 1, 2])).toEqual([]);
    expect(carried([open, 1, close, 3, open, 4, stop])).toEqual([]);
    expect(carried([1, 2, stop], [7, open, 8])).toEqual([]);
    expect(carried([1, close, 2, stop], [7, open, 8])).toEqual([2]);
    // A template that closes the thought at once, as Qwen3's without thinking.
    expect(carried([1, 2, stop], [7, open, 8, close, 9])).toEqual([1, 2]);
    // A document that writes the mark is no open thought.
    expect(carried([1, 2, stop], [open, ...new Array<number>(20).fill(3)])).toEqual([1, 2]);
  });
});

it('cuts thoughts from the text if the tokenizer has no token for their end', async () => {
  const tokenizer = new CountingTokenizer();
  const replies = ['<think>hm</think>Ada did it.', '<think>hm</think> \n'];
  const model: MemoryModel = {
    tokenizer,
    chat: messageFormat,
    contextLength: 100,
    sample: async () =>
      replies.map((reply) => [{ tokens: tokenizer.encode(reply), logProbabilities: [], stopReason: 'stop' as const }]),
  };
  const requests = replies.map(() => ({ promptIds: [1] }));
  const [[said], [nothing]] = await sampleTurn(model, requests, { maxTokens: 20 });
  expect(said).toMatchObject({ text: 'Ada did it.', empty: false });
  expect(nothing.empty).toBe(true);
  expect(memoryAfter([7], nothing, 'keep')).toEqual([7]);
  expect(memoryAfter([7], nothing, 'overwrite')).toEqual([]);
});

/** What a model with this text is taken to have said. */
async function saidIn(reply: string, tokenizer = new CountingTokenizer()) {
  const tokens = tokenizer.encode(reply);
  const sample = async () => [[{ tokens, logProbabilities: [], stopReason: 'length' as const }]];
  const model: MemoryModel = { tokenizer, chat: messageFormat, contextLength: 100, sample };
  const [[output]] = await sampleTurn(model, [{ promptIds: [1] }], { maxTokens: 100 });
  return { ...output, carried: tokenizer.decode(output.ids) };
}

it.each([
  ['<think>secret musing</think>\n\nThe ship', 'The ship'],
  ['aaa</think> x', 'x'],
  ['<think>a</think>b<think>c</think> d', 'd'],
  ['<think>never ended', ''],
  [' \n<think>never ended', ''],
  ['<think>a</think>\n<think>never ended', ''],
])('%j as text: what is carried on holds no thought', async (reply, expected) => {
  expect(await saidIn(reply)).toMatchObject({ text: expected, carried: expected, empty: expected === '' });
});
