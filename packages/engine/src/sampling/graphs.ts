/**
 * The graphs of generation: a text is read by one graph, the head turns hidden states into distributions, and a step of
 * decoding does both in one run.
 */
import { Graph, type Value } from '../graph/graph.js';
import { add } from '../graph/ops/elementwise.js';
import { softmax } from '../graph/ops/transformer.js';
import { overSequences } from '../models/attention.js';
import type { ModelConfig } from '../models/config.js';
import { declareLayer, decoderLayer, head, unembeddingName } from '../models/decoder.js';
import { layerKind } from '../models/layer-kinds.js';
import { declareAsking, declarePositions } from '../models/positions.js';

/** `read` has no cache to attend to, `continue` and `step` have one. */
export type GraphKind = 'read' | 'continue' | 'step' | 'head';

/**
 * Inputs of `read`, `continue` and `step`: hidden [N, hiddenSize] of B x T new tokens, with a cache `past keys i` /
 * `past values i` [B, keyValueHeads, P, headSize]. They return `new keys i` / `new values i` [B, keyValueHeads, T,
 * headSize], which the caller writes into the caches. `read` and `continue` also take the M tokens whose successor is
 * predicted (`Asking`): the last layer asks for no others. They return `last hidden` [M, hiddenSize], before the final
 * norm. `step` predicts the successor of every token, and returns `probabilities` [N, V].
 *
 * `head` makes `probabilities` from `last hidden`. It and `step` take `inverseTemperature`, [M, 1] or [N, 1], and
 * `tokenBias` [V].
 */
export function generationGraph(config: ModelConfig, kind: GraphKind): Graph {
  const graph = new Graph(`generate: ${kind}`);
  const { hiddenSize, keyValueHeads, headSize, layers } = config;
  if (kind === 'head') {
    distribution(graph, config, graph.input('last hidden', 'float32', ['M', hiddenSize]));
    return graph;
  }
  const cached = kind !== 'read';
  let hidden = graph.input('hidden', 'float32', ['N', hiddenSize]);
  const at = declarePositions(graph, config, cached);
  const asking = kind === 'step' ? undefined : declareAsking(graph, config, at);
  for (let index = 0; index < layers; index++) {
    const weight = declareLayer(graph, config, `model.layers.${index}.`);
    const past = (what: string) => graph.input(`past ${what} ${index}`, 'float32', ['B', keyValueHeads, 'P', headSize]);
    const cache = cached ? { keys: past('keys'), values: past('values') } : undefined;
    const asked = index === layers - 1 ? asking : undefined;
    const attention = overSequences(config, at, layerKind(config, index), cache, asked);
    const layer = decoderLayer(config, hidden, weight, attention);
    graph.output(`new keys ${index}`, layer.keys);
    graph.output(`new values ${index}`, layer.values);
    hidden = layer.hidden;
  }
  if (kind === 'step') distribution(graph, config, hidden);
  else graph.output('last hidden', hidden);
  return graph;
}

/** The distribution of the next token after each of some hidden states, as the output `probabilities`. */
function distribution(graph: Graph, config: ModelConfig, hidden: Value): void {
  const { hiddenSize, vocabularySize } = config;
  const rows = hidden.shape[0];
  const norm = graph.input('model.norm.weight', 'float32', [hiddenSize]);
  const unembedding = graph.input(unembeddingName(config), 'float32', [vocabularySize, hiddenSize]);
  const logits = head(config, hidden, norm, unembedding, graph.input('inverseTemperature', 'float32', [rows, 1]));
  graph.output('probabilities', softmax(add(logits, graph.input('tokenBias', 'float32', [vocabularySize]))));
}
