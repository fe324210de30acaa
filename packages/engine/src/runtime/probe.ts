/**
 * Checks whether this machine can compute: loads the runtime, runs a tiny graph, and measures the rate of matrix
 * products.
 */
import { EngineError } from '../errors.js';
import { Graph } from '../graph/graph.js';
import { CompiledGraph, float32 } from './onnx.js';

const SIZE = 512;
const ROUNDS = 20;

export interface RuntimeProbe {
  /** Floating-point operations per second of a product of two 512 x 512 float32 matrices, the best of several. */
  sgemm: number;
}

/**
 * @throws EngineError 'runtime-missing' if ONNX Runtime cannot be loaded, 'internal' if it computes a wrong product.
 */
export async function probeRuntime(options: { threads?: number } = {}): Promise<RuntimeProbe> {
  await checkProduct(options);
  const { run, release } = await product(SIZE, options);
  const matrix = (step: number) => Float32Array.from({ length: SIZE * SIZE }, (_, i) => ((i * step) % 101) / 101 - 0.5);
  const [a, b] = [matrix(7), matrix(13)];
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const started = performance.now();
    await run(a, b);
    // The first round warms up.
    if (round > 0) best = Math.min(best, performance.now() - started);
  }
  await release();
  return { sgemm: (2 * SIZE ** 3) / (best / 1000) };
}

async function checkProduct(options: { threads?: number }): Promise<void> {
  const { run, release } = await product(2, options);
  const found = await run(Float32Array.of(1, 2, 3, 4), Float32Array.of(5, 6, 7, 8));
  await release();
  const expected = [19, 22, 43, 50];
  if (expected.every((value, at) => found[at] === value)) return;
  throw new EngineError(
    'internal',
    `ONNX Runtime multiplied [1 2; 3 4] by [5 6; 7 8] and got ${[...found].join(' ')} instead of ` +
      `${expected.join(' ')}. Install onnxruntime-node again.`,
  );
}

async function product(size: number, options: { threads?: number }) {
  const graph = new Graph('product');
  const shape = [size, size];
  const inputs = ['a', 'b'].map((name) => graph.input(name, 'float32', shape));
  graph.output('product', graph.node('MatMul', inputs, [{ type: 'float32', shape }])[0]);
  const compiled = await CompiledGraph.compile(graph, options);
  return {
    run: async (a: Float32Array, b: Float32Array) => {
      const outputs = await compiled.run({ a: float32(a, shape), b: float32(b, shape) });
      return outputs.product.data as Float32Array;
    },
    release: () => compiled.release(),
  };
}
