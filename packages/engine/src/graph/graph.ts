/**
 * A computation graph over ONNX operators, built in TypeScript before anything runs. Shapes may contain symbols ("B",
 * "T") that get their sizes from the inputs of each run, so that one compiled graph serves every batch and length.
 */
import { EngineError } from '../errors.js';
import { elementCount } from '../shape.js';

export type ElementType = 'float32' | 'int64' | 'int32' | 'int8' | 'uint8' | 'bool';

/** A size, or a symbol that stands for one. */
export type Dimension = number | string;
export type Shape = readonly Dimension[];

export type AttributeValue =
  | { type: 'int'; value: number }
  | { type: 'float'; value: number }
  | { type: 'string'; value: string }
  | { type: 'ints'; value: readonly number[] };

/** Contents of a constant, little-endian in memory order. */
export type ConstantData = Float32Array | BigInt64Array | Int32Array | Int8Array | Uint8Array;

/**
 * Vector-Jacobian product of a node: for each input, a thunk that builds the input's gradient from the gradients of the
 * outputs (undefined if an output does not reach the loss). Only the thunks that are needed are called, so that nothing
 * is built for inputs without gradient.
 */
export type GradientRule = (outputGradients: readonly (Value | undefined)[]) => readonly (GradientThunk | undefined)[];
export type GradientThunk = () => Value;

export class Value {
  constructor(
    readonly graph: Graph,
    readonly name: string,
    readonly type: ElementType,
    readonly shape: Shape,
    readonly producer: Node | undefined,
  ) {}

  get rank(): number {
    return this.shape.length;
  }
}

export interface Node {
  readonly operator: string;
  /** "" for the ONNX standard, "com.microsoft" for ONNX Runtime's own kernels. */
  readonly domain: string;
  readonly inputs: readonly (Value | undefined)[];
  readonly outputs: Value[];
  readonly attributes: ReadonlyMap<string, AttributeValue>;
  readonly gradient: GradientRule | undefined;
  /** The values that the gradient rule's thunks belong to: the inputs, unless `withGradient` says otherwise. */
  readonly gradientInputs: readonly (Value | undefined)[];
}

export interface NodeSpecification {
  domain?: string;
  attributes?: Record<string, AttributeValue>;
  gradient?: GradientRule;
  gradientInputs?: readonly Value[];
}

export class Graph {
  readonly nodes: Node[] = [];
  readonly inputs: Value[] = [];
  readonly outputs: { name: string; value: Value }[] = [];
  readonly constants = new Map<Value, ConstantData>();
  #counter = 0;
  readonly #inputNames = new Set<string>();
  readonly #cache = new Map<string, Value>();

  constructor(readonly name: string) {}

  input(name: string, type: ElementType, shape: Shape): Value {
    if (this.#inputNames.has(name))
      throw new EngineError('internal', `Graph ${this.name} has two inputs named ${name}.`);
    this.#inputNames.add(name);
    const value = new Value(this, name, type, shape, undefined);
    this.inputs.push(value);
    return value;
  }

  output(name: string, value: Value): void {
    this.outputs.push({ name, value });
  }

  constant(type: ElementType, shape: readonly number[], data: ConstantData): Value {
    const count = elementCount(shape);
    if (data.length !== count) {
      throw new EngineError(
        'internal',
        `A constant of shape [${shape}] needs ${count} elements, found ${data.length}.`,
      );
    }
    const value = new Value(this, `c${this.#counter++}`, type, shape, undefined);
    this.constants.set(value, data);
    return value;
  }

  /** A float32 scalar (rank 0), shared within the graph. */
  scalar(value: number): Value {
    return this.cached(`scalar:${value}`, () => this.constant('float32', [], Float32Array.of(value)));
  }

  /** An int64 vector, shared within the graph. */
  integers(values: readonly number[]): Value {
    return this.cached(`integers:${values}`, () =>
      this.constant('int64', [values.length], BigInt64Array.from(values, BigInt)),
    );
  }

  /** Builds a value once per graph and key. */
  cached(key: string, build: () => Value): Value {
    const known = this.#cache.get(key);
    if (known) return known;
    const value = build();
    this.#cache.set(key, value);
    return value;
  }

  /** Adds a node with the given output types and shapes. */
  node(
    operator: string,
    inputs: readonly (Value | undefined)[],
    outputs: readonly { type: ElementType; shape: Shape }[],
    specification: NodeSpecification = {},
  ): Value[] {
    for (const input of inputs) {
      if (input && input.graph !== this) {
        throw new EngineError(
          'internal',
          `${operator} in graph ${this.name} was given a value of graph ${input.graph.name}.`,
        );
      }
    }
    const node: Node = {
      operator,
      domain: specification.domain ?? '',
      inputs,
      outputs: [],
      attributes: new Map(Object.entries(specification.attributes ?? {})),
      gradient: specification.gradient,
      gradientInputs: specification.gradientInputs ?? inputs,
    };
    for (const { type, shape } of outputs) {
      node.outputs.push(new Value(this, `v${this.#counter++}`, type, shape, node));
    }
    this.nodes.push(node);
    return node.outputs;
  }

  /** Nodes that an output depends on, in an order in which they can run. */
  liveNodes(): Node[] {
    const live = new Set<Node>();
    const pending = this.outputs.map(({ value }) => value.producer);
    for (let node = pending.pop(); pending.length > 0 || node; node = pending.pop()) {
      if (!node || live.has(node)) continue;
      live.add(node);
      for (const input of node.inputs) if (input?.producer) pending.push(input.producer);
    }
    return this.nodes.filter((node) => live.has(node));
  }
}

/**
 * Replaces the gradient of a computation. `y`, computed from `inputs` by any number of nodes, gets `gradient` as its
 * rule with respect to them; differentiation then builds nothing for the nodes in between.
 */
export function withGradient(
  y: Value,
  inputs: readonly Value[],
  gradient: (dy: Value) => readonly GradientThunk[],
): Value {
  return y.graph.node('Identity', [y], [{ type: y.type, shape: y.shape }], {
    gradient: ([dy]) => (dy ? gradient(dy) : []),
    gradientInputs: inputs,
  })[0];
}

export function int(value: number): AttributeValue {
  return { type: 'int', value };
}

export function float(value: number): AttributeValue {
  return { type: 'float', value };
}

export function string(value: string): AttributeValue {
  return { type: 'string', value };
}

export function ints(value: readonly number[]): AttributeValue {
  return { type: 'ints', value };
}
