/** The runtime looks at the option once in a process, so these threads have a process of their own. */
import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';

const runtime = new URL('../../dist/runtime/onnx.js', import.meta.url).href;

/** A main thread, a thread of it, and a thread of that one: which of them take the smallest numbers for zero? */
const program = `
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
const isZero = () => Number.MIN_VALUE * process.argv.length === 0;
const start = (data) => new Promise((resolve, reject) => {
  const worker = new Worker(new URL(import.meta.url), { workerData: data });
  worker.once('message', resolve).once('error', reject);
});
if (isMainThread) {
  const threads = await start('first');
  console.log(JSON.stringify({ main: isZero(), ...threads }));
} else if (workerData === 'first') {
  const { treatDenormalsAsZero } = await import(${JSON.stringify(runtime)});
  await treatDenormalsAsZero();
  parentPort.postMessage({ first: isZero(), started: await start('started') });
} else parentPort.postMessage(isZero());
`;

it.runIf(process.platform === 'linux' && process.arch === 'x64')(
  'takes the smallest numbers for zero in the threads that compute, and in no other',
  () => {
    const url = `data:text/javascript,${encodeURIComponent(program)}`;
    const output = execFileSync(process.execPath, [
      '--input-type=module',
      '-e',
      `await import(${JSON.stringify(url)})`,
    ]);
    expect(JSON.parse(output.toString())).toEqual({ main: false, first: true, started: true });
  },
);
