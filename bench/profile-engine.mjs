/**
 * Preloaded into the threads of bench/profile.mjs: in the engine's thread, counts the processor time of its verbs, of
 * the graphs that they run and, on request, of the runtime's operators.
 */
import { readdir, readFile, unlink } from 'node:fs/promises';
import { PerformanceObserver } from 'node:perf_hooks';
import { BroadcastChannel, isMainThread, workerData } from 'node:worker_threads';

const VERBS = ['generate', 'score', 'forwardBackward', 'optimStep', 'snapshot', 'blendSnapshot'];

/** Milliseconds that all threads of the process have computed. */
export function processorTime() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

if (!isMainThread && workerData?.source) await watch();

async function watch() {
  const ort = (await import('onnxruntime-node')).default;
  const { CompiledGraph } = await import('../packages/engine/dist/runtime/onnx.js');
  const { EngineCore } = await import('../packages/engine/dist/core.js');
  const operatorsOf = process.env.TAMTRL_PROFILE_OPERATORS;
  const files = [];
  let verb = 'other';
  let verbs = {};
  const current = () => {
    verbs[verb] ??= { calls: 0, time: 0, collecting: 0, compiling: 0, runs: {} };
    return verbs[verb];
  };

  const create = ort.InferenceSession.create;
  ort.InferenceSession.create = async (bytes, options) => {
    const { name } = current();
    const profile = operatorsOf && { enableProfiling: true, profileFilePrefix: `${operatorsOf}/${files.length}` };
    const session = await create.call(ort.InferenceSession, bytes, { ...options, ...profile });
    if (!operatorsOf) return session;
    const profiled = { name, end: () => session.endProfiling() };
    files.push(profiled);
    const release = session.release.bind(session);
    session.release = () => {
      profiled.end();
      profiled.end = () => {};
      return release();
    };
    return session;
  };
  const compile = CompiledGraph.compile;
  CompiledGraph.compile = async (graph, options) => {
    const started = processorTime();
    current().name = graph.name;
    const compiled = await compile.call(CompiledGraph, graph, options);
    current().compiling += processorTime() - started;
    return compiled;
  };
  const run = CompiledGraph.prototype.run;
  CompiledGraph.prototype.run = async function (...args) {
    const started = processorTime();
    const outputs = await run.apply(this, args);
    current().runs[this.name] ??= { count: 0, time: 0 };
    const sums = current().runs[this.name];
    sums.count++;
    sums.time += processorTime() - started;
    return outputs;
  };
  for (const name of VERBS) {
    const call = EngineCore.prototype[name];
    EngineCore.prototype[name] = async function (...args) {
      verb = name;
      const started = processorTime();
      const result = await call.apply(this, args);
      current().time += processorTime() - started;
      current().calls++;
      return result;
    };
  }
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) current().collecting += duration;
  }).observe({ entryTypes: ['gc'] });

  const channel = new BroadcastChannel('tamtrl profile');
  channel.onmessage = async ({ data }) => {
    if (data === 'start') verbs = {};
    if (data === 'verbs') channel.postMessage({ verbs });
    if (data === 'operators') channel.postMessage({ operators: await operators(files, operatorsOf) });
  };
  channel.unref();
}

/** Milliseconds of each operator, by graph, over the whole life of the sessions. */
async function operators(sessions, folder) {
  const graphs = {};
  for (const { end } of sessions) end();
  for (const file of await readdir(folder)) {
    const { name } = sessions[Number.parseInt(file, 10)];
    const events = JSON.parse(await readFile(`${folder}/${file}`, 'utf8'));
    await unlink(`${folder}/${file}`);
    graphs[name] ??= { runs: 0, total: 0, operators: {} };
    for (const { cat, name: event, dur, args } of events) {
      if (event === 'model_run') {
        graphs[name].runs++;
        graphs[name].total += dur / 1000;
      } else if (cat === 'Node' && event.endsWith('_kernel_time')) {
        graphs[name].operators[args.op_name] ??= { count: 0, time: 0 };
        const sums = graphs[name].operators[args.op_name];
        sums.count++;
        sums.time += dur / 1000;
      }
    }
  }
  return graphs;
}
