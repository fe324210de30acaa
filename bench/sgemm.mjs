/** The machine's own rate of float32 matrix products, on the runtime that the engine computes with. */
import { Graph } from '../packages/engine/dist/graph/graph.js';
import { CompiledGraph, float32 } from '../packages/engine/dist/runtime/onnx.js';

const SIZE = 1024;

/**
 * Floating-point operations per second of a product of two 1024 x 1024 matrices: the best of `repeat` after warming up.
 */
export async function measureSgemm(repeat = 12) {
  const graph = new Graph('sgemm');
  const shape = [SIZE, SIZE];
  const inputs = ['a', 'b'].map((name) => graph.input(name, 'float32', shape));
  graph.output('product', graph.node('MatMul', inputs, [{ type: 'float32', shape }])[0]);
  const compiled = await CompiledGraph.compile(graph);
  const matrix = (step) => Float32Array.from({ length: SIZE * SIZE }, (_, i) => ((i * step) % 101) / 101 - 0.5);
  const feeds = { a: float32(matrix(7), shape), b: float32(matrix(13), shape) };
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < repeat + 2; round++) {
    const start = performance.now();
    await compiled.run(feeds);
    if (round >= 2) best = Math.min(best, performance.now() - start);
  }
  await compiled.release();
  return (2 * SIZE ** 3) / (best / 1000);
}
