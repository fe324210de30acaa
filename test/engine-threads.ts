/**
 * Set-up of the fast tests: engines that are opened one after another in one process share a thread. Each still runs
 * the engine's own `worker/main.js`, but what that imports is loaded and compiled once, which halves the time of files
 * that open a tiny model for each test. Child processes, and the tests of the thread itself, start real threads.
 */
import { EventEmitter } from 'node:events';
import { syncBuiltinESMExports } from 'node:module';
import threads, { type MessagePort, type Worker, type WorkerOptions } from 'node:worker_threads';
import { expect } from 'vitest';

/**
 * What a shared thread runs: for each engine it loads the module anew, by an address of its own, with the port and the
 * data of that engine in the place of the thread's.
 */
const SHARED = `
  const threads = require('node:worker_threads');
  const { syncBuiltinESMExports } = require('node:module');
  const { parentPort } = threads;
  let count = 0;
  parentPort.on('message', async ({ url, port, workerData }) => {
    Object.assign(threads, { parentPort: port, workerData });
    syncBuiltinESMExports();
    await import(url + '?' + ++count);
  });`;

const Real = threads.Worker;
const idle: Worker[] = [];

/** The part of a Worker that the engine's client uses. */
class SharedThread extends EventEmitter {
  readonly #thread: Worker;
  readonly #port: MessagePort;
  #used = true;

  constructor(url: URL, { workerData }: WorkerOptions) {
    super();
    const { port1, port2 } = new threads.MessageChannel();
    this.#port = port1;
    this.#thread = idle.pop() ?? new Real(SHARED, { eval: true, name: 'tamtrl engines' });
    this.#thread.on('error', this.#failed);
    this.#thread.postMessage({ url: url.href, port: port2, workerData }, [port2]);
    let opened = false;
    port1.on('message', (reply: { type: string }) => {
      this.emit('message', reply);
      // A thread whose model cannot be opened has nothing more to do, and ends.
      if (!opened && reply.type === 'error') void this.terminate().then(() => this.emit('exit', 0));
      opened = true;
    });
  }

  readonly #failed = (error: Error) => {
    this.#used = false;
    this.emit('error', error);
  };

  postMessage(message: unknown): void {
    this.#port.postMessage(message);
  }

  ref(): void {
    this.#port.ref();
    this.#thread.ref();
  }

  unref(): void {
    this.#port.unref();
    this.#thread.unref();
  }

  /** The engine has been closed: its thread is free for the next one. */
  async terminate(): Promise<number> {
    if (!this.#used) return 0;
    this.#used = false;
    this.#thread.off('error', this.#failed);
    this.#port.close();
    this.#thread.unref();
    idle.push(this.#thread);
    return 0;
  }
}

/** Set-up runs before each file of a process; the process has one state. */
const STATE = Symbol.for('tamtrl engines share threads');
const known = threads as { [STATE]?: { share: boolean } };
if (!known[STATE]) {
  const state = { share: true };
  const construct = (target: typeof Worker, [file, options]: ConstructorParameters<typeof Worker>) =>
    state.share && options?.name === 'tamtrl engine' && file instanceof URL
      ? new SharedThread(file, options)
      : new target(file, options);
  Object.assign(threads, { Worker: new Proxy(Real, { construct }), [STATE]: state });
  syncBuiltinESMExports();
}
known[STATE]!.share = !/engine\/src\/(worker|runtime)\//.test(expect.getState().testPath ?? '');
