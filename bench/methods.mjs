/**
 * Methods against each other on the mini task, several seeds each, at equal steps: held-out exact match with 95% intervals and paired
 * differences. Runs that are finished are kept, so an interrupted comparison goes on where it was. Usage: --help.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { VARIANTS } from './variants.mjs';

const HELP = `node bench/methods.mjs [options]
  --variants LIST   ${Object.keys(VARIANTS).join(',')}
  --seeds N         seeds 1 to N of each (default 5)
  --steps N         (default 30)
  --jobs N          runs side by side, one thread each (default 2)
  --out DIR         folder of the runs and of summary.json (default runs/methods)`;

const { values } = parseArgs({
  options: {
    variants: { type: 'string', default: Object.keys(VARIANTS).join(',') },
    seeds: { type: 'string', default: '5' },
    steps: { type: 'string', default: '30' },
    jobs: { type: 'string', default: '2' },
    model: { type: 'string', default: fileURLToPath(new URL('../packages/tamtrl/models/mini', import.meta.url)) },
    out: { type: 'string', default: 'runs/methods' },
    run: { type: 'string' },
    help: { type: 'boolean' },
  },
});

/** Long enough that outcome reward is sparse at the start: eight updates, of which each can lose a fact. */
const TASK = { kind: 'mini', chunks: 8, factsPerChunk: 3, queries: 3 };
const MEMORY = { questionTokens: 5, chunkTokens: 6, memoryTokens: 10, answerTokens: 6, prompts: 'mini' };
/** Every run is judged on the same questions, which none is trained on. */
const HELD_OUT_SEED = 2;

if (values.help) console.log(HELP);
else if (values.run) await runOne(JSON.parse(values.run));
else await compare();

/** Child process: one variant with one seed. */
async function runOne({ variant, seed, steps, model, folder }) {
  const load = (path) => import(new URL(`../packages/tamtrl/dist/${path}`, import.meta.url));
  const { openLocalPolicy } = await load('policy/local.js');
  const { runConfigSchema } = await load('train/config.js');
  const { openSources } = await load('train/sources.js');
  const { train } = await load('train/trainer.js');
  const config = runConfigSchema.parse({
    ...{ seed, steps, memory: MEMORY, learningRate: 5e-4, groupSize: 8, questionsPerStep: 32 },
    data: { ...TASK, seed: 1000 + seed },
    evaluation: { every: 10, questions: 500, batch: 128 },
    checkpointEvery: steps,
    savedTrajectories: 0,
    ...VARIANTS[variant].config,
  });
  const policy = await openLocalPolicy(model, { engine: { threads: 1 } });
  const options = { needsRelevance: true };
  const { train: questions } = await openSources(config, policy.tokenizer, options);
  const held = { ...config, data: { ...config.data, seed: HELD_OUT_SEED } };
  const { heldOut } = await openSources(held, policy.tokenizer, options);
  for await (const event of train({ config, policy, train: questions, heldOut, folder })) {
    if (event.type === 'evaluation')
      console.error(`${variant} ${seed}: step ${event.metrics.step} ${event.metrics.exactMatch}`);
  }
  await policy.close();
  await writeFile(join(folder, 'finished'), '');
}

async function compare() {
  const variants = values.variants.split(',');
  const unknown = variants.find((variant) => !VARIANTS[variant]);
  if (unknown) throw new Error(`There is no variant ${unknown}. ${HELP}`);
  const steps = Number(values.steps);
  const runs = [];
  // Seeds in the outer loop: an interrupted comparison has whole rows.
  for (let seed = 1; seed <= Number(values.seeds); seed++) {
    for (const variant of variants)
      runs.push({ variant, seed, steps, model: values.model, folder: join(values.out, `${variant}-${steps}-${seed}`) });
  }
  const waiting = runs.filter(({ folder }) => !existsSync(join(folder, 'finished')));
  const started = Date.now();
  let done = 0;
  const worker = async () => {
    for (let run = waiting.shift(); run; run = waiting.shift()) {
      await rm(run.folder, { recursive: true, force: true });
      await mkdir(run.folder, { recursive: true });
      await child(run);
      done++;
      const left = ((Date.now() - started) / done) * waiting.length;
      console.error(`${run.variant} ${run.seed} finished; about ${Math.ceil(left / 60_000)} min left`);
    }
  };
  await Promise.all(Array.from({ length: Number(values.jobs) }, worker));
  const read = async (run) => {
    const lines = (await readFile(join(run.folder, 'metrics.jsonl'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const evaluations = lines.filter(({ kind }) => kind === 'evaluation');
    const trained = lines.filter(({ kind }) => kind === 'step');
    const sum = (of) => trained.reduce((total, line) => total + of(line), 0);
    return {
      ...{ variant: run.variant, seed: run.seed },
      evaluations: evaluations.map(({ step, exactMatch }) => ({ step, exactMatch })),
      training: trained.map(({ exactMatch }) => exactMatch),
      seconds: sum((line) => Object.values(line.seconds).reduce((a, b) => a + b, 0)),
      tokens: sum(({ tokens }) => tokens.prompt + tokens.sampled + tokens.scored + tokens.trained),
      memoryTokens: trained.at(-1).memoryTokens,
    };
  };
  const summary = { task: TASK, steps, runs: await Promise.all(runs.map(read)) };
  await writeFile(join(values.out, 'summary.json'), `${JSON.stringify(summary)}\n`);
  for (const variant of variants) {
    const finals = summary.runs
      .filter((run) => run.variant === variant)
      .map(({ evaluations }) => evaluations.at(-1).exactMatch);
    console.log(variant, finals.map((value) => value.toFixed(3)).join(' '));
  }
}

function child(run) {
  const arguments_ = [fileURLToPath(import.meta.url), '--run', JSON.stringify(run)];
  return new Promise((resolve, reject) => {
    const process_ = spawn(process.execPath, arguments_, { stdio: ['ignore', 'inherit', 'inherit'] });
    process_.once('error', reject);
    process_.once('exit', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${run.variant} with seed ${run.seed} ended with code ${code}.`));
    });
  });
}
