/** Where the processor time of a step of TAMTRL goes: by verb, graph and operator, on one thread. Usage: --help. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { BroadcastChannel } from 'node:worker_threads';
import { processorTime } from './profile-engine.mjs';
import { median } from './report.mjs';
import { openStep, STEP_CASES } from './step-cases.mjs';

const HELP = `npm run bench:profile [-- options]

  --case NAME      only this case (${Object.keys(STEP_CASES).join(', ')}); may be repeated
  --rounds N       steps that count, after one that does not (default 5)
  --prompts NAME   order of the prompt's parts: mini-chunk-first (default) or mini
  --operators      also the runtime's operators in each graph (the first step included); makes small ones slower
  --json           print JSON, as the last line, instead of tables
  --help           this text

Milliseconds of processor time of one thread for one step, medians. A verb's own time is that of JavaScript between
runs, copies of inputs and outputs excluded, garbage collection included.`;

const OPTIONS = {
  case: { type: 'string', multiple: true, default: ['mini', '1m-512'] },
  rounds: { type: 'string', default: '5' },
  prompts: { type: 'string', default: 'mini-chunk-first' },
  operators: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
};

function ask(channel, question) {
  return new Promise((resolve) => {
    channel.onmessage = ({ data }) => question in data && resolve(data[question]);
    channel.postMessage(question);
  });
}

async function measure(name, { rounds, prompts, operators }) {
  const folder = await mkdtemp(join(tmpdir(), 'tamtrl-profile-'));
  if (operators) {
    process.env.TAMTRL_PROFILE_OPERATORS = join(folder, 'operators');
    await mkdir(process.env.TAMTRL_PROFILE_OPERATORS);
  }
  const channel = new BroadcastChannel('tamtrl profile');
  const own = await openStep(STEP_CASES[name], { folder, prompts, sharing: true, drafts: true });
  try {
    await own.step();
    const steps = [];
    for (let round = 0; round < Number(rounds); round++) {
      channel.postMessage('start');
      const started = processorTime();
      await own.step();
      const total = processorTime() - started;
      const verbs = await ask(channel, 'verbs');
      const inVerbs = Object.values(verbs).reduce((sum, { time }) => sum + time, 0);
      steps.push({ total, trainer: total - inVerbs, verbs });
    }
    return { case: name, step: middle(steps), operators: operators ? await ask(channel, 'operators') : undefined };
  } finally {
    channel.close();
    await own.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** The same structure, with the median of every number. */
function middle(values) {
  const [first] = values;
  if (typeof first === 'number') return median(values);
  if (typeof first !== 'object') return first;
  const keys = new Set(values.flatMap((value) => Object.keys(value)));
  const of = (key) => middle(values.filter((value) => key in value).map((value) => value[key]));
  return Object.fromEntries([...keys].map((key) => [key, of(key)]));
}

const short = (value) => value.toFixed(1).padStart(9);

function toText({ case: name, step, operators }) {
  const lines = [`${name}: ${step.total.toFixed(0)} ms a step`, `${short(step.trainer)}  trainer and messages`];
  for (const [verb, { calls, time, collecting, compiling, runs }] of Object.entries(step.verbs)) {
    const inRuns = Object.values(runs).reduce((sum, run) => sum + run.time, 0);
    lines.push(`${short(time)}  ${verb} (${calls} calls)`);
    for (const [graph, run] of Object.entries(runs)) lines.push(`${short(run.time)}    ${graph} (${run.count} runs)`);
    if (compiling > 0) lines.push(`${short(compiling)}    compiling`);
    lines.push(`${short(time - inRuns - compiling)}    between runs; garbage collection ${collecting.toFixed(1)}`);
  }
  for (const [graph, { runs, total, operators: kinds }] of Object.entries(operators ?? {})) {
    lines.push(`${graph}: ${runs} runs, ${total.toFixed(0)} ms in the runtime`);
    const order = Object.entries(kinds).sort(([, a], [, b]) => b.time - a.time);
    for (const [kind, { time, count }] of order.slice(0, 14)) lines.push(`${short(time)}    ${kind} (${count})`);
    const inKernels = order.reduce((sum, [, { time }]) => sum + time, 0);
    lines.push(`${short(total - inKernels)}    between operators`);
  }
  return lines.join('\n');
}

async function main() {
  const { values } = parseArgs({ options: OPTIONS });
  if (values.help) {
    process.stdout.write(`${HELP}\n`);
    return;
  }
  process.env.TAMTRL_THREADS ??= '1';
  const rows = [];
  for (const name of values.case) {
    if (!STEP_CASES[name]) throw new Error(`There is no case "${name}". Cases: ${Object.keys(STEP_CASES).join(', ')}.`);
    rows.push(await measure(name, values));
  }
  const machine = { processor: cpus()[0].model.trim(), threads: process.env.TAMTRL_THREADS };
  process.stdout.write(`${values.json ? JSON.stringify({ machine, rows }) : rows.map(toText).join('\n\n')}\n`);
}

await main().catch((error) => {
  process.stderr.write(`bench:profile: ${error.message}\n`);
  process.exitCode = 1;
});
