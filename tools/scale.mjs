/**
 * Estimates of what training at the paper's scale takes: tokens, operations, memory, hours. Prints the tables of
 * docs/scale.md; with --write it puts them there. All assumptions are at the top; nothing here was measured.
 *   node tools/scale.mjs [--write]
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { findPreset } from '../packages/tamtrl/dist/run/presets/presets.js';
import { runConfigSchema } from '../packages/tamtrl/dist/train/config.js';

/** Shapes from the models' config.json on the Hugging Face hub. */
const MODELS = {
  'Qwen3-0.6B': { layers: 28, hidden: 1024, heads: 16, keyValueHeads: 8, intermediate: 3072, tied: true },
  'Qwen3-1.7B': { layers: 28, hidden: 2048, heads: 16, keyValueHeads: 8, intermediate: 6144, tied: true },
  'Qwen3-8B': { layers: 36, hidden: 4096, heads: 32, keyValueHeads: 8, intermediate: 12288, tied: false },
  'Qwen3-14B': { layers: 40, hidden: 5120, heads: 40, keyValueHeads: 8, intermediate: 17408, tied: false },
};
const HEAD = 128;
const VOCABULARY = 151_936;

/**
 * Data sheets: dense bfloat16 operations a second, bytes of memory and bytes a second; dollars an hour are a guess, put
 * in your own.
 */
const GPUS = {
  'A100 80GB': { operations: 312e12, memory: 80e9, bandwidth: 2.0e12, dollars: 2 },
  'H100 80GB': { operations: 989e12, memory: 80e9, bandwidth: 3.35e12, dollars: 3 },
};
/**
 * Share of the data sheet that is reached in matrix products, in reading weights and caches while sampling, and that
 * caches may fill.
 */
const REACHED = { products: 0.35, bandwidth: 0.5, memory: 0.7 };
/**
 * Tokens of a training document (MemAgent's: 200 paragraphs), of a memory as it is written, and of the relevant part of
 * a chunk.
 */
const DOCUMENT = 28_000;
const WRITTEN = 400;
const RELEVANT = 300;
/** Seconds per step for work that does not overlap: weights to the sampler, saving, HTTP. */
const OVERHEAD = 15;

function shapeOf({ layers, hidden, heads, keyValueHeads, intermediate, tied }) {
  const attention = hidden * HEAD * (2 * heads + 2 * keyValueHeads);
  const blocks = layers * (attention + 3 * hidden * intermediate);
  const table = VOCABULARY * hidden;
  return {
    parameters: blocks + table * (tied ? 1 : 2),
    /** Operations of a token's forward pass, given the number of tokens before it. */
    forward: (before) => 2 * (blocks + table) + 4 * layers * heads * HEAD * before,
    cacheBytes: 2 * layers * keyValueHeads * HEAD * 2,
    /** Checkpointed activations of a token, bfloat16. */
    activationBytes: layers * hidden * 2,
  };
}

/** @param config of a run; @returns tokens of one step */
function tokensOf({ memory, questionsPerStep, groupSize, klCoefficient }) {
  const rollouts = questionsPerStep * groupSize;
  const updates = Math.min(memory.maxChunks ?? Number.POSITIVE_INFINITY, Math.ceil(DOCUMENT / memory.chunkTokens));
  const frame = 150 + 100;
  const prompt = updates * (frame + WRITTEN) + Math.min(DOCUMENT, updates * memory.chunkTokens) + (frame + WRITTEN);
  const sampled = (updates + 1) * WRITTEN;
  const rows = prompt + sampled;
  return {
    rollouts,
    turns: updates + 1,
    prompt: rollouts * prompt,
    sampled: rollouts * sampled,
    /** Teacher: the filtered chunk and the memory that is scored. */
    teacher: rollouts * updates * (frame + 2 * WRITTEN + RELEVANT),
    /** Log-probabilities once more, and the reference's. */
    scored: rollouts * rows * (klCoefficient > 0 ? 2 : 1),
    trained: rollouts * rows,
    length: memory.chunkTokens + frame + 2 * WRITTEN,
  };
}

/** Reading alone, without training: seconds of one GPU for a document. */
function readingOf(name, gpu, { memory }) {
  const model = shapeOf(MODELS[name]);
  const { operations, bandwidth, memory: bytes } = GPUS[gpu];
  const tokens = tokensOf({
    memory: { ...memory, maxChunks: undefined },
    questionsPerStep: 1,
    groupSize: 1,
    klCoefficient: 0,
  });
  const room = Math.floor((bytes * REACHED.memory - 2 * model.parameters) / (tokens.length * model.cacheBytes));
  const step = (2 * model.parameters + room * tokens.length * model.cacheBytes) / (bandwidth * REACHED.bandwidth);
  const prefill = (tokens.prompt * model.forward(tokens.length / 2)) / (operations * REACHED.products);
  return { tokens, seconds: prefill + (tokens.sampled * step) / room };
}

