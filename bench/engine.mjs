/**
 * Times training, scoring and generation with the engine and with PyTorch on the same machine, in turns. Usage: --help.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { createEngine } from '../packages/engine/dist/index.js';
import { floatingPointOperations, loadCases, makeRun, WHATS, workTokens } from './cases.mjs';
import { waitUntilIdle } from './idle.mjs';
import { Progress } from './progress.mjs';
import { findPython, PyTorch } from './pytorch.mjs';
import { median, toMarkdown, writeDocs } from './report.mjs';
import { measureSgemm } from './sgemm.mjs';

const HELP = `npm run bench:engine [-- options]

  --case NAME      only this case (mini, mini-1m, smollm2-135m, qwen3-0.6b); may be repeated
  --what WHAT      only train, score or generate; may be repeated
  --all            also cases that are left out by default (qwen3-0.6b: one step, about 12 GB)
  --rounds N       repetitions of each side (default 5)
  --skip-pytorch   do not look for PyTorch
  --python PATH    a Python with torch and transformers (else $TAMTRL_PYTHON, .venv/bin/python, python3)
                   made with: python3 -m venv .venv && .venv/bin/pip install -r tools/reference/requirements.txt
  --json           print JSON, as the last line, instead of a table
  --write-docs     also put the table into docs/engine.md
  --help           this text`;

const OPTIONS = {
  case: { type: 'string', multiple: true },
  what: { type: 'string', multiple: true },
  all: { type: 'boolean', default: false },
  rounds: { type: 'string' },
  'skip-pytorch': { type: 'boolean', default: false },
  python: { type: 'string' },
  json: { type: 'boolean', default: false },
  'write-docs': { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
};

/** Load average above which a measurement says little. */
const BUSY = 0.7;

/** Repeats the work until a second has passed: the first few runs of a small model are slow. */
async function warmUp(run) {
  const start = performance.now();
  do await run();
  while (performance.now() - start < 1000);
}

async function timed(run) {
  const start = performance.now();
  await run();
  return (performance.now() - start) / 1000;
}

/** The chosen cases and whats, one job each. */
function plan({ case: names, what: whats, all, rounds }, python) {
  const cases = loadCases();
  const known = cases.map(({ name }) => name);
  for (const name of names ?? []) {
    if (!known.includes(name)) throw new Error(`There is no case "${name}". Cases: ${known.join(', ')}.`);
  }
  for (const what of whats ?? []) {
    if (!WHATS.includes(what)) throw new Error(`--what must be one of ${WHATS.join(', ')}; found "${what}".`);
  }
  if (rounds !== undefined && !/^[1-9]\d*$/.test(rounds)) {
    throw new Error(`--rounds must be a whole number of at least 1, found "${rounds}".`);
  }
  const chosen = cases.filter(({ name, byDefault }) => (names ? names.includes(name) : byDefault || all));
  const jobs = chosen.flatMap((definition) =>
    definition.whats
      .filter((what) => !whats || whats.includes(what))
      .map((what) => ({
        definition,
        what,
        shape: definition[what],
        warmUp: definition.warmUp,
        rounds: rounds === undefined ? definition.rounds : Number(rounds),
        flops: floatingPointOperations(definition.config, definition[what], what),
        sides: python && definition.pytorch ? 2 : 1,
      })),
  );
  if (jobs.length === 0) throw new Error('Nothing to measure: none of these cases has that kind of work.');
  return jobs;
}

/** Alternates the two sides of a job; seconds of each repetition. */
async function measure(job, engine, python, progress) {
  const { definition, what, shape, rounds } = job;
  const label = `${definition.name} ${what}`;
  const run = makeRun(engine, shape, what);
  if (job.warmUp) await warmUp(run);
  const other =
    job.sides === 2
      ? await PyTorch.start(python, { name: definition.name, what, threads: availableParallelism() })
      : undefined;
  progress.started();
  const seconds = [];
  const otherSeconds = [];
  const idle = async (pid) => {
    if (!(await waitUntilIdle(pid))) process.stderr.write(`${label}: the other side does not come to rest\n`);
  };
  try {
    for (let round = 1; round <= rounds; round++) {
      const start = performance.now();
      await idle(other?.pid);
      seconds.push(await timed(run));
      let text = `${label}, round ${round} of ${rounds}: ${seconds.at(-1).toFixed(3)} s`;
      if (other) {
        await idle(process.pid);
        otherSeconds.push((await other.repeat()).seconds);
        text += `, PyTorch ${otherSeconds.at(-1).toFixed(3)} s`;
      }
      progress.round((performance.now() - start) / 1000, text);
    }
  } finally {
    await other?.stop();
  }
  return { seconds, otherSeconds: other ? otherSeconds : null, versions: other?.ready };
}

