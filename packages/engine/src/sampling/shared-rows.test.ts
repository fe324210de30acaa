/** Texts that begin alike are read as one list of different tokens, and give what each gives alone. */
import { describe, expect, it } from 'vitest';
import { EngineCore } from '../core.js';
import type { ModelConfig } from '../models/config.js';
import { randomParameters } from '../weights/random.js';
import { sharedRows } from './shared-rows.js';

describe('sharedRows', () => {
  it('holds each token once, after what it follows', () => {
    const rows = sharedRows([[7, 8, 9], [7, 8, 5, 5], [6], [7, 8, 9]], 4, 2, 100);
    expect([...rows.ids]).toEqual([7, 8, 9, 5, 5, 6]);
    expect([...rows.positions]).toEqual([0, 1, 2, 2, 3, 0]);
    expect([...rows.tokens]).toEqual([0, 1, 2, 0, 0, 1, 3, 4, 5, 0, 0, 0, 0, 1, 2, 0]);
    expect([...rows.places]).toEqual([0, 1, 2, 6, 7, 8]);
  });

  it('does not share a token that follows something else', () => {
    expect([...sharedRows([[1, 2], [2]], 2, 1, 10).ids]).toEqual([1, 2, 2]);
  });

  it('is filled up to the least number of tokens', () => {
    const rows = sharedRows([[3]], 1, 4, 10);
    expect([...rows.ids]).toEqual([3, 0, 0, 0]);
    expect(rows.places).toHaveLength(4);
  });
});

const shapes: Record<string, Partial<ModelConfig>> = {
  'grouped heads': { heads: 4, keyValueHeads: 2 },
  'sliding layers': { slidingWindow: { tokens: 9, layers: [0], ropeTheta: 500 } },
  'layers without rotation': { unrotatedLayers: [1] },
};

it.each(Object.entries(shapes))('texts that begin alike give what each gives alone: %s', async (_, shape) => {
  const config: ModelConfig = {
    architecture: 'qwen3',
    vocabularySize: 61,
    hiddenSize: 32,
    intermediateSize: 64,
    layers: 2,
    heads: 4,
    keyValueHeads: 4,
    headSize: 8,
    contextLength: 256,
    ropeTheta: 10_000,
    rmsNormEpsilon: 1e-6,
    tieWordEmbeddings: true,
    ...shape,
  };
  const core = new EngineCore(config, randomParameters(config, 2), { auxiliary: new Map(), eosTokenIds: [] });
  const text = (seed: number, length: number) => Array.from({ length }, (_, at) => (seed * (at + 3) + at * at) % 61);
  const start = text(5, 21);
  const requests = [3, 3, 8, 40, 0].map((own, at) => ({
    promptIds: [...start, ...text(at + 7, own)],
    draft: [at, 4],
    seed: at,
  }));
  const options = { maxTokens: 6, temperature: 1 };
  const together = await core.generate(requests, options);
  for (const [at, request] of requests.entries()) {
    expect(await core.generate([request], options)).toEqual([together[at]]);
  }
  await core.close();
});
