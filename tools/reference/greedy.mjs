/**
 * Greedy tokens of the engine on a real model, for greedy.py to compare with transformers on the same weights.
 *
 *   npm run build && node tools/reference/greedy.mjs MODEL.gguf > tokens.json && python tools/reference/greedy.py
 *   MODEL.gguf tokens.json
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEngine } from '../../packages/engine/dist/index.js';
import { loadTokenizer } from '../../packages/tamtrl/dist/text/hugging-face-tokenizer.js';
import { loadChatFormat } from '../../packages/tamtrl/dist/text/templates.js';

/** For chat models. */
const QUESTIONS = ['What is the capital of France?', 'Write three sentences about the sea.'];

/** For base models, which have no chat template. */
const BEGINNINGS = [
  'The capital of France is',
  'Once upon a time, there was a',
  'Die Donau entspringt',
  'def fibonacci(n):',
];

const [model] = process.argv.slice(2);
if (!model) throw new Error('Usage: node tools/reference/greedy.mjs MODEL (a folder or a .gguf file)');
const engine = await createEngine({ model });
const folder = await mkdtemp(join(tmpdir(), 'tamtrl-greedy-'));
try {
  // A GGUF's tokenizer and chat template are read from the folder that the engine writes for it.
  await engine.exportModel(folder);
  const tokenizer = await loadTokenizer(folder);
  const chat = await loadChatFormat(folder, tokenizer).catch((error) => {
    if (error.kind !== 'chat-template') throw error;
    console.error(error.message);
  });
  const prompts = chat
    ? QUESTIONS.map((content) => tokenizer.encode(chat.render([{ role: 'user', content }])))
    : BEGINNINGS.map((text) =>
        [engine.config.architecture === 'gemma3_text' ? [2] : [], tokenizer.encode(text)].flat(),
      );
  const started = performance.now();
  const samples = await engine.generate(
    prompts.map((promptIds) => ({ promptIds })),
    // To the limit, whatever the model says of its end.
    { maxTokens: 64, temperature: 0 },
  );
  const seconds = (performance.now() - started) / 1000;
  const cases = samples.map(([{ tokens, logProbabilities, stopReason }], index) => {
    return { promptIds: prompts[index], tokens, logProbabilities, stopReason, text: tokenizer.decode(tokens) };
  });
  console.log(JSON.stringify({ seconds, cases }));
} finally {
  await engine.close();
  await rm(folder, { recursive: true });
}
