/**
 * Measures what one training step holds in memory, and how long it takes, with all weights and with an adapter. Each
 * measurement has its own process, because a process keeps its peak. Usage: --help.
 */
import { spawnSync } from 'node:child_process';
import { cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createEngine } from '../packages/engine/dist/index.js';
import { loadCases, makeRun } from './cases.mjs';
import { table } from './report.mjs';

const HELP = `npm run bench:adapter [-- options]

  --case NAME    only this case (mini, mini-1m, smollm2-135m, qwen3-0.6b); may be repeated; default smollm2-135m
  --rank N       rank of the adapter (default 8)
  --tokens N     length of the sequence, the last quarter of which has a loss (default 512)
  --steps N      training steps after the first, which also compiles (default 1)
  --json         print JSON instead of a table
  --help         this text

Each step is what a run with a KL penalty does for one sequence: log-probabilities under the weights at the start, forward,
backward, AdamW. Weights are random; tokens do not change what a step costs.`;

const OPTIONS = {
  case: { type: 'string', multiple: true, default: ['smollm2-135m'] },
  rank: { type: 'string', default: '8' },
  tokens: { type: 'string', default: '512' },
  steps: { type: 'string', default: '1' },
  json: { type: 'boolean', default: false },
  /** One measurement: "full" or "adapter". */
  child: { type: 'string' },
  help: { type: 'boolean', default: false },
};

const TRAINED = ['full', 'adapter'];

const peak = () => (process.resourceUsage().maxRSS * 1024) / 1e9;

async function measure({ config }, trained, { rank, tokens, steps }) {
  const adapter = trained === 'adapter' ? { rank } : undefined;
  const engine = await createEngine({ model: { config, seed: 0 }, adapter });
  const opened = peak();
  await engine.snapshot('start');
  const shape = { batch: 1, length: tokens, 'loss-tokens': tokens / 4 };
  const [score, train] = [makeRun(engine, shape, 'score', { weights: 'start' }), makeRun(engine, shape, 'train')];
  const seconds = [];
  for (let step = 0; step <= steps; step++) {
    const start = performance.now();
    await score();
    await train();
    seconds.push((performance.now() - start) / 1000);
  }
  const { parameters, trainedParameters } = engine;
  await engine.close();
  return { trained, parameters, trainedParameters, opened_gb: opened, peak_gb: peak(), seconds };
}

/** The same in a separate process. */
function measureApart(name, trained, values) {
  const given = ['rank', 'tokens', 'steps'].flatMap((option) => [`--${option}`, values[option]]);
  const file = fileURLToPath(import.meta.url);
  const child = spawnSync(process.execPath, [file, '--case', name, '--child', trained, ...given], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (child.status !== 0)
    throw new Error(`${name}, ${trained}: the process ended with ${child.signal ?? child.status}.`);
  return { case: name, ...JSON.parse(child.stdout) };
}

function toMarkdown(rows, { rank, tokens }) {
  const number = (value, digits) => value.toLocaleString('en-US', { maximumFractionDigits: digits });
  const cells = rows.map((row) => [
    row.case,
    row.trained === 'full' ? 'all weights' : `adapter, rank ${rank}`,
    number(row.trainedParameters, 0),
    number(row.opened_gb, 2),
    number(row.peak_gb, 2),
    number(Math.min(...row.seconds.slice(1)), 2),
  ]);
  const header = ['case', 'trained', 'parameters trained', 'open, GB', 'peak, GB', 's/step'];
  return `${cpus()[0]?.model.trim()}, ${number(totalmem() / 1e9, 1)} GB; one sequence of ${tokens} tokens a step.\n\n${table(header, cells)}`;
}

async function main() {
  const { values } = parseArgs({ options: OPTIONS });
  if (values.help) {
    process.stdout.write(`${HELP}\n`);
    return;
  }
  const cases = loadCases();
  for (const option of ['rank', 'tokens', 'steps']) {
    if (!/^[1-9]\d*$/.test(values[option])) {
      throw new Error(`--${option} must be a whole number of at least 1, found "${values[option]}".`);
    }
  }
  const numbers = { rank: Number(values.rank), tokens: Number(values.tokens), steps: Number(values.steps) };
  const chosen = values.case.map((name) => {
    const found = cases.find((definition) => definition.name === name);
    if (!found) throw new Error(`There is no case "${name}". Cases: ${cases.map((each) => each.name).join(', ')}.`);
    return found;
  });
  if (values.child) {
    process.stdout.write(JSON.stringify(await measure(chosen[0], values.child, numbers)));
    return;
  }
  const rows = chosen.flatMap(({ name }) => TRAINED.map((trained) => measureApart(name, trained, values)));
  process.stdout.write(`${values.json ? JSON.stringify({ rows }) : toMarkdown(rows, numbers)}\n`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
