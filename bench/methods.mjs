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
import { methodsReport } from './methods-report.mjs';

const NAMES = [
  ...['tamtrl', 'memagent', 'tamtrl-no-length-norm', 'tamtrl-no-minmax'],
  ...['tamtrl-gated', 'tamtrl-additive', 'tamtrl-ema-teacher', 'tamtrl-frozen-teacher'],
];

const HELP = `npm run bench:methods -- [options]
  --methods LIST  names as in \`tamtrl train --method\` (default ${NAMES.join(',')})
  --seeds N       seeds 1 to N of each (default 5)
  --steps N       (default 30)
  --jobs N        runs side by side, one thread each (default 2)
  --model DIR     (default: the shipped warm start)
  --out DIR       folder of the runs (default runs/methods)
  --report-only   no new runs: report those that are finished
  --write-docs    also write docs/comparison.md and its figure`;

const { values } = parseArgs({
  options: {
    methods: { type: 'string', default: NAMES.join(',') },
    seeds: { type: 'string', default: '5' },
    steps: { type: 'string', default: '30' },
    jobs: { type: 'string', default: '2' },
    model: { type: 'string', default: fileURLToPath(new URL('../packages/tamtrl/models/mini', import.meta.url)) },
    out: { type: 'string', default: 'runs/methods' },
    run: { type: 'string' },
    'report-only': { type: 'boolean', default: false },
    'write-docs': { type: 'boolean', default: false },
    help: { type: 'boolean' },
  },
});

/** Every run is judged on the same questions, which none is trained on. */
const HELD_OUT_SEED = 2;

if (values.help) console.log(HELP);
else if (values.run) await runOne(JSON.parse(values.run));
else await compare();

/** Child process: one method with one seed, on the preset whose outcome reward is sparse. */
async function runOne({ method, seed, steps, model, folder }) {
  const load = (path) => import(new URL(`../packages/tamtrl/dist/${path}`, import.meta.url));
  const { openLocalPolicy } = await load('policy/local.js');
  const { findRecipe } = await load('run/recipes.js');
  const { miniLong } = await load('run/presets/mini.js');
  const { runConfigSchema } = await load('train/config.js');
  const { RunFolder } = await load('run/folder.js');
  const { openSources } = await load('run/sources.js');
  const { train } = await load('train/reinforce.js');
  const config = runConfigSchema.parse({
    ...miniLong.train,
    ...{ seed, steps, checkpointEvery: steps, savedTrajectories: 0 },
    data: { ...miniLong.train.data, seed: 1000 + seed },
    evaluation: { every: 10, questions: 500, batch: 128 },
    ...findRecipe(method).patch,
  });
  const policy = await openLocalPolicy(model, { engine: { threads: 1 } });
  const options = { needsRelevance: true };
  const { train: questions } = await openSources(config, policy.tokenizer, options);
  const held = { ...config, data: { ...config.data, seed: HELD_OUT_SEED } };
  const { heldOut } = await openSources(held, policy.tokenizer, options);
  for await (const event of train({ config, policy, train: questions, heldOut, store: new RunFolder(folder) })) {
    if (event.type === 'evaluation')
      console.error(`${method} ${seed}: step ${event.metrics.step} ${event.metrics.exact_match}`);
  }
  await policy.close();
  await writeFile(join(folder, 'finished'), '');
}

async function compare() {
  const methods = values.methods.split(',');
  const steps = Number(values.steps);
  const runs = [];
  // Seeds in the outer loop: an interrupted comparison has whole rows.
  for (let seed = 1; seed <= Number(values.seeds); seed++) {
    for (const method of methods)
      runs.push({ method, seed, steps, model: values.model, folder: join(values.out, `${method}-${steps}-${seed}`) });
  }
  const finished = ({ folder }) => existsSync(join(folder, 'finished'));
  const waiting = values['report-only'] ? [] : runs.filter((run) => !finished(run));
  const started = Date.now();
  let done = 0;
  const worker = async () => {
    for (let run = waiting.shift(); run; run = waiting.shift()) {
      await rm(run.folder, { recursive: true, force: true });
      await mkdir(run.folder, { recursive: true });
      await child(run);
      done++;
      const left = ((Date.now() - started) / done) * waiting.length;
      console.error(`${run.method} ${run.seed} finished; about ${Math.ceil(left / 60_000)} min left`);
    }
  };
  await Promise.all(Array.from({ length: Number(values.jobs) }, worker));
  const { readMetricsLines } = await import(new URL('../packages/tamtrl/dist/run/metrics-file.js', import.meta.url));
  const read = async (run) => {
    const lines = await readMetricsLines(join(run.folder, 'metrics.jsonl'));
    const evaluations = lines.filter(({ kind }) => kind === 'evaluation');
    const trained = lines.filter(({ kind }) => kind === 'step');
    const sum = (of) => trained.reduce((total, line) => total + of(line), 0);
    return {
      ...{ method: run.method, seed: run.seed },
      evaluations: evaluations.map(({ step, exact_match }) => ({ step, exact_match })),
      training: trained.map(({ exact_match }) => exact_match),
      seconds: sum((line) => Object.values(line.seconds).reduce((a, b) => a + b, 0)),
      tokens: sum(({ tokens }) => tokens.prompt + tokens.sampled + tokens.scored + tokens.trained),
      memoryTokens: trained.at(-1).memory_tokens,
    };
  };
  const summary = { steps, seeds: Number(values.seeds), runs: await Promise.all(runs.filter(finished).map(read)) };
  await writeFile(join(values.out, 'summary.json'), `${JSON.stringify(summary)}\n`);
  const { plotLines } = await import(new URL('../packages/tamtrl/dist/report/plot/plot-lines.js', import.meta.url));
  const report = methodsReport(summary, plotLines);
  console.log(report.table);
  if (!values['write-docs']) return;
  const docs = new URL('../docs/', import.meta.url);
  const page = await readFile(new URL('comparison.md', docs), 'utf8');
  const [begin, end] = ['<!-- bench:methods -->', '<!-- /bench:methods -->'];
  const [before, after] = [page.slice(0, page.indexOf(begin)), page.slice(page.indexOf(end))];
  await writeFile(new URL('comparison.md', docs), `${before}${begin}\n${report.table}\n${after}`);
  await writeFile(new URL('comparison.svg', docs), report.figure);
}

function child(run) {
  const arguments_ = [fileURLToPath(import.meta.url), '--run', JSON.stringify(run)];
  return new Promise((resolve, reject) => {
    const process_ = spawn(process.execPath, arguments_, { stdio: ['ignore', 'inherit', 'inherit'] });
    process_.once('error', reject);
    process_.once('exit', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${run.method} with seed ${run.seed} ended with code ${code}.`));
    });
  });
}
