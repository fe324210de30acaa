import { expect, it } from 'vitest';
import type { ModelConfig } from '../models/config.js';
import { parameterShapes } from '../models/parameters.js';
import { randomParameters } from './random.js';

const config: ModelConfig = {
  architecture: 'qwen3',
  vocabularySize: 100,
  hiddenSize: 32,
  intermediateSize: 64,
  layers: 2,
  heads: 2,
  keyValueHeads: 1,
  headSize: 16,
  contextLength: 32,
  ropeTheta: 10000,
  rmsNormEpsilon: 1e-6,
  tieWordEmbeddings: true,
};

it('every parameter of the configuration, norms 1, the rest normal', () => {
  const parameters = randomParameters(config, 1);
  const shapes = parameterShapes(config);
  expect([...parameters.keys()]).toEqual([...shapes.keys()]);
  for (const [name, values] of parameters) {
    expect(values.length, name).toBe(shapes.get(name)!.reduce((a, b) => a * b, 1));
    if (name.endsWith('norm.weight')) {
      expect(
        values.every((value) => value === 1),
        name,
      ).toBe(true);
      continue;
    }
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    const deviation = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length);
    expect(Math.abs(mean), name).toBeLessThan(0.004);
    expect(Math.abs(deviation - 0.02), name).toBeLessThan(0.002);
  }
});

it('equal seeds give equal weights, different seeds different ones; no two tensors are equal', () => {
  const embedding = (seed: number) => randomParameters(config, seed).get('model.embed_tokens.weight');
  expect(embedding(1)).toEqual(embedding(1));
  expect(embedding(1)).not.toEqual(embedding(2));
  const first = [...randomParameters(config, 1)].filter(([name]) => !name.endsWith('norm.weight')).map(([, v]) => v[0]);
  expect(new Set(first).size).toBe(first.length);
});

it('a tensor does not depend on the others', () => {
  const shallow = randomParameters({ ...config, layers: 1, tieWordEmbeddings: false }, 1);
  const deep = randomParameters(config, 1);
  const name = 'model.layers.0.mlp.down_proj.weight';
  expect(shallow.get(name)).toEqual(deep.get(name));
});

it('the standard deviation scales the values', () => {
  const name = 'model.embed_tokens.weight';
  const wide = randomParameters(config, 1, { standardDeviation: 0.04 }).get(name)!;
  const narrow = randomParameters(config, 1).get(name)!;
  expect(wide[0]).toBeCloseTo(2 * narrow[0], 7);
});

it.each([-1, Number.NaN, Number.POSITIVE_INFINITY])('refuses the standard deviation %s', (standardDeviation) => {
  expect(() => randomParameters(config, 1, { standardDeviation })).toThrow(
    expect.objectContaining({ kind: 'invalid-argument', message: expect.stringContaining('standard deviation') }),
  );
});

it('refuses a seed that is not a whole number', () => {
  expect(() => randomParameters(config, 0.5)).toThrow(expect.objectContaining({ kind: 'invalid-argument' }));
});