function plan(name, config, gpu, gpus, full) {
  const model = shapeOf(MODELS[name]);
  const { operations, memory, bandwidth, dollars } = GPUS[gpu];
  const tokens = tokensOf(config);
  const forward = model.forward(tokens.length / 2);
  const products = operations * REACHED.products * gpus;
  const seconds = {
    prefill: (tokens.prompt * forward) / products,
    teacher: (tokens.teacher * model.forward(400)) / products,
    score: (tokens.scored * forward) / products,
    // Backward is twice a forward pass, once where only an adapter learns; activations are computed again.
    train: (tokens.trained * forward * (full ? 4 : 3)) / products,
  };
  // Each GPU samples its share, as much at once as its memory holds caches for; a token takes reading the weights and
  // all caches.
  const room = Math.floor((memory * REACHED.memory - 2 * model.parameters) / (tokens.length * model.cacheBytes));
  const share = Math.ceil(tokens.rollouts / gpus);
  const side = Math.min(share, room);
  const token = (2 * model.parameters + side * tokens.length * model.cacheBytes) / (bandwidth * REACHED.bandwidth);
  seconds.decode = tokens.turns * WRITTEN * token * (share / side);
  const step = Object.values(seconds).reduce((sum, each) => sum + each, OVERHEAD);
  const hours = (step * config.steps) / 3600;
  // bfloat16 weights and gradients, float32 master weights and AdamW's two moments, spread over all; or weights alone,
  // once for each GPU.
  const trainer = full ? (16 * model.parameters) / gpus : 2 * model.parameters;
  const row = tokens.length * (model.activationBytes + 2 * 4 * VOCABULARY);
  const sampler = 2 * model.parameters + side * tokens.length * model.cacheBytes;
  return { tokens, seconds, step, hours, dollars: hours * gpus * dollars, trainer, row, sampler };
}

const table = (head, rows) =>
  [head, head.map((_, at) => (at === 0 ? '---' : '---:')), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
const number = (value, digits = 0) =>
  value.toLocaleString('en-US', { maximumFractionDigits: digits, minimumFractionDigits: digits });
const gigabytes = (bytes) => number(bytes / 1e9, 1);
const millions = (count) => number(count / 1e6, 1);

const preset = (name) =>
  runConfigSchema.parse({ ...findPreset(name).train, model: 'x', data: { kind: 'records', train: 'x' } });
const paper = preset('paper-0.6b');
const large = { ...paper, questionsPerStep: 128 };
const CASES = [
  ['Qwen3-0.6B', paper, 'A100 80GB', 8, true],
  ['Qwen3-0.6B', paper, 'A100 80GB', 1, false],
  ['Qwen3-1.7B', preset('paper-1.7b'), 'A100 80GB', 8, true],
  ['Qwen3-8B', large, 'H100 80GB', 32, true],
  ['Qwen3-8B', paper, 'H100 80GB', 8, false],
  ['Qwen3-14B', large, 'H100 80GB', 64, true],
];
const label = ([name, config, gpu, gpus, full]) =>
  `${name}, ${full ? 'all weights' : 'LoRA'}, ${config.questionsPerStep} x ${config.groupSize}, ${gpus} x ${gpu}`;
const plans = CASES.map((each) => plan(...each));

const { tokens } = plans[0];
const tokensTable = table(
  ['a step of paper-0.6b and paper-1.7b', 'million tokens'],
  [
    [`prompts of ${tokens.rollouts} rollouts, ${tokens.turns} turns each`, millions(tokens.prompt)],
    ['sampled', millions(tokens.sampled)],
    ['teacher', millions(tokens.teacher)],
    ['log-probabilities again, and of the reference', millions(tokens.scored)],
    ['trained', millions(tokens.trained)],
  ],
);
const timeTable = table(
  ['run', 'rollout', 'teacher', 'score', 'train', 'step, s', 'hours', 'dollars'],
  plans.map(({ seconds, step, hours, dollars }, at) => [
    label(CASES[at]),
    number(seconds.prefill + seconds.decode),
    number(seconds.teacher),
    number(seconds.score),
    number(seconds.train),
    number(step),
    number(hours, 1),
    number(dollars),
  ]),
);
const memoryTable = table(
  [
    'GB on each GPU',
    'trainer: weights and optimiser',
    'one row of 6,000 tokens: activations and logits',
    'sampler: weights and caches',
  ],
  plans.map(({ trainer, row, sampler }, at) => [
    label(CASES[at]),
    gigabytes(trainer),
    gigabytes(row),
    gigabytes(sampler),
  ]),
);

const READING = [
  ['Qwen3-0.6B', 'A100 80GB'],
  ['Qwen3-1.7B', 'A100 80GB'],
  ['Qwen3-8B', 'H100 80GB'],
  ['Qwen3-14B', 'H100 80GB'],
];
const readingTable = table(
  ['a million documents', 'billion prompt tokens', 'billion sampled', 'hours of one GPU', 'dollars'],
  READING.map(([name, gpu]) => {
    const { tokens, seconds } = readingOf(name, gpu, paper);
    const hours = (seconds * 1e6) / 3600;
    const spent = hours * GPUS[gpu].dollars;
    return [
      `${name}, ${gpu}`,
      number(tokens.prompt / 1e3, 1),
      number(tokens.sampled / 1e3, 1),
      number(hours),
      number(spent),
    ];
  }),
);

const tables = { tokens: tokensTable, time: timeTable, memory: memoryTable, reading: readingTable };
if (process.argv.includes('--write')) {
  const place = new URL('../docs/scale.md', import.meta.url);
  let page = readFileSync(place, 'utf8');
  for (const [name, text] of Object.entries(tables)) {
    page = page.replace(
      new RegExp(`(<!-- scale:${name} -->\n)[\\s\\S]*?(\n<!-- /scale:${name} -->)`),
      `$1\n${text}\n$2`,
    );
  }
  writeFileSync(place, page);
} else console.log(Object.values(tables).join('\n\n'));
