/** Sampling in int8: close to float32, the same for a sequence whatever its company, and true to updated weights. */
import { expect, it } from 'vitest';
import { EngineCore } from '../core.js';
import { Graph } from '../graph/graph.js';
import { int8Linear } from '../graph/ops/int8.js';
import { roundedWeights } from '../models/int8-weights.js';
import { Random } from '../random.js';
import { CompiledGraph, float32 } from '../runtime/onnx.js';
import { randomParameters } from '../weights/random.js';
import { TINY } from './tiny-config.test-support.js';

const random = new Random(5);
const numbers = (count: number) => Float32Array.from({ length: count }, () => 2 * random.uniform() - 1);
const parameters = () => randomParameters(TINY, 3, { standardDeviation: 0.2 });
const open = (precision: 'float32' | 'int8', threads = 1) =>
  new EngineCore(
    TINY,
    parameters(),
    { auxiliary: new Map(), eosTokenIds: [] },
    { samplingPrecision: precision, threads },
  );

it('a product is that of the rounded numbers, each row by itself', async () => {
  const [name, matrix] = [...roundedWeights(TINY, parameters())][0];
  const [input, out] = matrix.shape;
  const weight = parameters().get(name) as Float32Array;
  const rows = 3;
  const x = numbers(rows * input).map((value, at) => value * 10 ** Math.floor(at / input));
  const graph = new Graph('product');
  const values = graph.constant('int8', matrix.shape, matrix.values);
  const scales = graph.constant('float32', [out], matrix.scales);
  graph.output('y', int8Linear(graph.input('x', 'float32', ['N', input]), values, scales));
  const compiled = await CompiledGraph.compile(graph, { threads: 1 });
  const { y } = await compiled.run({ x: float32(x, [rows, input]) });
  await compiled.release();
  for (let row = 0; row < rows; row++) {
    const own = x.subarray(row * input, (row + 1) * input);
    const factor = Math.max(...own.map(Math.abs)) / 127;
    for (let column = 0; column < out; column++) {
      let exact = 0;
      let rounded = 0;
      for (let i = 0; i < input; i++) {
        exact += own[i] * weight[column * input + i];
        rounded += Math.round(own[i] / factor) * matrix.values[i * out + column];
      }
      const found = y.data[row * out + column] as number;
      expect(found / (rounded * factor * matrix.scales[column])).toBeCloseTo(1, 4);
      expect(Math.abs(found - exact)).toBeLessThan(0.05 * 10 ** row);
    }
  }
});

it('weights need 7 bits, so that no processor cuts a sum off', () => {
  for (const { values, scales } of roundedWeights(TINY, parameters()).values()) {
    expect(Math.max(...values.map(Math.abs))).toBe(64);
    expect(Math.min(...scales)).toBeGreaterThan(0);
  }
});

const requests = Array.from({ length: 6 }, (_, at) => ({ promptIds: [3, 1, 4 + at], seed: at }));
const options = { maxTokens: 8, temperature: 1 };

it('log-probabilities are close to those of float32, which score has', async () => {
  const core = open('int8');
  const samples = (await core.generate(requests, options)).flat();
  const scored = await core.score(
    samples.map(({ tokens }, at) => ({ promptIds: requests[at].promptIds, completionIds: tokens })),
  );
  const differences = samples.flatMap(({ logProbabilities }, at) =>
    logProbabilities.map((value, token) => Math.abs(value - scored[at].logProbabilities[token])),
  );
  expect(Math.max(...differences)).toBeGreaterThan(0);
  expect(Math.max(...differences)).toBeLessThan(0.3);
  await core.close();
});

it('a sequence is the same alone, in company, with a draft, and on two threads', async () => {
  const core = open('int8');
  const together = await core.generate(requests, options);
  for (const [at, request] of requests.entries()) {
    expect(await core.generate([request], options)).toEqual([together[at]]);
    const [[drafted]] = await core.generate([{ ...request, draft: together[at][0].tokens.slice(0, 3) }], options);
    expect(drafted.tokens).toEqual(together[at][0].tokens);
  }
  const two = open('int8', 2);
  expect(await two.generate(requests, options)).toEqual(together);
  await core.close();
  await two.close();
});

it('an update, and a snapshot, are sampled from', async () => {
  const core = open('int8');
  const before = await core.generate(requests, options);
  core.snapshot('before');
  await core.forwardBackward([{ promptIds: [3, 1], completionIds: [4, 5, 9] }], { loss: { kind: 'cross-entropy' } });
  await core.optimStep({ learningRate: 0.05 });
  expect(await core.generate(requests, options)).not.toEqual(before);
  expect(await core.generate(requests, { ...options, weights: 'before' })).toEqual(before);
  await core.close();
});

it('with an adapter, the base is rounded and the adapter is not', async () => {
  const adapter = { rank: 2, alpha: 4, targets: ['q_proj', 'down_proj'] };
  const names = [...roundedWeights({ ...TINY, adapter }, parameters()).keys()];
  expect(names.some((name) => name.includes('lora'))).toBe(false);
  expect(names).toContain('model.layers.0.self_attn.q_proj.weight');
});
