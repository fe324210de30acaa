/**
 * What sampling in int8 saves: processor time of `generate` on one thread in float32 and in int8, in turns, medians.
 *
 *     node bench/int8.mjs [ROUNDS]
 */
import { readFile } from 'node:fs/promises';
import { createEngine, Random } from '../packages/engine/dist/index.js';

const BABI = new URL('../packages/tamtrl/models/babi', import.meta.url).pathname;
const SMOLLM2 = {
  architecture: 'llama',
  vocabularySize: 49152,
  hiddenSize: 576,
  intermediateSize: 1536,
  layers: 30,
  heads: 9,
  keyValueHeads: 3,
  headSize: 64,
  rmsNormEpsilon: 1e-5,
  ropeTheta: 100_000,
  tieWordEmbeddings: true,
  contextLength: 8192,
};
const shape = { config: SMOLLM2, seed: 1, standardDeviation: 0.04 };

/** Prompts, their tokens, and new tokens. */
const CASES = [
  ['babi, reading', BABI, 32, 90, 1],
  ['babi, writing', BABI, 32, 90, 12],
  ['SmolLM2-135M shape, one reader', shape, 1, 500, 32],
  ['SmolLM2-135M shape, rollouts', shape, 8, 32, 16],
];

const [rounds = '7'] = process.argv.slice(2);
const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];

async function measured(model, prompts, tokens, maxTokens) {
  const precisions = ['float32', 'int8'];
  const engines = await Promise.all(
    precisions.map((samplingPrecision) => createEngine({ model, threads: 1, samplingPrecision })),
  );
  const { vocabularySize } = engines[0].config;
  const random = new Random(1);
  const times = precisions.map(() => []);
  for (let round = 0; round <= Number(rounds); round++) {
    const promptIds = () =>
      Array.from({ length: tokens }, () => 5 + Math.floor(random.uniform() * (vocabularySize - 5)));
    const requests = Array.from({ length: prompts }, () => ({ promptIds: promptIds() }));
    for (const [at, engine] of engines.entries()) {
      const before = process.cpuUsage();
      await engine.generate(requests, { maxTokens, seed: round });
      const { user, system } = process.cpuUsage(before);
      // The first round compiles.
      if (round > 0) times[at].push((user + system) / 1000);
    }
  }
  await Promise.all(engines.map((engine) => engine.close()));
  return times.map(median);
}

const cpu = /^model name\s*: (.*)$/m.exec(await readFile('/proc/cpuinfo', 'utf8').catch(() => ''))?.[1];
console.log(`${cpu ?? process.arch}, one thread, medians of ${rounds}\n`);
console.log('| case | prompts x tokens + new | float32, ms | int8, ms | ratio |\n| --- | --- | ---: | ---: | ---: |');
for (const [name, model, prompts, tokens, maxTokens] of CASES) {
  const [plain, rounded] = await measured(model, prompts, tokens, maxTokens);
  const cells = [plain.toFixed(1), rounded.toFixed(1), (plain / rounded).toFixed(2)];
  console.log(`| ${name} | ${prompts} x ${tokens} + ${maxTokens} | ${cells.join(' | ')} |`);
}
