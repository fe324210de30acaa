/**
 * The graphs of generation: a text is read by one graph, the head turns hidden states into distributions, and a step of
 * decoding does both in one run.
 */
import { Graph, type Value } from '../graph/graph.js';
import { add } from '../graph/ops/elementwise.js';
import { softmax } from '../graph/ops/transformer.js';
import { overSequences, overTexts } from '../models/attention.js';
import type { ModelConfig } from '../models/config.js';
import { decoderLayer, head, unembeddingName } from '../models/decoder.js';
import { layerKind } from '../models/layer-kinds.js';
import { declareAsking, declarePositions, declarePrefixes, declareTexts, type Positions } from '../models/positions.js';
import { DeclaredWeights, type SampledWeights, type SamplingPrecision } from './weights.js';

/**
 * `read` has no cache to attend to, `continue` and `step` have one. With `prefixed`, their sequences also continue
 * prefixes (`PrefixPositions`) that are not in their own caches.
 */
export type GraphKind = 'read' | 'continue' | 'step' | 'continue prefixed' | 'step prefixed' | 'head';

/**
 * Inputs of `continue` and `step`: hidden [N, hiddenSize] of B x T new tokens, with a cache `past keys i` /
 * `past values i` [B, keyValueHeads, P, headSize]. They return `new keys i` / `new values i` [B, keyValueHeads, T,
 * headSize], which the caller writes into the caches. `read` takes N tokens that B texts share (`TextPositions`), and
 * returns the same. `read` and `continue` also take the M tokens whose successor is predicted (`Asking`): the last
 * layer asks for no others. They return `last hidden` [M, hiddenSize], before the final norm. `step` predicts the
 * successor of every token, and returns `probabilities` [N, V]. Prefixes are `prefix keys i` / `prefix values i` [G,
 * keyValueHeads, L, headSize].
 *
 * `head` makes `probabilities` from `last hidden`. It and `step` take `inverseTemperature`, [M, 1] or [N, 1], and
 * `tokenBias` [V].
 *
 * @param constants the weights that the runtime prepares once for its kernels; without them, weights are inputs
 */
export function generationGraph(
  config: ModelConfig,
  kind: GraphKind,
  precision: SamplingPrecision = 'float32',
  constants?: SampledWeights,
): Graph {
  const graph = new Graph(`generate: ${kind}`);
  const { hiddenSize, keyValueHeads, headSize, layers } = config;
  const weights = new DeclaredWeights(graph, config, precision, constants);
  if (kind === 'head') {
    distribution(graph, config, graph.input('last hidden', 'float32', ['M', hiddenSize]), weights);
    return graph;
  }
  let hidden = graph.input('hidden', 'float32', ['N', hiddenSize]);
  const texts = kind === 'read' ? declareTexts(graph, config) : undefined;
  const sequences = texts ? undefined : declarePositions(graph, config, true);
  const prefixes = kind.endsWith(' prefixed') ? declarePrefixes(graph) : undefined;
  const isStep = kind.startsWith('step');
  const asking = isStep ? undefined : declareAsking(graph, config, (texts ?? sequences) as Positions);
  for (let index = 0; index < layers; index++) {
    const cached = (what: string, count: string, size: string) =>
      graph.input(`${what} ${index}`, 'float32', [count, keyValueHeads, size, headSize]);
    const past = (what: string) => cached(`past ${what}`, 'B', 'P');
    const prefix = (what: string) => cached(`prefix ${what}`, 'G', 'L');
    const asked = index === layers - 1 ? asking : undefined;
    const layerKindOf = layerKind(config, index);
    const attention = texts
      ? overTexts(config, texts, layerKindOf, asked)
      : overSequences(
          config,
          sequences as Positions,
          layerKindOf,
          {
            keys: past('keys'),
            values: past('values'),
            prefixes: prefixes && { ...prefixes, keys: prefix('keys'), values: prefix('values') },
          },
          asked,
        );
    const layer = decoderLayer(config, hidden, weights.layer(index), attention);
    graph.output(`new keys ${index}`, layer.keys);
    graph.output(`new values ${index}`, layer.values);
    hidden = layer.hidden;
  }
  if (isStep) distribution(graph, config, hidden, weights);
  else graph.output('last hidden', hidden);
  return graph;
}

/** The distribution of the next token after each of some hidden states, as the output `probabilities`. */
function distribution(graph: Graph, config: ModelConfig, hidden: Value, weights: DeclaredWeights): void {
  const inverseTemperature = graph.input('inverseTemperature', 'float32', [hidden.shape[0], 1]);
  const unembed = (x: Value) => weights.product(x, unembeddingName(config));
  const logits = head(config, hidden, weights.value('model.norm.weight'), unembed, inverseTemperature);
  graph.output('probabilities', softmax(add(logits, graph.input('tokenBias', 'float32', [config.vocabularySize]))));
}
