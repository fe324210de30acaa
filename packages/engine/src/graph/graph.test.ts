import { describe, expect, it } from 'vitest';
import { CompiledGraph, float32 } from '../runtime/onnx.js';
import { differentiate } from './differentiate.js';
import { Graph } from './graph.js';
import { reduceSum } from './ops/broadcast.js';
import { exp, less, multiply, scale, where } from './ops/elementwise.js';
import { linear } from './ops/linear.js';
import { reshape } from './ops/reshape.js';
import { rmsNorm } from './ops/rms-norm.js';
import { printGraph } from './print.js';
import { broadcast } from './shapes.js';

describe('a graph', () => {
  it('prints as text that shows types, symbols, attributes and constants, without dead nodes', () => {
    const graph = new Graph('layer');
    const x = graph.input('x', 'float32', ['N', 80]);
    const w = graph.input('w', 'float32', [80]);
    exp(x);
    graph.output('y', scale(rmsNorm(x, w, 0.5), 2));
    expect(printGraph(graph)).toBe(
      [
        'graph layer(x: float32[N, 80], w: float32[80]) {',
        '  v1: float32[N, 80], v2: float32[N, 1] = SimplifiedLayerNormalization(x, w) {axis=-1, epsilon=0.5, stash_type=1}',
        '  v4: float32[N, 80] = Mul(v1, 2)',
        '  return y = v4',
        '}',
      ].join('\n'),
    );
  });

  it('can give an input, a constant or the same value twice as outputs', async () => {
    const graph = new Graph('outputs');
    const x = graph.input('x', 'float32', ['N']);
    const y = multiply(x, x);
    for (const [name, value] of [
      ['same', x],
      ['constant', graph.integers([7])],
      ['y', y],
      ['again', y],
    ] as const) {
      graph.output(name, value);
    }
    const compiled = await CompiledGraph.compile(graph, { threads: 1 });
    const outputs = await compiled.run({ x: float32(Float32Array.of(3), [1]) });
    expect(Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, Number(data[0])]))).toEqual({
      same: 3,
      constant: 7,
      y: 9,
      again: 9,
    });
    await compiled.release();
  });

  it('refuses shapes that do not fit when it is built, not when it runs', () => {
    expect(() => broadcast(['B', 3], ['B', 4])).toThrow(/\[B,3\] and \[B,4\] do not broadcast/);
    const graph = new Graph('shapes');
    expect(() => graph.constant('float32', [2, 2], new Float32Array(3))).toThrow(/needs 4 elements, found 3/);
    graph.input('x', 'float32', [1]);
    expect(() => graph.input('x', 'float32', [1])).toThrow(/two inputs named x/);
    const other = new Graph('other').input('y', 'float32', [1]);
    expect(() => multiply(graph.inputs[0], other)).toThrow(/given a value of graph other/);
  });
});

describe('differentiation', () => {
  it('adds up the ways by which a value reaches the loss', async () => {
    const graph = new Graph('paths');
    const x = graph.input('x', 'float32', [3]);
    const loss = reduceSum(multiply(multiply(x, x), exp(x)), [0], false);
    graph.output('dx', differentiate([{ value: loss }], [x])[0]);
    const compiled = await CompiledGraph.compile(graph, { threads: 1 });
    const points = Float32Array.of(-1, 0.5, 2);
    const { data } = (await compiled.run({ x: float32(points, [3]) })).dx;
    points.forEach((point, i) => void expect(data[i]).toBeCloseTo((2 * point + point * point) * Math.exp(point), 4));
    await compiled.release();
  });

  it('builds nothing for inputs whose gradient is not requested', () => {
    const graph = new Graph('partial');
    const x = graph.input('x', 'float32', ['N', 4]);
    const w = graph.input('w', 'float32', [2, 4]);
    const y = linear(x, w);
    const seed = graph.input('seed', 'float32', ['N', 2]);
    const before = graph.nodes.length;
    differentiate([{ value: y, seed }], [w]);
    expect(graph.nodes.length - before).toBe(1);
  });

  it('names the obstacle: no rule, no connection', () => {
    const graph = new Graph('blocked');
    const x = graph.input('x', 'float32', [2]);
    const w = graph.input('w', 'float32', [2]);
    const compared = less(x, w);
    expect(() => differentiate([{ value: compared, seed: compared }], [x])).toThrow(/Less .* has no gradient rule/);
    const y = where(compared, x, x);
    expect(() => differentiate([{ value: reshape(y, [2]), seed: x }], [w])).toThrow(/w does not reach the loss/);
  });
});
