/** Trains a tiny random Qwen3 to copy strings, prints the falling loss, then has the model copy an unseen string. */
import { createEngine, Random } from '@tamtrl/engine';

const LETTERS = 'abcdefghijklmnopqrstuvwxyz';
const END = LETTERS.length; // ends the string, and its copy
const config = {
  architecture: 'qwen3',
  vocabularySize: LETTERS.length + 1,
  hiddenSize: 64,
  intermediateSize: 128,
  layers: 2,
  heads: 4,
  keyValueHeads: 2,
  headSize: 16,
  contextLength: 32,
  ropeTheta: 10_000,
  rmsNormEpsilon: 1e-6,
  tieWordEmbeddings: true,
};
const engine = await createEngine({ model: { config, seed: 1 } });

const random = new Random(1);
const string = () => Array.from({ length: 6 }, () => Math.floor(random.uniform() * LETTERS.length));
for (let step = 1; step <= 100; step++) {
  const rows = Array.from({ length: 32 }, string).map((ids) => ({
    promptIds: [...ids, END],
    completionIds: [...ids, END],
  }));
  const { loss } = await engine.forwardBackward(rows, { loss: { kind: 'cross-entropy' } });
  await engine.optimStep({ learningRate: 5e-3, gradientClipNorm: 1 });
  if (step % 10 === 0 || step === 1) console.log(`step ${step}, loss ${loss.toFixed(4)}`);
}

const promptIds = [...[...'tamtrl'].map((letter) => LETTERS.indexOf(letter)), END];
const [[sample]] = await engine.generate([{ promptIds }], { maxTokens: 10, temperature: 0, stopIds: [END] });
console.log(`tamtrl -> ${sample.tokens.map((id) => LETTERS[id] ?? '').join('')} (${sample.stopReason})`);
await engine.close();
