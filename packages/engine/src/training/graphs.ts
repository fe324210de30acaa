/**
 * The graphs of scoring and training. Small models run as one graph, forward and backward. Large models run layer by
 * layer: one graph for each kind of layer, run once per layer. The input of each layer is kept, and the backward pass
 * recomputes its inside.
 *
 * Each kind of graph exists for plain sequences, for sequences that share prefixes, and for trees (`AttentionPlan`).
 *
 * Token embeddings are looked up outside of the graphs, and their gradient is added up there: `hidden` is an input of
 * every graph.
 */

import { differentiate } from '../graph/differentiate.js';
import { Graph, type Value } from '../graph/graph.js';
import { add } from '../graph/ops/elementwise.js';
import { gatherRows } from '../graph/ops/layout.js';
import { linear } from '../graph/ops/linear.js';
import { tokenLogProbability } from '../graph/ops/transformer.js';
import { isAdapterParameter } from '../models/adapter.js';
import { type Attention, overSequences, overSharedPrefixes } from '../models/attention.js';
import type { ModelConfig } from '../models/config.js';
import { declareLayer, decoderLayer, head, unembeddingName } from '../models/decoder.js';
import { type LayerKind, layerKind } from '../models/layer-kinds.js';
import { layerParameterShapes } from '../models/parameters.js';
import { declarePositions, declareSharedPositions, declareTrees } from '../models/positions.js';
import { type LossKind, tokenLoss } from './loss.js';

export const GRADIENT = 'd ';

export interface AttentionPlan {
  /** Sequences, suffixes of shared prefixes (prefixes.ts), or trees (trees.ts). */
  layout: 'sequences' | 'prefixes' | 'trees';
  /** Number of pieces that attention cuts the queries into (see `Positions`). */
  blocks: number;
}

interface HeadParameters {
  norm: Value;
  unembedding: Value;
}

function declareHead(graph: Graph, config: ModelConfig): HeadParameters {
  return {
    norm: graph.input('model.norm.weight', 'float32', [config.hiddenSize]),
    unembedding: graph.input(unembeddingName(config), 'float32', [config.vocabularySize, config.hiddenSize]),
  };
}

/** Names of a layer's parameters that training changes: with an adapter, only its own. */
function trainedOfLayer(config: ModelConfig): string[] {
  const names = [...layerParameterShapes(config).keys()];
  return config.adapter ? names.filter(isAdapterParameter) : names;
}

function trainedOfHead(config: ModelConfig, { norm, unembedding }: HeadParameters): [string, Value][] {
  if (config.adapter) return [];
  return [
    ['model.norm.weight', norm],
    [unembeddingName(config), unembedding],
  ];
}

/**
 * Log-probability and entropy of `targets` given the hidden states that predict them, [M] each. Declares `targets`
 * and, with `masked`, the bias that takes tokens out of the distribution.
 */
function scoreTargets(
  graph: Graph,
  config: ModelConfig,
  rows: Value,
  { norm, unembedding }: HeadParameters,
  masked: boolean,
) {
  const targets = graph.input('targets', 'int64', ['M']);
  const inverseTemperature = graph.input('inverseTemperature', 'float32', []);
  const logits = head(config, rows, norm, (x) => linear(x, unembedding), inverseTemperature);
  const kept = masked ? add(logits, graph.input('tokenBias', 'float32', [config.vocabularySize])) : logits;
  const { logProbability, entropy } = tokenLogProbability(kept, targets);
  graph.output('logProbabilities', logProbability);
  graph.output('entropies', entropy);
  return { logProbability, entropy };
}

/** Token losses as an output, and their weights as the seed: the loss is the weighted sum. */
function weightedLoss(graph: Graph, kind: LossKind, { logProbability, entropy }: ReturnType<typeof scoreTargets>) {
  const losses = tokenLoss(graph, kind, logProbability, entropy);
  graph.output('losses', losses);
  return { value: losses, seed: graph.input('lossWeights', 'float32', ['M']) };
}

/** Declares the positions of tokens, and gives the attention of each kind of layer. */
function declareAttention(
  graph: Graph,
  config: ModelConfig,
  plan: AttentionPlan,
): (kind: LayerKind) => Attention<{ mixed: Value }> {
  if (plan.layout === 'prefixes') {
    const at = declareSharedPositions(graph, config, plan.blocks);
    return (kind) => overSharedPrefixes(config, at, kind);
  }
  const isTree = plan.layout === 'trees';
  const at = isTree ? declareTrees(graph, config, plan.blocks) : declarePositions(graph, config, false, plan.blocks);
  return (kind) => overSequences(config, at, kind);
}