function rowOf({ definition, what, shape, flops }, { seconds, otherSeconds }, sgemmRate) {
  const tokens = workTokens(shape, what);
  return {
    case: definition.name,
    what,
    tokens_per_second: tokens / median(seconds),
    pytorch_tokens_per_second: otherSeconds && tokens / median(otherSeconds),
    ratio: otherSeconds && median(seconds.map((own, round) => otherSeconds[round] / own)),
    sgemm_share: flops / median(seconds) / sgemmRate,
  };
}

/** The largest memory that this process has held, in 10^9 bytes. */
function peakResident() {
  return (process.resourceUsage().maxRSS * 1024) / 1e9;
}

function onnxRuntimeVersion() {
  const file = new URL('../node_modules/onnxruntime-node/package.json', import.meta.url);
  return JSON.parse(readFileSync(file, 'utf8')).version;
}

async function main() {
  const { values } = parseArgs({ options: OPTIONS });
  if (values.help) {
    process.stdout.write(`${HELP}\n`);
    return;
  }
  const python = values['skip-pytorch'] ? undefined : findPython(values.python);
  const jobs = plan(values, python);
  if (!python && !values['skip-pytorch'])
    process.stderr.write('No Python with torch and transformers: one side only.\n');

  const [load] = loadavg();
  if (load > BUSY) {
    process.stderr.write(
      `Other programs are at work (load ${load.toFixed(1)}). Both sides suffer, but not alike: repeat this on an idle machine.\n`,
    );
  }
  let sgemmRate = await measureSgemm();
  const progress = new Progress(jobs, sgemmRate);
  const results = [];
  let engine;
  let opened;
  for (const [index, job] of jobs.entries()) {
    const { definition, what } = job;
    progress.begin(index, `${definition.name} ${what}: preparing`);
    if (opened !== definition) {
      await engine?.close();
      engine = await createEngine({ model: { config: definition.config, seed: 0 } });
      opened = definition;
    }
    results.push({ ...(await measure(job, engine, python, progress)), peakResident: peakResident() });
  }
  await engine?.close();
  // The machine's best counts, whenever it was.
  sgemmRate = Math.max(sgemmRate, await measureSgemm());

  const torch = results.find(({ versions }) => versions)?.versions;
  const report = {
    rows: jobs.map((job, index) => rowOf(job, results[index], sgemmRate)),
    runs: jobs.map(({ definition, what, rounds }, index) => ({
      case: definition.name,
      what,
      rounds,
      cold: !definition.warmUp,
      seconds: results[index].seconds,
      pytorch_seconds: results[index].otherSeconds,
      peak_resident_gb: results[index].peakResident,
    })),
    machine: {
      processor: cpus()[0]?.model.trim() ?? 'unknown processor',
      threads: availableParallelism(),
      memory_gb: totalmem() / 1e9,
      platform: `${process.platform} ${process.arch}`,
      load_before: load,
      sgemm_gflops: sgemmRate / 1e9,
    },
    versions: {
      Node: process.versions.node,
      'onnxruntime-node': onnxRuntimeVersion(),
      PyTorch: torch?.torch ?? null,
      transformers: torch?.transformers ?? null,
    },
    date: new Date().toISOString().slice(0, 10),
  };
  const markdown = toMarkdown({ ...report, command: shownCommand() });
  if (values['write-docs']) writeDocs(markdown);
  process.stdout.write(`${values.json ? JSON.stringify(report) : markdown}\n`);
}

/** The command line as it can be repeated elsewhere: without paths of this machine and kinds of output. */
function shownCommand() {
  const given = process.argv.slice(2);
  const shown = given.filter(
    (word, at) => !/^--(python(=.*)?|write-docs|json)$/.test(word) && given[at - 1] !== '--python',
  );
  return ['npm run bench:engine', ...(shown.length > 0 ? ['--', ...shown] : [])].join(' ');
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
