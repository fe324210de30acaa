/**
 * The only file that uses onnxruntime-node, an optional peer dependency. It is imported when the first session is made,
 * so that everything else works without it.
 */
import { isMainThread } from 'node:worker_threads';
import type * as Ort from 'onnxruntime-node';
import { EngineError, reasonOf } from '../errors.js';
import { Graph } from '../graph/graph.js';
import { serializeGraph } from '../graph/serialize.js';
import { disableTelemetry } from './telemetry.js';
import { defaultThreads } from './threads.js';

/** Contents and shape of a graph input or output. Inputs are read in place; outputs are new. */
export interface Tensor {
  readonly type: 'float32' | 'int64' | 'int32' | 'int8' | 'bool';
  readonly data: Float32Array | BigInt64Array | Int32Array | Int8Array | Uint8Array;
  readonly dims: readonly number[];
}

export function float32(data: Float32Array, dims: readonly number[]): Tensor {
  return { type: 'float32', data, dims };
}

export function int8(data: Int8Array, dims: readonly number[]): Tensor {
  return { type: 'int8', data, dims };
}

export function int32(data: Int32Array, dims: readonly number[]): Tensor {
  return { type: 'int32', data, dims };
}

/** @param values whole numbers of 32 bits */
export function int64(values: ArrayLike<number>, dims: readonly number[]): Tensor {
  // Halves of little-endian numbers: a BigInt for each value would take most of the time between runs.
  const halves = new Int32Array(2 * values.length);
  for (let i = 0; i < values.length; i++) {
    halves[2 * i] = values[i];
    if (values[i] < 0) halves[2 * i + 1] = -1;
  }
  return { type: 'int64', data: new BigInt64Array(halves.buffer), dims };
}

export interface RuntimeOptions {
  /** Number of threads for one operator; default: `TAMTRL_THREADS`, or the machine's cores. */
  threads?: number;
}

/** Loads the runtime. @throws EngineError 'runtime-missing', whose message has the command that installs it. */
export async function loadRuntime(
  load: () => Promise<typeof Ort> = () => import('onnxruntime-node'),
): Promise<typeof Ort> {
  await disableTelemetry();
  try {
    const loaded = await load();
    // It is a CommonJS package, and bundlers and Node differ on where its exports end up.
    return 'default' in loaded ? (loaded.default as typeof Ort) : loaded;
  } catch (cause) {
    const reason = reasonOf(cause).split('\n')[0];
    throw new EngineError(
      'runtime-missing',
      `Local models need the package onnxruntime-node, which could not be loaded (${reason}): install it with ` +
        'npm install onnxruntime-node@1.30.0 --onnxruntime-node-install=skip',
      { expected: 'onnxruntime-node 1.30', found: reason },
      { cause },
    );
  }
}

/** A graph compiled for this machine. */
export class CompiledGraph {
  readonly #ort: typeof Ort;
  readonly #session: Ort.InferenceSession;
  private constructor(
    ort: typeof Ort,
    session: Ort.InferenceSession,
    readonly name: string,
  ) {
    this.#ort = ort;
    this.#session = session;
  }

  static async compile(graph: Graph, options: RuntimeOptions = {}): Promise<CompiledGraph> {
    const ort = await loadRuntime();
    try {
      const session = await ort.InferenceSession.create(serializeGraph(graph), {
        executionProviders: ['cpu'],
        graphOptimizationLevel: 'all',
        intraOpNumThreads: options.threads ?? defaultThreads(),
        interOpNumThreads: 1,
        executionMode: 'sequential',
        enableCpuMemArena: true,
        // Shapes change from run to run, and the runtime would keep a memory pattern for each of them.
        enableMemPattern: false,
        // See `treatDenormalsAsZero`. Other JavaScript must not lose its smallest numbers.
        ...(!isMainThread && { extra: { session: { set_denormal_as_zero: '1' } } }),
        logSeverityLevel: 3,
      });
      return new CompiledGraph(ort, session, graph.name);
    } catch (cause) {
      if (cause instanceof EngineError) throw cause;
      throw new EngineError(
        'internal',
        `ONNX Runtime refused the graph ${graph.name}: ${String(cause)}`,
        {},
        { cause },
      );
    }
  }

  /**
   * Runs the graph; `fetches` names the outputs to return (default: all). The runtime's binding copies every output
   * into new memory, also if it is given a place for it (measured), so large ones are worth leaving out.
   */
  async run(feeds: Readonly<Record<string, Tensor>>, fetches?: readonly string[]): Promise<Record<string, Tensor>> {
    const tensors: Record<string, Ort.Tensor> = {};
    for (const name of this.#session.inputNames) {
      const feed = feeds[name];
      if (!feed) throw new EngineError('internal', `Graph ${this.name} was run without its input ${name}.`);
      tensors[name] = new this.#ort.Tensor(feed.type, feed.data, feed.dims);
    }
    const results = await this.#session.run(tensors, fetches ?? this.#session.outputNames);
    const outputs: Record<string, Tensor> = {};
    for (const [name, result] of Object.entries(results)) {
      outputs[name] = { type: result.type, data: result.data, dims: result.dims } as Tensor;
    }
    return outputs;
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}

let first: Promise<void> | undefined;

/**
 * Has the calling thread take numbers below 1e-38 for zero, and with it all threads that it starts later. The softmax
 * kernel gives masked keys 4e-39 instead of 0, and Intel's processors compute with numbers that small several times
 * slower. The runtime's option acts on the thread that makes the first session of the process, and on no other, but
 * Linux hands the setting on to new threads. It has no effect on a main thread, and none after another's session.
 */
export function treatDenormalsAsZero(): Promise<void> {
  first ??= makeSession();
  return first;
}

async function makeSession(): Promise<void> {
  const graph = new Graph('first');
  graph.output('x', graph.scalar(0));
  await (await CompiledGraph.compile(graph, { threads: 1 })).release();
}
