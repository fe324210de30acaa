/** Prints a graph as text for people: one line per node, with types and symbolic shapes. */
import type { AttributeValue, Graph, Value } from './graph.js';

/** Constants of up to this many elements are printed where they are used. */
const INLINE_ELEMENTS = 8;

/**
 * For example
 *
 *     graph layer(x: float32[N, 64], w: float32[64]) {
 *       v0: float32[N, 64], v1: float32[N, 1] = SimplifiedLayerNormalization(x, w) {axis=-1, epsilon=0.000001}
 *       return y = v0
 *     }
 */
export function printGraph(graph: Graph): string {
  const name = (value: Value | undefined): string => {
    if (!value) return '_';
    const data = graph.constants.get(value);
    if (!data) return value.name;
    if (data.length > INLINE_ELEMENTS) return `${value.type}[${value.shape}]{…}`;
    const elements = Array.from(data as ArrayLike<number | bigint>, (element) => String(element)).join(', ');
    return value.rank === 0 ? elements : `[${elements}]`;
  };
  const declared = (value: Value) => `${value.name}: ${value.type}[${value.shape.join(', ')}]`;
  const lines = [`graph ${graph.name}(${graph.inputs.map(declared).join(', ')}) {`];
  for (const node of graph.liveNodes()) {
    const attributes = [...node.attributes].map(([key, value]) => `${key}=${printAttribute(value)}`).join(', ');
    lines.push(
      `  ${node.outputs.map(declared).join(', ')} = ${node.operator}(${node.inputs.map(name).join(', ')})` +
        (attributes ? ` {${attributes}}` : ''),
    );
  }
  lines.push(
    `  return ${graph.outputs.map(({ name: output, value }) => `${output} = ${name(value)}`).join(', ')}`,
    '}',
  );
  return lines.join('\n');
}

function printAttribute(value: AttributeValue): string {
  return value.type === 'ints' ? `[${value.value.join(', ')}]` : String(value.value);
}
