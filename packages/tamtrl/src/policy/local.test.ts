import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { miniChat, miniTokenizer, miniTokenizerFiles } from '../data/mini/tokenizer.js';
import { type LocalPolicyOptions, openLocalPolicy } from './local.js';
import { isTrainable } from './trainable.js';

const tokenizer = miniTokenizer();
const shape = {
  architecture: 'qwen3' as const,
  vocabularySize: tokenizer.vocabularySize,
  contextLength: 32,
  hiddenSize: 16,
  intermediateSize: 32,
  layers: 1,
  heads: 2,
  keyValueHeads: 1,
  headSize: 8,
  ropeTheta: 10_000,
  rmsNormEpsilon: 1e-6,
  tieWordEmbeddings: true,
};
const parts: LocalPolicyOptions = { tokenizer, chat: miniChat };
const bytes = (value: object) => new TextEncoder().encode(JSON.stringify(value));

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tamtrl-policy-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

it('an exported model opens with its own tokenizer and chat format, and says the same', async () => {
  const files = {
    'tokenizer.json': bytes(miniTokenizerFiles().tokenizer),
    'tokenizer_config.json': bytes(miniTokenizerFiles().config),
  };
  const made = await openLocalPolicy({ config: shape, seed: 5, files }, parts);
  const row = {
    promptIds: tokenizer.encode('<question> anna <answer>'),
    completionIds: tokenizer.encode('oslo <eos>'),
  };
  const before = await made.score([row]);
  await made.exportModel(join(folder, 'model'));
  await made.close();
  const opened = await openLocalPolicy(join(folder, 'model'));
  try {
    expect(await opened.score([row])).toEqual(before);
    expect(opened.chat.stopIds).toEqual(miniChat.stopIds);
    const messages = [{ role: 'user' as const, content: '<question> anna <answer>' }];
    expect(tokenizer.encode(opened.chat.render(messages))).toEqual(row.promptIds);
    expect(opened.contextLength).toBe(32);
    expect(isTrainable(opened)).toBe(true);
  } finally {
    await opened.close();
  }
});

it('ids that are not tokens are never sampled', async () => {
  // Three rows of the embedding more than there are tokens.
  const padded = { ...shape, vocabularySize: tokenizer.vocabularySize + 3 };
  const policy = await openLocalPolicy({ config: padded, seed: 5, standardDeviation: 1 }, parts);
  try {
    const maskedIds = Array.from({ length: tokenizer.vocabularySize - 1 }, (_, id) => id);
    const requests = [{ promptIds: [4], samples: 20 }];
    const [samples] = await policy.sample(requests, { maxTokens: 1, maskedIds });
    expect(new Set(samples.map(({ tokens }) => tokens[0]))).toEqual(new Set([tokenizer.vocabularySize - 1]));
  } finally {
    await policy.close();
  }
});

it('tokens are sampled, scored and trained under one distribution: rows without a token are in none of them', async () => {
  const padded = { ...shape, vocabularySize: tokenizer.vocabularySize + 30 };
  for (const execution of ['whole', 'layered'] as const) {
    const engine = { execution };
    const policy = await openLocalPolicy({ config: padded, seed: 5, standardDeviation: 1 }, { ...parts, engine });
    try {
      const promptIds = [4, 5];
      const [[sample]] = await policy.sample([{ promptIds }], { maxTokens: 6 });
      const row = { promptIds, completionIds: sample.tokens };
      const [scored] = await policy.score([row]);
      const oldLogProbabilities = sample.logProbabilities;
      const { logProbabilities, metrics } = await policy.forwardBackward(
        [{ ...row, oldLogProbabilities, advantages: sample.tokens.map(() => 1) }],
        { loss: { kind: 'policy-gradient', clipLow: 0.2, clipHigh: 0.2 } },
      );
      sample.logProbabilities.forEach((sampled, at) => {
        expect(scored.logProbabilities[at]).toBeCloseTo(sampled, 5);
        expect(logProbabilities[0][at]).toBeCloseTo(sampled, 5);
      });
      expect(metrics.ratioMean).toBeCloseTo(1, 5);
      // A token of the padding has no probability, and a row cannot be made of it unseen.
      const [outside] = await policy.score([{ promptIds, completionIds: [tokenizer.vocabularySize + 3] }]);
      expect(outside.logProbabilities[0]).toBeLessThan(-1e8);
    } finally {
      await policy.close();
    }
  }
});

it('log-probabilities that are far apart give a finite loss and gradient', async () => {
  const policy = await openLocalPolicy({ config: shape, seed: 5 }, parts);
  try {
    const row = { promptIds: [4, 5], completionIds: [6, 7], advantages: [-1, -1] };
    const far = { ...row, oldLogProbabilities: [-200, -200], referenceLogProbabilities: [100, 100] };
    const { loss } = await policy.forwardBackward([far], {
      loss: { kind: 'policy-gradient', clipLow: 0.2, clipHigh: 0.2, klCoefficient: 0.1 },
    });
    expect(Number.isFinite(loss)).toBe(true);
    expect(await policy.optimStep({ learningRate: 1e-3, gradientClipNorm: 1 })).toMatchObject({ skipped: false });
  } finally {
    await policy.close();
  }
});

it('parts that do not belong together are refused', async () => {
  const small = { ...shape, vocabularySize: 10 };
  await expect(openLocalPolicy({ config: small, seed: 1 }, parts)).rejects.toThrow(
    "but the model's vocabulary ends at 9. Use the tokenizer that belongs to the model.",
  );
  await expect(openLocalPolicy({ config: shape, seed: 1 })).rejects.toThrow(
    'random weights has no tokenizer. Pass one with its chat format.',
  );
  await writeFile(join(folder, 'model.gguf'), '');
  await expect(openLocalPolicy(join(folder, 'model.gguf'))).rejects.toThrow('model.gguf');
});
