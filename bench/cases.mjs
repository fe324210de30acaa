/**
 * The benchmark cases. Shapes come from tools/reference/bench_cases.json, which the PyTorch side reads too, so that
 * both do the same work; only `qwen3-0.6b`, which PyTorch does not take part in, is defined here.
 */
import { readFileSync } from 'node:fs';
import { Random } from '../packages/engine/dist/index.js';
import { parameterShapes } from '../packages/engine/dist/models/parameters.js';
import { parseConfig } from '../packages/engine/dist/models/parse-config.js';

const FILE = new URL('../tools/reference/bench_cases.json', import.meta.url);

export const WHATS = ['train', 'score', 'generate'];

/** One step of 1,024 tokens in one sequence: does a model of this size fit into 16 GB? Timed from cold. */
const LARGE = {
  'qwen3-0.6b': {
    config: {
      model_type: 'qwen3',
      vocab_size: 151936,
      hidden_size: 1024,
      intermediate_size: 3072,
      num_hidden_layers: 28,
      num_attention_heads: 16,
      num_key_value_heads: 8,
      head_dim: 128,
      max_position_embeddings: 40960,
      rms_norm_eps: 1e-6,
      rope_parameters: { rope_type: 'default', rope_theta: 1000000 },
      tie_word_embeddings: true,
    },
    train: { batch: 1, length: 1024, 'loss-tokens': 256 },
    pytorch: false,
    warmUp: false,
    rounds: 1,
    byDefault: false,
  },
};

/** Cases by name, with the configurations for the engine and for transformers. */
export function loadCases() {
  const shared = JSON.parse(readFileSync(FILE, 'utf8'));
  return Object.entries({ ...shared, ...LARGE }).map(([name, definition]) => ({
    pytorch: true,
    warmUp: true,
    rounds: 5,
    byDefault: true,
    ...definition,
    name,
    config: parseConfig(definition.config, `case ${name}`),
    whats: WHATS.filter((what) => definition[what]),
  }));
}

/** Tokens that count as the work's size: all that are read for training and scoring, new ones for generation. */
export function workTokens(shape, what) {
  return what === 'generate' ? shape.batch * shape.new : shape.batch * shape.length;
}

/**
 * Floating-point operations of one repetition: 2 (forward) or 6 (forward and backward) x parameters x tokens. Every
 * token that is read passes the layers' matrices, only those whose successor is wanted pass the unembedding, and
 * looking up an embedding is free. Attention scores, norms and the optimiser are not counted.
 */
export function floatingPointOperations(config, shape, what) {
  let layers = 0;
  for (const [name, sizes] of parameterShapes(config)) {
    if (name.startsWith('model.layers.') && sizes.length === 2) layers += sizes[0] * sizes[1];
  }
  const unembedding = config.vocabularySize * config.hiddenSize;
  const generating = what === 'generate';
  // The last new token is drawn, not read.
  const read = shape.batch * (generating ? shape.prompt + shape.new - 1 : shape.length);
  const predicted = shape.batch * (generating ? shape.new : shape['loss-tokens']);
  return (what === 'train' ? 6 : 2) * (layers * read + unembedding * predicted);
}

/**
 * One repetition on an engine. Sequences are random, as on the other side. A row's last token is only predicted: with
 * one token more than `length`, the model reads exactly `length` tokens, as PyTorch does.
 */
export function makeRun(engine, shape, what, scoreOptions = {}) {
  const random = new Random(0);
  const ids = (count) =>
    Array.from({ length: count }, () => Math.floor(random.uniform() * engine.config.vocabularySize));
  const times = (make) => Array.from({ length: shape.batch }, make);
  if (what === 'generate') {
    const requests = times(() => ({ promptIds: ids(shape.prompt) }));
    let seed = 0;
    return async () => {
      const samples = await engine.generate(requests, { maxTokens: shape.new, temperature: 1, seed: seed++ });
      for (const [{ tokens }] of samples) {
        if (tokens.length !== shape.new) throw new Error(`generate gave ${tokens.length} tokens, not ${shape.new}.`);
      }
    };
  }
  const completion = shape['loss-tokens'];
  const rows = times(() => ({ promptIds: ids(shape.length + 1 - completion), completionIds: ids(completion) }));
  if (what === 'score') return () => engine.score(rows, scoreOptions);
  return async () => {
    await engine.forwardBackward(rows, { loss: { kind: 'cross-entropy' } });
    const { skipped } = await engine.optimStep({ learningRate: 1e-4, weightDecay: 0.01, gradientClipNorm: 1 });
    if (skipped) throw new Error('The step was skipped: its gradient is not finite.');
  };
}
