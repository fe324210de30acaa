/**
 * Agents that read less, or side by side, against one that reads chunk after chunk: exact match, and time and tokens of
 * a document read alone. Warms up one small model of each kind on the mini task; on BABILong, the model `babi` learns
 * to merge what parts of a text tell. Usage: --help.
 */
import { spawn } from 'node:child_process';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { table } from './report.mjs';

const HELP = `npm run bench:agents [-- options]

  --task NAME      mini (default), or babilong: qa1, qa4 and qa5, where notes on parts tell those on the whole
  --out FOLDER     for models and evaluations, which are not made again (default runs/bench-agents)
  --steps N        supervised steps of each model (default 1000)
  --chunks LIST    lengths to read, in chunks of three facts or of 64 tokens (default 8,32,128)
  --questions N    of each length, to be right about (default 300)
  --timed N        of each length, read one at a time for seconds and tokens (default 30)
  --help           this text`;

const { values } = parseArgs({
  options: {
    task: { type: 'string', default: 'mini' },
    out: { type: 'string', default: 'runs/bench-agents' },
    steps: { type: 'string', default: '1000' },
    chunks: { type: 'string', default: '8,32,128' },
    questions: { type: 'string', default: '300' },
    timed: { type: 'string', default: '30' },
    help: { type: 'boolean', default: false },
  },
});

const program = fileURLToPath(new URL('../packages/tamtrl/dist/cli/main.js', import.meta.url));

const MINI = {
  preset: 'mini',
  from: 'mini',
  learningRate: 0.002,
  data: '{ kind: mini, chunks: 8, factsPerChunk: 3, queries: 3, seed: 2, trainingSeed: run }',
  memory: 'questionTokens: 5, chunkTokens: 6, memoryTokens: 10, answerTokens: 6',
  records: (chunks, count) => ['mini', '--chunks', chunks, '--facts', '3', '--count', count],
};
/** Texts of 2 to 24 chunks to learn from. Those to read have the tokens of that many chunks, and the prompt's. */
const BABILONG = {
  preset: 'babilong',
  from: 'babi',
  // babi has learned to read already.
  learningRate: 0.0005,
  data: '{ kind: babilong, tasks: [qa1, qa4, qa5], chunks: [2, 24], leastChunkTokens: 20, decoys: 0.2, seed: 2 }',
  memory: 'questionTokens: 16, chunkTokens: 64, memoryTokens: 40, answerTokens: 8, align: sentence',
  records: (chunks, count) => [
    ...['babilong', '--task', 'qa1,qa4,qa5', '--tokenizer', 'babi'],
    ...['--tokens', String(300 + chunks * 60), '--count', String(Math.ceil(count / 3))],
  ],
};
const task = { mini: MINI, babilong: BABILONG }[values.task];

/** Memory settings of each model. Most chunks of a long text change nothing: the gate has to see enough that do. */
const MODELS = {
  sequential: { memory: 'prompts: mini', more: '' },
  gates: { memory: 'prompts: mini-gated', more: 'changingShare: 0.5' },
  parallel: {
    memory: `prompts: ${task === BABILONG ? 'babi' : 'mini'}, parallel: 1`,
    more: task === BABILONG ? 'warmupSteps: 30' : '',
  },
};

/** What is measured: a model, and flags of its reading. The model babi needs no training to read one after another. */
const READINGS_OF_BABI = [
  { name: 'one chunk after another', path: 'babi', flags: [] },
  { name: 'side by side', model: 'parallel', flags: [] },
  { name: 'side by side, not trained to', path: 'babi', flags: ['--parallel', '1'] },
];
const READINGS_OF_MINI = [
  { name: 'one chunk after another', model: 'sequential', flags: [] },
  { name: 'update and exit gates', model: 'gates', flags: [] },
  { name: 'side by side', model: 'parallel', flags: [] },
  { name: 'side by side, merging four', model: 'parallel', flags: ['--merge-width', '4'] },
  { name: 'side by side, not trained to', model: 'sequential', flags: ['--parallel', '1'] },
];

function run(args) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...args, '--json'], { stdio: ['ignore', 'ignore', 'inherit'] });
    child.once('error', reject);
    child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`${args.join(' ')} ended with ${code}`))));
  });
}

const isThere = (path) =>
  stat(path).then(
    () => true,
    () => false,
  );

async function modelOf(name) {
  const folder = join(values.out, name);
  const model = join(folder, 'checkpoints', 'final');
  if (await isThere(model)) return model;
  const { memory, more } = MODELS[name];
  const settings = join(values.out, `${name}.yaml`);
  await writeFile(
    settings,
    `preset: ${task.preset}
seed: 1
data: ${task.data}
memory: { ${task.memory}, ${memory} }
steps: ${values.steps}
cooldownSteps: ${Math.ceil(Number(values.steps) / 3)}
learningRate: ${task.learningRate}
filteredShare: 0
${more}
evaluation: { every: 0, questions: 128 }
checkpointEvery: ${values.steps}
`,
  );
  await run(['sft', '--config', settings, '--model', task.from, '--out', folder]);
  return model;
}

/** The lines of an evaluation. */
async function evaluated(name, model, data, flags, questions, concurrency) {
  const folder = join(values.out, name);
  if (!(await isThere(join(folder, 'summary.json')))) {
    const limits = ['--limit', questions, '--concurrency', concurrency];
    await run(['eval', '--model', model, '--data', data, ...flags, ...limits, '--out', folder]);
  }
  const text = await readFile(join(folder, 'results.jsonl'), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

const mean = (lines, of) => lines.reduce((sum, line) => sum + of(line), 0) / lines.length;

async function main() {
  await mkdir(values.out, { recursive: true });
  const rows = [];
  for (const chunks of values.chunks.split(',')) {
    const data = join(values.out, `${values.task}-${chunks}.jsonl`);
    const made = ['data', 'generate', ...task.records(chunks, values.questions)];
    if (!(await isThere(data))) await run([...made, '--seed', '77', '--out', data]);
    for (const [at, { name, model, path: given, flags }] of readings.entries()) {
      const path = given ?? (await modelOf(model));
      const right = await evaluated(`right-${chunks}-${at}`, path, data, flags, values.questions, '64');
      const alone = await evaluated(`alone-${chunks}-${at}`, path, data, flags, values.timed, '1');
      rows.push([
        chunks,
        name,
        `${(100 * mean(right, (line) => line[line.metric ?? 'exact_match'])).toFixed(1)}`,
        mean(alone, ({ turns }) => turns).toFixed(1),
        mean(alone, (line) => line.prompt_tokens + line.sampled_tokens).toFixed(0),
        mean(alone, ({ seconds }) => seconds * 1000).toFixed(0),
      ]);
    }
  }
  console.log(table(['chunks', 'agent', 'exact match', 'turns', 'tokens', 'ms'], rows));
}

const readings = task === BABILONG ? READINGS_OF_BABI : READINGS_OF_MINI;

if (values.help) console.log(HELP);
else if (!task) throw new Error(`There is no task "${values.task}": name mini or babilong.`);
else await main();