/** All layers, one after another, with parameters under their full names. */
function allLayers(graph: Graph, config: ModelConfig, hidden: Value, plan: AttentionPlan) {
  const attention = declareAttention(graph, config, plan);
  const parameters: [string, Value][] = [];
  let current = hidden;
  for (let index = 0; index < config.layers; index++) {
    const prefix = `model.layers.${index}.`;
    const weights = declareLayer(graph, config, prefix);
    for (const name of trainedOfLayer(config)) parameters.push([`${prefix}${name}`, weights.value(name)]);
    current = decoderLayer(config, current, weights, attention(layerKind(config, index))).hidden;
  }
  return { hidden: current, parameters };
}

/** The whole model: log-probabilities and entropies of the targets and, with a loss, its gradient. */
export function wholeGraph(
  config: ModelConfig,
  loss: LossKind | undefined,
  plan: AttentionPlan,
  masked = false,
): Graph {
  const graph = new Graph(loss ? `train ${loss}` : 'score');
  const embedded = graph.input('hidden', 'float32', ['N', config.hiddenSize]);
  const { hidden, parameters } = allLayers(graph, config, embedded, plan);
  const headParameters = declareHead(graph, config);
  // Only completions are scored, so the head runs on the rows that predict them.
  const rows = gatherRows(hidden, graph.input('rows', 'int64', ['M']));
  const scored = scoreTargets(graph, config, rows, headParameters, masked);
  if (loss) {
    // The embedding of an adapted model is not trained.
    const input: [string, Value][] = config.adapter ? [] : [['hidden', embedded]];
    const named = [...input, ...parameters, ...trainedOfHead(config, headParameters)];
    outputGradients(graph, [weightedLoss(graph, loss, scored)], named);
  }
  return graph;
}

/** One layer of a kind forward: hidden to `output`. Parameter names have no layer prefix. */
export function layerForwardGraph(config: ModelConfig, plan: AttentionPlan, kind: LayerKind): Graph {
  const graph = new Graph('layer forward');
  const hidden = graph.input('hidden', 'float32', ['N', config.hiddenSize]);
  const weights = declareLayer(graph, config, '');
  graph.output('output', decoderLayer(config, hidden, weights, declareAttention(graph, config, plan)(kind)).hidden);
  return graph;
}

/** One layer of a kind backward: hidden and `d output` to gradients of hidden and of the layer's parameters. */
export function layerBackwardGraph(config: ModelConfig, plan: AttentionPlan, kind: LayerKind): Graph {
  const graph = new Graph('layer backward');
  const hidden = graph.input('hidden', 'float32', ['N', config.hiddenSize]);
  const weights = declareLayer(graph, config, '');
  const output = decoderLayer(config, hidden, weights, declareAttention(graph, config, plan)(kind)).hidden;
  const seed = graph.input(`${GRADIENT}output`, 'float32', ['N', config.hiddenSize]);
  const named: [string, Value][] = [['hidden', hidden]];
  for (const name of trainedOfLayer(config)) named.push([name, weights.value(name)]);
  outputGradients(graph, [{ value: output, seed }], named);
  return graph;
}

/**
 * The head on a slice of rows [M, hiddenSize] and, with a loss, the gradients of the rows and of the head's parameters.
 */
export function headGraph(config: ModelConfig, loss: LossKind | undefined, masked = false): Graph {
  const graph = new Graph(loss ? `head ${loss}` : 'head');
  const hidden = graph.input('hidden', 'float32', ['M', config.hiddenSize]);
  const headParameters = declareHead(graph, config);
  const scored = scoreTargets(graph, config, hidden, headParameters, masked);
  if (loss) {
    const named: [string, Value][] = [['hidden', hidden], ...trainedOfHead(config, headParameters)];
    outputGradients(graph, [weightedLoss(graph, loss, scored)], named);
  }
  return graph;
}

function outputGradients(
  graph: Graph,
  outputs: Parameters<typeof differentiate>[0],
  named: readonly [string, Value][],
): void {
  const gradients = differentiate(
    outputs,
    named.map(([, value]) => value),
  );
  gradients.forEach((gradient, index) => void graph.output(`${GRADIENT}${named[index][0]}`, gradient));
}
