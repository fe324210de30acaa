/** A family under a plan of execution against Hugging Face transformers and PyTorch, on its tiny random model. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EngineCore } from './core.js';
import { Graph } from './graph/graph.js';
import { linear } from './graph/ops/linear.js';
import { overSequences } from './models/attention.js';
import type { ModelConfig } from './models/config.js';
import { declareLayer, decoderLayer, head, unembeddingName } from './models/decoder.js';
import { embed } from './models/embedding.js';
import { layerKind } from './models/layer-kinds.js';
import { type ParameterSet, parameterShapes } from './models/parameters.js';
import { declarePositions, orderFeeds } from './models/positions.js';
import { RotaryTables } from './models/rope.js';
import {
  largestDifference,
  referenceCases,
  referencePath,
  referenceTensors,
  relativeDifference,
} from './reference.test-support.js';
import { CompiledGraph, float32, int64, type Tensor } from './runtime/onnx.js';
import { loadPretrained } from './weights/pretrained.js';

/**
 * Small budgets, so that batches split: padding, several micro-batches and head slices and pieces of attention all take
 * part.
 */
const PLANS = {
  whole: { execution: 'whole', microBatchTokens: 40 },
  layered: { execution: 'layered', microBatchTokens: 40, logitBytes: 4 * 67 * 5, causalBlocks: 3 },
} as const;

export async function openReference(architecture: string, plan: keyof typeof PLANS): Promise<EngineCore> {
  const { config, parameters, files } = await loadPretrained(referencePath(architecture, 'model'));
  return new EngineCore(config, parameters, files, { threads: 1, ...PLANS[plan] });
}

export function describePlan(architecture: string, plan: keyof typeof PLANS): void {
  const cases = referenceCases(architecture);
  describe(`${architecture}, ${plan}`, () => {
    let core: EngineCore;
    beforeAll(async () => {
      core = await openReference(architecture, plan);
    });
    afterAll(() => core.close());

    if (plan === 'whole') {
      it('computes the logits of every position', async () => {
        const { config, parameters } = await loadPretrained(referencePath(architecture, 'model'));
        for (const { ids, logits } of cases.logits) {
          const found = await logitsOf(config, parameters, ids);
          expect(largestDifference(found, logits.flat())).toBeLessThan(1e-4);
        }
      });
    }

    it('gives the same log-probability to every token of the vocabulary', async () => {
      for (const { ids, logits } of cases.logits) {
        const expected = logits.map(logSoftmax);
        for (let position = 1; position <= ids.length; position++) {
          const rows = logits[0].map((_, token) => ({ promptIds: ids.slice(0, position), completionIds: [token] }));
          const scored = await core.score(rows);
          const found = scored.map(({ logProbabilities }) => logProbabilities[0]);
          expect(largestDifference(found, expected[position - 1])).toBeLessThan(1e-4);
        }
      }
    });

    it('scores completions of several lengths, some with a shared prompt', async () => {
      for (const { temperature, rows } of cases.score.results) {
        const scored = await core.score(cases.score.rows, { temperature });
        rows.forEach((row, index) => {
          expect(largestDifference(scored[index].logProbabilities, row.logProbabilities)).toBeLessThan(1e-4);
          expect(largestDifference(scored[index].entropies, row.entropies)).toBeLessThan(1e-4);
        });
      }
    });

    for (const training of [{ name: 'cross-entropy', ...cases.crossEntropy }, ...cases.policyGradient]) {
      it(`computes loss, metrics and the gradient of every parameter: ${training.name}`, async () => {
        core.zeroGradients();
        const result = await core.forwardBackward(training.rows, training.options);
        expect(Math.abs(result.loss - training.loss)).toBeLessThan(1e-4);
        result.logProbabilities.forEach((row, index) => {
          expect(largestDifference(row, training.logProbabilities[index])).toBeLessThan(1e-4);
        });
        for (const [name, value] of Object.entries(training.metrics)) {
          expect(result.metrics[name as keyof typeof result.metrics], name).toBeCloseTo(value, 4);
        }
        expect(result.metrics.microBatches).toBeGreaterThan(1);
        const gradients = await referenceTensors(architecture, training.gradients);
        expect([...gradients.keys()].sort()).toEqual([...parameterShapes(core.config).keys()].sort());
        for (const [name, gradient] of gradients) {
          expect(relativeDifference(core.gradientOf(name) as Float32Array, gradient), name).toBeLessThan(1e-3);
        }
      });
    }

    it('takes ten AdamW steps', async () => {
      const fresh = await openReference(architecture, plan);
      for (const step of cases.adamw.steps) {
        const { loss } = await fresh.forwardBackward(cases.adamw.rows, { loss: { kind: 'cross-entropy' } });
        expect(Math.abs(loss - step.loss)).toBeLessThan(1e-4);
        const { gradientNorm } = await fresh.optimStep(cases.adamw.options);
        expect(Math.abs(gradientNorm - step.gradientNorm)).toBeLessThan(1e-3);
      }
      for (const [name, weights] of await referenceTensors(architecture, cases.adamw.weights)) {
        // Where a gradient is nearly 0, Adam divides its rounding by its size: 1.2e-5 on a Xeon with AVX-512 and AMX.
        expect(largestDifference(fresh.weightOf(name) as Float32Array, weights), name).toBeLessThan(3e-5);
      }
      await fresh.close();
    });
  });
}

/** Logits of one sequence, [T x V], from the graph pieces that scoring, training and generation share. */
async function logitsOf(config: ModelConfig, parameters: ParameterSet, ids: number[]): Promise<Float32Array> {
  const graph = new Graph('logits');
  const { hiddenSize, vocabularySize, layers } = config;
  let hidden = graph.input('hidden', 'float32', ['N', hiddenSize]);
  const at = declarePositions(graph, config, false);
  for (let layer = 0; layer < layers; layer++) {
    const weights = declareLayer(graph, config, `model.layers.${layer}.`);
    hidden = decoderLayer(config, hidden, weights, overSequences(config, at, layerKind(config, layer))).hidden;
  }
  const norm = graph.input('model.norm.weight', 'float32', [hiddenSize]);
  const unembedding = graph.input(unembeddingName(config), 'float32', [vocabularySize, hiddenSize]);
  graph.output(
    'logits',
    head(config, hidden, norm, (x) => linear(x, unembedding), graph.scalar(1)),
  );
  const compiled = await CompiledGraph.compile(graph, { threads: 1 });
  const feeds: Record<string, Tensor> = {
    hidden: float32(embed(config, parameters, Int32Array.from(ids)), [ids.length, hiddenSize]),
    positions: int64(Array.from(ids.keys()), [1, ids.length]),
    ...new RotaryTables(config).feeds(ids.length),
    ...orderFeeds(ids.length),
  };
  for (const [name, shape] of parameterShapes(config)) feeds[name] = float32(parameters.get(name)!, shape);
  const { logits } = await compiled.run(feeds);
  await compiled.release();
  return logits.data as Float32Array;
}

function logSoftmax(logits: readonly number[]): number[] {
  const largest = Math.max(...logits);
  const total = logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0);
  return logits.map((logit) => logit - largest - Math.log(total));
}
