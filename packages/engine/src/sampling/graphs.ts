/**
 * The graph for generation: from new tokens of several sequences and their caches to the distribution of the next
 * token.
 */
import { Graph } from '../graph/graph.js';
import { add } from '../graph/ops/elementwise.js';
import { gatherRows } from '../graph/ops/layout.js';
import { softmax } from '../graph/ops/transformer.js';
import { overSequences } from '../models/attention.js';
import type { ModelConfig } from '../models/config.js';
import { declareLayer, decoderLayer, head, unembeddingName } from '../models/decoder.js';
import { declarePositions } from '../models/positions.js';

/**
 * Inputs: hidden [N, hiddenSize] of B x T new tokens, the caches `past keys i` / `past values i` [B, keyValueHeads, P,
 * headSize] if `cached`, `rows` int64 [M], the flat indices of tokens whose successor is predicted,
 * `inverseTemperature` [M, 1] and `tokenBias` [V]. Outputs: `new keys i` / `new values i` [B, keyValueHeads, T,
 * headSize] and `probabilities` [M, V]. The graph returns only new keys and values; the caller writes them into the
 * caches.
 */
export function generationGraph(config: ModelConfig, cached: boolean): Graph {
  const graph = new Graph(cached ? 'generate' : 'prefill');
  const { hiddenSize, keyValueHeads, headSize, layers, vocabularySize } = config;
  let hidden = graph.input('hidden', 'float32', ['N', hiddenSize]);
  const at = declarePositions(graph, config, cached);
  for (let index = 0; index < layers; index++) {
    const weight = declareLayer(graph, config, `model.layers.${index}.`);
    const past = (what: string) => graph.input(`past ${what} ${index}`, 'float32', ['B', keyValueHeads, 'P', headSize]);
    const cache = cached ? { keys: past('keys'), values: past('values') } : undefined;
    const layer = decoderLayer(config, hidden, weight, overSequences(config, at, cache));
    graph.output(`new keys ${index}`, layer.keys);
    graph.output(`new values ${index}`, layer.values);
    hidden = layer.hidden;
  }
  const rows = gatherRows(hidden, graph.input('rows', 'int64', ['M']));
  const norm = graph.input('model.norm.weight', 'float32', [hiddenSize]);
  const unembedding = graph.input(unembeddingName(config), 'float32', [vocabularySize, hiddenSize]);
  const logits = head(config, rows, norm, unembedding, graph.input('inverseTemperature', 'float32', ['M', 1]));
  graph.output('probabilities', softmax(add(logits, graph.input('tokenBias', 'float32', [vocabularySize]))));
  return graph;
}
