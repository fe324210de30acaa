/** Every operator's gradient rule against central finite differences, on random shapes. */
import { describe, expect, it } from 'vitest';
import { CompiledGraph, float32, int64, type Tensor } from '../runtime/onnx.js';
import { differentiate } from './differentiate.js';
import { Graph, type Shape, type Value } from './graph.js';
import * as broadcast from './ops/broadcast.js';
import * as elementwise from './ops/elementwise.js';
import * as layout from './ops/layout.js';
import * as linear from './ops/linear.js';
import { reduceMean } from './ops/mean.js';
import { reshape } from './ops/reshape.js';
import { rmsNorm } from './ops/rms-norm.js';
import * as transformer from './ops/transformer.js';

/** Repeatable numbers in [-1, 1). */
function noise(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

interface Case {
  /** Symbols' sizes are drawn per round. */
  inputs: Record<string, Shape>;
  build: (values: Record<string, Value>, graph: Graph) => Value;
  /** Maps [-1, 1) to the operator's domain. */
  domain?: (x: number) => number;
  integers?: Record<string, { shape: Shape; below: number | string }>;
}

const positive = (x: number) => 0.5 + Math.abs(x);

const cases: Record<string, Case> = {
  'add, broadcast': { inputs: { a: ['B', 3, 'T'], b: [3, 1] }, build: ({ a, b }) => elementwise.add(a, b) },
  'subtract, broadcast': { inputs: { a: [3, 1], b: ['B', 3, 'T'] }, build: ({ a, b }) => elementwise.subtract(a, b) },
  'multiply, broadcast': { inputs: { a: ['B', 'T'], b: ['T'] }, build: ({ a, b }) => elementwise.multiply(a, b) },
  'multiply by itself': { inputs: { a: ['B', 'T'] }, build: ({ a }) => elementwise.multiply(a, a) },
  'divide, broadcast': {
    inputs: { a: ['B', 1], b: ['B', 'T'] },
    domain: positive,
    build: ({ a, b }) => elementwise.divide(a, b),
  },
  scale: { inputs: { a: ['B'] }, build: ({ a }) => elementwise.scale(a, -2.5) },
  negate: { inputs: { a: ['B', 2] }, build: ({ a }) => elementwise.negate(a) },
  exp: { inputs: { a: ['B', 2] }, build: ({ a }) => elementwise.exp(a) },
  log: { inputs: { a: ['B', 2] }, domain: positive, build: ({ a }) => elementwise.log(a) },
  tanh: { inputs: { a: ['B', 2] }, build: ({ a }) => elementwise.tanh(a) },
  sigmoid: { inputs: { a: ['B', 2] }, build: ({ a }) => elementwise.sigmoid(a) },
  minimum: { inputs: { a: ['B', 'T'], b: ['T'] }, build: ({ a, b }) => elementwise.minimum(a, b) },
  maximum: { inputs: { a: ['B', 'T'], b: ['T'] }, build: ({ a, b }) => elementwise.maximum(a, b) },
  where: {
    inputs: { a: ['B', 'T'], b: ['T'], c: ['B', 1] },
    build: ({ a, b, c }) => elementwise.where(elementwise.less(c, elementwise.scalarLike(c, 0)), a, b),
  },
  'reduceSum, kept': { inputs: { a: ['B', 3, 'T'] }, build: ({ a }) => broadcast.reduceSum(a, [0, 2], true) },
  'reduceSum, dropped': { inputs: { a: ['B', 3, 'T'] }, build: ({ a }) => broadcast.reduceSum(a, [-1], false) },
  reduceMean: { inputs: { a: ['B', 3] }, build: ({ a }) => reduceMean(a, 1, true) },
  'reshape to symbols': {
    inputs: { a: ['B', 'T', 6] },
    build: ({ a }) => reshape(reshape(a, ['N', 6]), ['B', 'T', 2, 3]),
  },
  transpose: { inputs: { a: ['B', 'T', 2, 3] }, build: ({ a }) => layout.transpose(a, [0, 2, 1, 3]) },
  expandTo: {
    inputs: { a: ['B', 1, 3], b: ['B', 'T', 3] },
    build: ({ a, b }) => elementwise.multiply(broadcast.expandTo(a, b.shape), b),
  },
  'concat of numbers': { inputs: { a: ['B', 2], b: ['B', 3] }, build: ({ a, b }) => layout.concat([a, b], 1) },
  'concat of symbols': {
    inputs: { a: [2, 'B'], b: [2, 'T'] },
    build: ({ a, b }) => layout.concat([a, b], -1, 'B+T'),
  },
  'split, one part unused': {
    inputs: { a: ['B', 7] },
    build: ({ a }) => {
      const [left, , right] = layout.split(a, [2, 4, 1], 1);
      return layout.concat([left, left, right], 1);
    },
  },
  slice: { inputs: { a: ['B', 7, 2] }, build: ({ a }) => layout.slice(a, 1, 2, 5) },
  'gatherRows, repeated': {
    inputs: { a: ['B', 3] },
    integers: { rows: { shape: ['M'], below: 'B' } },
    build: ({ a, rows }) => layout.gatherRows(a, rows),
  },
  gatherColumns: {
    inputs: { a: ['B', 5] },
    integers: { columns: { shape: ['B'], below: 5 } },
    build: ({ a, columns }) => layout.gatherColumns(a, columns),
  },
  linear: { inputs: { a: ['B', 4], b: [3, 4] }, build: ({ a, b }) => linear.linear(a, b) },
  ...Object.fromEntries(
    [false, true].flatMap((transposeA) =>
      [false, true].flatMap((transposeB): [string, Case][] => [
        [
          `gemm ${transposeA} ${transposeB}`,
          {
            inputs: { a: transposeA ? ['T', 'B'] : ['B', 'T'], b: transposeB ? [3, 'T'] : ['T', 3] },
            build: ({ a, b }) => linear.gemm(a, b, transposeA, transposeB),
          },
        ],
        [
          `matmul ${transposeA} ${transposeB}`,
          {
            inputs: {
              a: transposeA ? ['B', 2, 5, 'T'] : ['B', 2, 'T', 5],
              b: transposeB ? ['B', 2, 3, 5] : ['B', 2, 5, 3],
            },
            build: ({ a, b }) => linear.matmul(a, b, { transposeA, transposeB, alpha: 0.7 }),
          },
        ],
      ]),
    ),
  ),
  rmsNorm: { inputs: { a: ['B', 6], b: [6] }, build: ({ a, b }) => rmsNorm(a, b, 1e-5) },
  'rmsNorm of heads': { inputs: { a: ['B', 18], b: [6] }, build: ({ a, b }) => rmsNorm(a, b, 1e-5) },
  'rmsNorm of wide rows': { inputs: { a: ['B', 80], b: [80] }, build: ({ a, b }) => rmsNorm(a, b, 1e-5) },
  'rmsNorm of wide heads': { inputs: { a: ['B', 160], b: [80] }, build: ({ a, b }) => rmsNorm(a, b, 1e-5) },
  rotaryEmbedding: {
    inputs: { a: ['B', 2, 'T', 8], cosine: ['S', 4], sine: ['S', 4] },
    integers: { positions: { shape: ['B', 'T'], below: 'S' } },
    // The tables are data: only x is differentiated.
    build: ({ a, positions, cosine, sine }) => transformer.rotaryEmbedding(a, positions, cosine, sine),
  },
  softmax: { inputs: { a: ['B', 2, 'T'] }, build: ({ a }) => transformer.softmax(a) },
  attention: {
    inputs: { a: ['B', 2, 'T', 3], b: ['B', 2, 'S', 3], d: ['B', 2, 'S', 3], c: ['B', 1, 1, 'S'] },
    build: ({ a, b, d, c }) => transformer.attention(a, b, d, 0.6, c, ['B', 2, 'T', 'S']),
  },
  logSoftmax: { inputs: { a: ['B', 'T'] }, build: ({ a }) => transformer.logSoftmax(a) },
  tokenLogProbability: {
    inputs: { a: ['B', 7] },
    integers: { tokens: { shape: ['B'], below: 7 } },
    build: ({ a, tokens }) => transformer.tokenLogProbability(a, tokens).logProbability,
  },
  'entropy of tokenLogProbability': {
    inputs: { a: ['B', 7] },
    integers: { tokens: { shape: ['B'], below: 7 } },
    build: ({ a, tokens }) => transformer.tokenLogProbability(a, tokens).entropy,
  },
  geglu: { inputs: { a: ['B', 5], b: ['B', 5] }, build: ({ a, b }) => transformer.geglu(a, b) },
  swiglu: { inputs: { a: ['B', 5], b: ['B', 5] }, build: ({ a, b }) => transformer.swiglu(a, b) },
};

/** Inputs that are data, not parameters. */
const undifferentiated = new Set(['c', 'cosine', 'sine']);

async function check(name: string, { inputs, build, domain = (x) => x, integers = {} }: Case, round: number) {
  const random = noise(1000 * round + name.length);
  const graph = new Graph('check');
  const values: Record<string, Value> = {};
  for (const [key, shape] of Object.entries(inputs)) values[key] = graph.input(key, 'float32', shape);
  for (const [key, { shape }] of Object.entries(integers)) values[key] = graph.input(key, 'int64', shape);
  const y = build(values, graph);
  const seed = graph.input('seed', 'float32', y.shape);
  const parameters = Object.keys(inputs).filter((key) => !undifferentiated.has(key));
  const gradients = differentiate(
    [{ value: y, seed }],
    parameters.map((key) => values[key]),
  );
  graph.output('y', y);
  gradients.forEach((gradient, i) => void graph.output(`d ${parameters[i]}`, gradient));
  const compiled = await CompiledGraph.compile(graph, { threads: 1 });

  const sizes: Record<string, number> = {};
  const sizeOf = (size: number | string): number => {
    if (typeof size === 'number') return size;
    sizes[size] ??= 2 + Math.floor((random() + 1) * 2);
    return sizes[size];
  };
  const feeds: Record<string, Tensor> = {};
  for (const [key, shape] of Object.entries(inputs)) {
    const dims = shape.map(sizeOf);
    const data = Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => domain(random()));
    feeds[key] = float32(data, dims);
  }
  for (const [key, { shape, below }] of Object.entries(integers)) {
    const dims = shape.map(sizeOf);
    const limit = sizeOf(below);
    const data = Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () =>
      Math.floor(((random() + 1) / 2) * limit),
    );
    feeds[key] = int64(data, dims);
  }
  const forward = await CompiledGraph.compile(forwardGraph(inputs, integers, build), { threads: 1 });
  const shapeOfY = (await forward.run(feeds)).y;
  const seedData = Float32Array.from({ length: shapeOfY.data.length }, () => random());
  feeds.seed = float32(seedData, shapeOfY.dims);
  const analytic = await compiled.run(feeds);
  const loss = async () => {
    const { data } = (await forward.run(feeds)).y;
    return (data as Float32Array).reduce((sum, element, i) => sum + element * seedData[i], 0);
  };
  for (const parameter of parameters) {
    const data = feeds[parameter].data as Float32Array;
    const gradient = analytic[`d ${parameter}`].data as Float32Array;
    expect(gradient.length).toBe(data.length);
    const step = 1e-2;
    for (let i = 0; i < data.length; i++) {
      const before = data[i];
      data[i] = before + step;
      const above = await loss();
      data[i] = before - step;
      const below = await loss();
      data[i] = before;
      const numeric = (above - below) / (2 * step);
      expect(Math.abs(gradient[i] - numeric), `${name}: d ${parameter}[${i}]`).toBeLessThan(
        3e-3 + 1e-2 * Math.abs(numeric),
      );
    }
  }
  await compiled.release();
  await forward.release();
}

function forwardGraph(inputs: Case['inputs'], integers: NonNullable<Case['integers']>, build: Case['build']): Graph {
  const graph = new Graph('forward');
  const values: Record<string, Value> = {};
  for (const [key, shape] of Object.entries(inputs)) values[key] = graph.input(key, 'float32', shape);
  for (const [key, { shape }] of Object.entries(integers)) values[key] = graph.input(key, 'int64', shape);
  graph.output('y', build(values, graph));
  return graph;
}

describe('gradient rules against finite differences', () => {
  for (const [name, definition] of Object.entries(cases)) {
    it(name, async () => {
      for (let round = 0; round < 3; round++) await check(name, definition, round);
    });
  }
});
