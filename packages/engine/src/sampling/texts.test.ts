/** Which texts are read together. */
import { describe, expect, it } from 'vitest';
import type { GenerateRequest } from '../api.js';
import type { ModelConfig } from '../models/config.js';
import { layOutSequences } from './sequences.js';
import { padded, readingsOf } from './texts.js';

const config: ModelConfig = {
  architecture: 'qwen3',
  vocabularySize: 4000,
  hiddenSize: 16,
  intermediateSize: 24,
  layers: 1,
  heads: 2,
  keyValueHeads: 2,
  headSize: 8,
  contextLength: 8000,
  ropeTheta: 10_000,
  rmsNormEpsilon: 1e-6,
  tieWordEmbeddings: true,
};

/** A prompt that begins with `mark`, so that it shares nothing with others. */
const prompt = (mark: number, length: number): GenerateRequest => ({
  promptIds: Array.from({ length }, (_, at) => (at === 0 ? mark : (at * 7) % 4000)),
});
const lengthsOf = (requests: readonly GenerateRequest[]) =>
  readingsOf(layOutSequences(config, requests, { maxTokens: 4 }), () => 0).map((list) =>
    list.map(({ text }) => text.ids.length),
  );

describe('texts that are read in one run', () => {
  it('have one padded length, if there are enough of them', () => {
    const requests = Array.from({ length: 40 }, (_, mark) => prompt(mark, 50 + ((mark * 11) % 45)));
    const lists = lengthsOf(requests);
    expect(lists.flat().sort()).toEqual(requests.map(({ promptIds }) => promptIds.length).sort());
    expect(lists.length).toBeGreaterThan(2);
    for (const lengths of lists) expect(new Set(lengths.map(padded)).size).toBe(1);
  });

  it('are of several lengths, if there are few', () => {
    expect(lengthsOf([prompt(1, 60), prompt(2, 40), prompt(3, 20)])).toEqual([[60, 40, 20]]);
  });

  it('are those that share a piece, whatever their lengths', () => {
    const shared = Array.from({ length: 300 }, (_, at) => at);
    const requests = [90, 40, 5].map((own) => ({
      promptIds: [...shared, ...Array.from({ length: own }, (_, at) => 1000 + own + at)],
      sharedTokens: 300,
    }));
    expect(lengthsOf(requests)).toEqual([[390, 340, 305]]);
  });

  it('have no more tokens than a run may have', () => {
    const lists = lengthsOf(Array.from({ length: 100 }, (_, mark) => prompt(mark, 64)));
    expect(lists.map((lengths) => lengths.length)).toEqual([64, 36]);
  });
});
