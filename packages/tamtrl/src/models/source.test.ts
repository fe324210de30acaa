/** Names that are no model on this machine: the refusal says what they may stand for. */
import { expect, it } from 'vitest';
import { modelSource } from './source.js';

it.each([
  ['gpt-4o', 'openai:gpt-4o.'],
  ['o3-mini', 'openai:o3-mini.'],
  ['ollama:llama3', 'openai:http://127.0.0.1:11434/v1#llama3.'],
  ['vllm:Qwen/Qwen3-8B', 'openai:http://127.0.0.1:8000/v1#Qwen/Qwen3-8B.'],
  ['http://127.0.0.1:8080/v1', 'openai:http://127.0.0.1:8080/v1#MODEL.'],
  ['Qwen/Qwen3-0.6B', 'hf:Qwen/Qwen3-0.6B. For one at a server: openai:URL#MODEL.'],
  ['nothing', 'openai:URL#MODEL. To download one: hf:owner/name.'],
  ['missing.gguf', 'openai:URL#MODEL. To download one: hf:owner/name.'],
])('%s: %s', async (name, hint) => {
  const error = await modelSource(name).catch((reason: Error) => reason);
  expect((error as Error).message).toMatch(/^There is no model at .*: expected a model folder, a \.gguf file/);
  expect((error as Error).message.endsWith(hint)).toBe(true);
});

it('a key in an intended address is not repeated', async () => {
  await expect(modelSource('openia:http://me:K3Y@h/v1?key=K3Y#m')).rejects.not.toThrow('K3Y');
});
