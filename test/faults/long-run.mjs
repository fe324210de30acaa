/**
 * Trains or reads for long, and prints a line of JSON now and then: what is done, resident memory, heap, descriptors.
 * Usage: node --expose-gc long-run.mjs train|read COUNT FOLDER
 */
import { readdirSync } from 'node:fs';
import { openModel } from '../../packages/tamtrl/dist/models/open.js';
import { MemoryReader } from '../../packages/tamtrl/dist/reader/reader.js';
import { openRun } from '../../packages/tamtrl/dist/run/open.js';

const [, , what, count, folder] = process.argv;
const total = Number(count);
const SAMPLES = 100;
let told = -1;

function tell(done) {
  const part = Math.floor((done / total) * SAMPLES);
  if (part === told) return;
  told = part;
  globalThis.gc();
  const { rss, heapUsed } = process.memoryUsage();
  const descriptors = readdirSync('/proc/self/fd').length;
  console.log(JSON.stringify({ done, rss, heapUsed, descriptors }));
}

async function train() {
  const config = {
    model: 'mini-random',
    data: { kind: 'mini', chunks: 2, factsPerChunk: 2, queries: 1 },
    memory: { questionTokens: 4, chunkTokens: 4, memoryTokens: 5, answerTokens: 3, prompts: 'mini' },
    steps: total,
    questionsPerStep: 1,
    groupSize: 2,
    checkpointEvery: Math.ceil(total / 20),
    evaluation: { every: Math.ceil(total / 10), questions: 2 },
    reward: { combine: 'additive' },
  };
  for await (const event of openRun({ command: 'train', config, folder })) {
    if (event.type === 'step') tell(event.metrics.step);
  }
}

async function read() {
  const budgets = { questionTokens: 5, chunkTokens: 12, memoryTokens: 10, answerTokens: 6 };
  const model = await openModel('mini');
  const reader = new MemoryReader({ model, question: 'anna', ...budgets });
  const names = ['anna', 'ben', 'carl', 'dan', 'anna', 'carl'];
  const towns = ['oslo', 'rome', 'bern', 'paris'];
  async function* text() {
    for (let at = 0; reader.turns < total; at++) yield `${names[at % 6]} ${towns[(at * 7) % 4]} `;
  }
  for await (const _ of reader.read(text())) tell(reader.turns);
  await model.close?.();
}

await (what === 'train' ? train() : read());
