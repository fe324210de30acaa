/**
 * Times one whole step of TAMTRL (rollouts, teacher scores, update) and the same step in PyTorch and transformers, in
 * turns, on the same model, questions and counts. Usage: --help.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { waitUntilIdle } from './idle.mjs';
import { findPython, PyTorch } from './pytorch.mjs';
import { median } from './report.mjs';
import { openStep, STEP_CASES } from './step-cases.mjs';

const HELP = `npm run bench:step [-- options]

  --case NAME      only this case (${Object.keys(STEP_CASES).join(', ')}); may be repeated
  --rounds N       steps of each side that count, after one that does not (default 5)
  --prompts NAME   order of the prompt's parts on both sides: mini-chunk-first (default) or mini
  --no-sharing     without shared prefixes
  --no-drafts      without the old memory as a draft
  --skip-pytorch   do not look for PyTorch
  --python PATH    a Python with torch and transformers (else $TAMTRL_PYTHON, .venv/bin/python, python3)
                   made with: python3 -m venv .venv && .venv/bin/pip install -r tools/reference/requirements.txt
  --json           print JSON, as the last line, instead of a table
  --help           this text`;

const OPTIONS = {
  case: { type: 'string', multiple: true },
  rounds: { type: 'string', default: '5' },
  prompts: { type: 'string', default: 'mini-chunk-first' },
  'no-sharing': { type: 'boolean', default: false },
  'no-drafts': { type: 'boolean', default: false },
  'skip-pytorch': { type: 'boolean', default: false },
  python: { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
};

function choose({ case: names, rounds, prompts }) {
  const known = Object.keys(STEP_CASES);
  for (const name of names ?? []) {
    if (!known.includes(name)) throw new Error(`There is no case "${name}". Cases: ${known.join(', ')}.`);
  }
  if (!/^[1-9]\d*$/.test(rounds)) throw new Error(`--rounds must be a whole number of at least 1, found "${rounds}".`);
  if (!['mini', 'mini-chunk-first'].includes(prompts)) {
    throw new Error(`--prompts must be mini or mini-chunk-first, found "${prompts}".`);
  }
  return names ?? known;
}

/** Alternates the two sides: seconds of every step and of its phases. */
async function measure(name, values, python) {
  const folder = await mkdtemp(join(tmpdir(), 'tamtrl-step-'));
  const own = await openStep(STEP_CASES[name], {
    folder,
    prompts: values.prompts,
    sharing: !values['no-sharing'],
    drafts: !values['no-drafts'],
  });
  let other;
  let otherRows = null;
  const [seconds, otherSeconds, phases, otherPhases] = [[], [], [], []];
  try {
    if (python) {
      const work = join(folder, 'work.json');
      await writeFile(work, JSON.stringify(own.work));
      const options = ['--work', work, '--threads', `${availableParallelism()}`];
      other = await PyTorch.open(python, 'bench_step.py', options);
    }
    // The first steps compile graphs and make caches.
    await own.step();
    await other?.repeat();
    for (let round = 1; round <= Number(values.rounds); round++) {
      await waitUntilIdle(other?.pid);
      const step = await own.step();
      seconds.push(step.seconds);
      phases.push(step.phases);
      let text = `${name}, round ${round} of ${values.rounds}: ${step.seconds.toFixed(2)} s`;
      if (other) {
        await waitUntilIdle(process.pid);
        const result = await other.repeat();
        otherRows = result.rows;
        otherSeconds.push(result.seconds);
        otherPhases.push(result.phases);
        text += `, PyTorch ${result.seconds.toFixed(2)} s`;
      }
      process.stderr.write(`${text}\n`);
    }
    return {
      case: name,
      what: 'step',
      seconds: median(seconds),
      pytorch_seconds: other ? median(otherSeconds) : null,
      ratio: other ? median(seconds.map((value, round) => otherSeconds[round] / value)) : null,
      phases: medians(phases),
      pytorch_phases: other ? medians(otherPhases) : null,
      rows: own.rows(),
      pytorch_rows: otherRows,
    };
  } finally {
    await other?.stop();
    await own.close();
    await rm(folder, { recursive: true, force: true });
  }
}

function medians(rounds) {
  const names = [...new Set(rounds.flatMap((round) => Object.keys(round)))];
  return Object.fromEntries(names.map((name) => [name, median(rounds.map((round) => round[name] ?? 0))]));
}

function toText(row) {
  const short = (value) => (value === null ? 'n/a' : value.toFixed(2));
  const parts = (phases) =>
    Object.entries(phases ?? {})
      .map(([name, value]) => `${name} ${short(value)}`)
      .join(', ');
  return [
    `${row.case}: ${short(row.seconds)} s a step (${parts(row.phases)}), PyTorch ${short(row.pytorch_seconds)} s ` +
      `(${parts(row.pytorch_phases)}): ${short(row.ratio)} times`,
  ].join('\n');
}

async function main() {
  const { values } = parseArgs({ options: OPTIONS });
  if (values.help) {
    process.stdout.write(`${HELP}\n`);
    return;
  }
  const names = choose(values);
  const python = values['skip-pytorch'] ? undefined : findPython(values.python);
  if (!python && !values['skip-pytorch'])
    process.stderr.write('No Python with torch and transformers: measuring alone.\n');
  const machine = { processor: cpus()[0].model.trim(), threads: availableParallelism(), load_before: loadavg()[0] };
  const rows = [];
  for (const name of names) rows.push(await measure(name, values, python));
  const output = values.json ? JSON.stringify({ machine, rows }) : rows.map(toText).join('\n');
  process.stdout.write(`${output}\n`);
}

await main().catch((error) => {
  process.stderr.write(`bench:step: ${error.message}\n`);
  process.exitCode = 1;
});
