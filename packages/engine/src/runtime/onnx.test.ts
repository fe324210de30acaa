import { describe, expect, it } from 'vitest';
import { EngineError } from '../errors.js';
import { Graph } from '../graph/graph.js';
import { add } from '../graph/ops/elementwise.js';
import { CompiledGraph, float32, loadRuntime } from './onnx.js';

describe('the runtime', () => {
  it('says in one sentence what to install when onnxruntime-node cannot be loaded', async () => {
    const failing = () => Promise.reject(new Error("Cannot find package 'onnxruntime-node'\nimported from somewhere"));
    const error = await loadRuntime(failing).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(EngineError.isInstance(error, 'runtime-missing')).toBe(true);
    const { message } = error as EngineError;
    expect(message).toMatch(/npm install onnxruntime-node@\S+ --onnxruntime-node-install=skip$/);
    expect(message).not.toContain('\n');
  });

  it('names the graph and the input that a run lacks', async () => {
    const graph = new Graph('sum');
    graph.output('y', add(graph.input('a', 'float32', ['N']), graph.input('b', 'float32', ['N'])));
    const compiled = await CompiledGraph.compile(graph, { threads: 1 });
    const a = float32(Float32Array.of(1, 2), [2]);
    await expect(compiled.run({ a })).rejects.toThrow(/Graph sum was run without its input b/);
    const { y } = await compiled.run({ a, b: float32(Float32Array.of(10, 20), [2]) });
    expect(Array.from(y.data as Float32Array)).toEqual([11, 22]);
    await compiled.release();
  });

  it('reads inputs in place, views of larger buffers included, and returns copies', async () => {
    const graph = new Graph('sum');
    graph.output('y', add(graph.input('a', 'float32', ['N']), graph.scalar(1)));
    const compiled = await CompiledGraph.compile(graph, { threads: 1 });
    const buffer = Float32Array.of(9, 1, 2, 9);
    const feeds = { a: float32(buffer.subarray(1, 3), [2]) };
    const first = (await compiled.run(feeds)).y.data as Float32Array;
    buffer[1] = 5;
    const second = (await compiled.run(feeds)).y.data as Float32Array;
    expect([Array.from(first), Array.from(second)]).toEqual([
      [2, 3],
      [6, 3],
    ]);
    await compiled.release();
  });
});
