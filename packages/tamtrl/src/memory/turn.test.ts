import { expect, it } from 'vitest';
import { CountingTokenizer, messageFormat } from '../policy/openai/counting-tokenizer.js';
import { carriedIds, type MemoryModel, memoryAfter, sampleTurn } from './turn.js';

it('the memory is what follows the last thought, without the stop tokens', () => {
  const [think, stop] = [90, 91];
  expect(carriedIds([1, think, 2, think, 3, 4, stop], [stop], think)).toEqual([3, 4]);
  expect(carriedIds([1, 2, stop, stop], [stop], think)).toEqual([1, 2]);
  expect(carriedIds([1, 2], [stop], undefined)).toEqual([1, 2]);
  expect(carriedIds([1, think, stop], [stop], think)).toEqual([]);
  expect(carriedIds([stop], [stop], think)).toEqual([]);
  expect(carriedIds([], [stop], think)).toEqual([]);
});

it('cuts thoughts from the text where the tokenizer has no token for their end', async () => {
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
