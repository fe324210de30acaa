/**
 * Reverse-mode differentiation on the graph. The backward pass is further nodes of the same graph, built from the
 * gradient rules that are defined with the operators.
 */
import { EngineError } from '../errors.js';
import type { Node, Value } from './graph.js';
import { filled } from './ops/broadcast.js';
import { add } from './ops/elementwise.js';
import { sameShape } from './shapes.js';

/**
 * Gradients of sum_i <seed_i, y_i> with respect to each of `parameters`, in their order.
 *
 * @param outputs values y_i with their seeds dL/dy_i of the same shape; without a seed, y_i is a float32 scalar loss
 *   and the seed is 1.
 * @throws EngineError 'internal' if an operator on the path has no gradient rule or a parameter does not reach any
 *   output.
 */
export function differentiate(
  outputs: readonly { value: Value; seed?: Value }[],
  parameters: readonly Value[],
): Value[] {
  const { graph } = outputs[0].value;
  const forward = [...graph.nodes];
  const reaches = dependents(forward, parameters);
  const gradients = new Map<Value, Value>();
  const contribute = (value: Value, gradient: Value) => {
    if (!sameShape(value.shape, gradient.shape)) {
      throw new EngineError(
        'internal',
        `The gradient of ${value.name} has shape [${gradient.shape}], but the value has [${value.shape}].`,
      );
    }
    const earlier = gradients.get(value);
    gradients.set(value, earlier ? add(earlier, gradient) : gradient);
  };
  for (const { value, seed } of outputs) contribute(value, seed ?? filled(graph, 1, value.shape));

  for (const node of forward.reverse()) {
    const outputGradients = node.outputs.map((output) => gradients.get(output));
    if (outputGradients.every((gradient) => gradient === undefined)) continue;
    const wanted = node.gradientInputs.some((input) => input && reaches.has(input));
    if (!wanted) continue;
    if (!node.gradient) {
      throw new EngineError(
        'internal',
        `${node.operator} (${node.outputs[0].name} in graph ${graph.name}) has no gradient rule.`,
      );
    }
    const thunks = node.gradient(outputGradients);
    node.gradientInputs.forEach((input, index) => {
      const thunk = thunks[index];
      if (input && thunk && reaches.has(input)) contribute(input, thunk());
    });
  }
  return parameters.map((parameter) => {
    const gradient = gradients.get(parameter);
    if (!gradient)
      throw new EngineError('internal', `${parameter.name} does not reach the loss in graph ${graph.name}.`);
    return gradient;
  });
}

/** The parameters and every value that depends on one of them through nodes that pass gradients. */
function dependents(nodes: readonly Node[], parameters: readonly Value[]): Set<Value> {
  const reached = new Set<Value>(parameters);
  for (const node of nodes) {
    if (node.gradientInputs.some((input) => input && reached.has(input))) {
      for (const output of node.outputs) reached.add(output);
    }
  }
  return reached;
}
