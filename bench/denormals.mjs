/**
 * Processor time of the mini model's calls on two engines of one process, in turns: the threads of the first take
 * numbers below 1e-38 for zero, those of the second do not. Usage: node bench/denormals.mjs [threads] [rounds]
 */
import { createEngine } from '../packages/engine/dist/index.js';
import { EMBEDDED_MINI } from '../packages/tamtrl/dist/models/embedded.js';
import { loadCases, makeRun, WHATS } from './cases.mjs';
import { processorTime } from './profile-engine.mjs';
import { median } from './report.mjs';

const [threads = 2, rounds = 9] = process.argv.slice(2).map(Number);
const mini = loadCases().find(({ name }) => name === 'mini');
const engines = [];
for (const _ of ['first', 'second']) {
  const engine = await createEngine({ model: EMBEDDED_MINI, threads });
  // The runtime's option acts on the thread that makes the first session.
  await engine.score([{ promptIds: [1], completionIds: [2] }]);
  engines.push(engine);
}
for (const what of WHATS) {
  const runs = engines.map((engine) => makeRun(engine, mini[what], what));
  for (const run of runs) for (let warmUp = 0; warmUp < 3; warmUp++) await run();
  const times = engines.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, run] of runs.entries()) {
      const started = processorTime();
      await run();
      times[index].push(processorTime() - started);
    }
  }
  const [zero, kept] = times.map((list) => median(list).toFixed(1));
  process.stdout.write(`${what}, ${threads} threads: ${zero} ms with denormals as zero, ${kept} ms without\n`);
}
for (const engine of engines) await engine.close();
