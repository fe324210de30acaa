/** The steps that bench/step.mjs times: the trainer itself, and a description of the same work for the other side. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseConfig } from '../packages/engine/dist/models/parse-config.js';
import { miniSource } from '../packages/tamtrl/dist/data/examples.js';
import { miniChat, miniTokenizer, miniTokenizerFiles } from '../packages/tamtrl/dist/data/mini/tokenizer.js';
import { PromptFrames } from '../packages/tamtrl/dist/memory/frames.js';
import { promptFormatNamed } from '../packages/tamtrl/dist/memory/prompts.js';
import { EMBEDDED_MINI } from '../packages/tamtrl/dist/models/embedded.js';
import { openLocalPolicy } from '../packages/tamtrl/dist/policy/local.js';
import { RunFolder } from '../packages/tamtrl/dist/run/folder.js';
import { presets } from '../packages/tamtrl/dist/run/presets/presets.js';
import { runConfigSchema } from '../packages/tamtrl/dist/train/config.js';
import { train } from '../packages/tamtrl/dist/train/reinforce.js';

/** The sizes of `mini-1m` in tools/reference/bench_cases.json, with the vocabulary of the mini task. */
const ONE_MILLION = {
  hidden_size: 128,
  intermediate_size: 384,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  num_key_value_heads: 4,
  head_dim: 32,
  max_position_embeddings: 1024,
};
const small = { chunks: 3, queries: 3 };

/**
 * `mini` is the step of the preset, on its trained model. The others have random weights: what they write is noise, and
 * as long as the limits allow.
 */
export const STEP_CASES = {
  mini: { preset: 'mini' },
  '1m-96': { model: ONE_MILLION, data: { ...small, factsPerChunk: 48 }, memory: { memoryTokens: 24 }, questions: 8 },
  '1m-512': { model: ONE_MILLION, data: { ...small, factsPerChunk: 256 }, memory: { memoryTokens: 24 }, questions: 4 },
};

const GROUP_SIZE = 8;

/** A trainer that makes a step whenever it is asked. */
export async function openStep(definition, { folder, prompts, sharing, drafts }) {
  const base = presets.find(({ name }) => name === (definition.preset ?? 'mini')).train;
  const config = runConfigSchema.parse({
    ...base,
    data: { ...base.data, ...definition.data },
    memory: {
      ...base.memory,
      prompts,
      ...(definition.data && { chunkTokens: 2 * definition.data.factsPerChunk }),
      ...definition.memory,
    },
    questionsPerStep: definition.questions ?? base.questionsPerStep,
    groupSize: GROUP_SIZE,
    steps: 1_000_000,
    checkpointEvery: 1_000_000,
    klCoefficient: 0,
    savedTrajectories: 0,
    // The teacher's scores alone give every turn a gradient, so that both sides train on all of them.
    reward: { combine: 'additive' },
    dynamicSampling: { maxRounds: 1 },
    evaluation: { every: 0, questions: 1 },
  });
  const { tokenizer, policy } = await open(definition, sharing);
  const sample = policy.sample.bind(policy);
  policy.sample = (requests, options) => {
    const asked = requests.map(({ draft, sharedTokens, ...request }) => ({
      ...request,
      ...(drafts && { draft }),
      ...(sharing && { sharedTokens }),
    }));
    return sample(asked, options);
  };
  const model = join(folder, 'model');
  await policy.exportModel(model);
  const task = config.data;
  const source = miniSource(task, 5, tokenizer);
  const events = train({ config, policy, train: source, heldOut: source, store: new RunFolder(join(folder, 'run')) });
  let rows = 0;
  return {
    work: await workFor({ config, policy, tokenizer, source, model }),
    rows: () => rows,
    async step() {
      const start = performance.now();
      for (;;) {
        const { value, done } = await events.next();
        if (done) throw new Error('The training ended before its steps were done.');
        if (value.type !== 'step') continue;
        rows = value.metrics.turns ?? rows;
        return { seconds: (performance.now() - start) / 1000, phases: value.metrics.seconds };
      }
    },
    async close() {
      await policy.close();
    },
  };
}

async function open(definition, sharePrefixes) {
  const tokenizer = miniTokenizer();
  const options = { tokenizer, chat: miniChat, engine: { sharePrefixes } };
  if (!definition.model) return { tokenizer, policy: await openLocalPolicy(EMBEDDED_MINI, options) };
  const mini = JSON.parse(await readFile(join(EMBEDDED_MINI, 'config.json'), 'utf8'));
  const config = parseConfig({ ...mini, ...definition.model }, 'bench:step');
  const { tokenizer: file, config: settings } = miniTokenizerFiles();
  const bytes = (value) => new TextEncoder().encode(JSON.stringify(value));
  const files = { 'tokenizer.json': bytes(file), 'tokenizer_config.json': bytes(settings) };
  return { tokenizer, policy: await openLocalPolicy({ config, seed: 1, files }, options) };
}

/** Prompts as token ids with their slots, and the texts of the questions, for a program that knows no tokenizer. */
async function workFor({ config, policy, source, model }) {
  const frames = new PromptFrames(policy, promptFormatNamed(config.memory.prompts));
  const slots = { question: [-1], memory: [-2], chunk: [-3] };
  const questions = [];
  for (let index = 0; index < config.questionsPerStep; index++) {
    const example = await source.get(index);
    questions.push({
      question: policy.tokenizer.encodeText(example.question),
      initial_memory: frames.initialMemory(example.question),
      chunks: example.chunks.map(({ ids }) => [...ids]),
      filtered: example.filteredChunks.map((text) => frames.filteredChunk(text)),
      answer: policy.tokenizer.encodeText(example.answers[0]),
    });
  }
  return {
    model,
    update: frames.update(slots.question, slots.memory, slots.chunk),
    answer: frames.answer(slots.question, slots.memory),
    stop_ids: policy.chat.stopIds,
    memory_tokens: config.memory.memoryTokens,
    answer_tokens: config.memory.answerTokens,
    group_size: config.groupSize,
    learning_rate: config.learningRate,
    questions,
  };
}
