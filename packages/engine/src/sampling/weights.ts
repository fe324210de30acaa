/** The weights that sampling computes with: in float32, or rounded to int8. */
import type { Graph, Value } from '../graph/graph.js';
import { int8Linear } from '../graph/ops/int8.js';
import { linear } from '../graph/ops/linear.js';
import type { ModelConfig } from '../models/config.js';
import type { LayerWeights } from '../models/decoder.js';
import { type Int8Set, isRounded } from '../models/int8-weights.js';
import { type ParameterSet, parameterShapes } from '../models/parameters.js';
import { float32, int8, type Tensor } from '../runtime/onnx.js';

/**
 * `int8` rounds matrices, and what they are multiplied by, to 8 bits: faster, but with other log-probabilities than
 * scoring and training have.
 */
export type SamplingPrecision = 'float32' | 'int8';

export interface SampledWeights {
  parameters: ParameterSet;
  /** Those that are rounded; none in float32. */
  rounded: Int8Set;
}

const valuesOf = (name: string) => `${name} int8`;
const scalesOf = (name: string) => `${name} scales`;

/** The weights in a graph: inputs, or constants. Each is declared when it is first used. */
export class DeclaredWeights {
  readonly #graph: Graph;
  readonly #config: ModelConfig;
  readonly #precision: SamplingPrecision;
  readonly #constants: SampledWeights | undefined;
  readonly #shapes: ReadonlyMap<string, readonly number[]>;

  constructor(graph: Graph, config: ModelConfig, precision: SamplingPrecision, constants?: SampledWeights) {
    this.#graph = graph;
    this.#config = config;
    this.#precision = precision;
    this.#constants = constants;
    this.#shapes = parameterShapes(config);
  }

  value(name: string): Value {
    const shape = this.#shapes.get(name) as readonly number[];
    return this.#graph.cached(`weight ${name}`, () => {
      if (!this.#constants) return this.#graph.input(name, 'float32', shape);
      return this.#graph.constant('float32', shape, this.#constants.parameters.get(name) as Float32Array);
    });
  }

  /** x W^T for the matrix W of that name. */
  product(x: Value, name: string): Value {
    if (this.#precision === 'float32' || !isRounded(this.#config, name)) return linear(x, this.value(name));
    const [out, input] = this.#shapes.get(name) as readonly number[];
    const graph = this.#graph;
    const constant = this.#constants?.rounded.get(name);
    const values = graph.cached(valuesOf(name), () =>
      constant
        ? graph.constant('int8', [input, out], constant.values)
        : graph.input(valuesOf(name), 'int8', [input, out]),
    );
    const scales = graph.cached(scalesOf(name), () =>
      constant ? graph.constant('float32', [out], constant.scales) : graph.input(scalesOf(name), 'float32', [out]),
    );
    return int8Linear(x, values, scales);
  }

  layer(index: number): LayerWeights {
    const prefix = `model.layers.${index}.`;
    return {
      value: (name) => this.value(`${prefix}${name}`),
      product: (x, name) => this.product(x, `${prefix}${name}`),
    };
  }
}

/** The weights as inputs of graphs that do not have them as constants. */
export function weightFeeds(config: ModelConfig, { parameters, rounded }: SampledWeights): Record<string, Tensor> {
  const feeds: Record<string, Tensor> = {};
  for (const [name, shape] of parameterShapes(config)) {
    const matrix = rounded.get(name);
    if (matrix) {
      feeds[valuesOf(name)] = int8(matrix.values, matrix.shape);
      feeds[scalesOf(name)] = float32(matrix.scales, [matrix.shape[1]]);
    } else feeds[name] = float32(parameters.get(name) as Float32Array, shape);
  }
  return feeds;
}
