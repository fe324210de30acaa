/** The other side: a script of tools/reference in a child process that runs one repetition for each line it is sent. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const SCRIPTS = new URL('../tools/reference/', import.meta.url);
const VENV = fileURLToPath(new URL('../.venv/bin/python', import.meta.url));
const PROBE =
  'import sys; from importlib.util import find_spec; sys.exit(not (find_spec("torch") and find_spec("transformers")))';

function hasPyTorch(python) {
  return spawnSync(python, ['-c', PROBE], { stdio: 'ignore' }).status === 0;
}

/**
 * The first Python with torch and transformers: `given`, $TAMTRL_PYTHON, the checkout's .venv, python3; undefined
 * without one. If it was named, it must have them.
 */
export function findPython(given) {
  if (given !== undefined) {
    if (hasPyTorch(given)) return given;
    throw new Error(
      `--python ${given} is no Python with torch and transformers. Install them there (tools/reference/requirements.txt), ` +
        'or measure without PyTorch: --skip-pytorch.',
    );
  }
  const places = [process.env.TAMTRL_PYTHON, existsSync(VENV) ? VENV : undefined, 'python3'];
  return places.find((python) => python && hasPyTorch(python));
}

/** A warmed-up PyTorch that waits for its turn. */
export class PyTorch {
  #child;
  #lines;
  #errors = '';
  /** Versions, as the child reports them: torch, transformers, blas, threads. */
  ready;

  static start(python, { name, what, threads }) {
    const sampling = what === 'generate' ? ['--sample'] : [];
    const options = ['--case', name, '--what', what, '--threads', `${threads}`, '--stdin', ...sampling];
    return PyTorch.open(python, 'bench_engine.py', options);
  }

  static async open(python, script, options) {
    const side = new PyTorch();
    side.#child = spawn(python, [fileURLToPath(new URL(script, SCRIPTS)), ...options], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    side.#child.stderr.on('data', (text) => {
      side.#errors = `${side.#errors}${text}`.slice(-2000);
    });
    side.#child.on('error', (error) => {
      side.#errors += error.message;
    });
    // A child that died is reported where its next line is awaited.
    side.#child.stdin.on('error', () => {});
    side.#lines = createInterface({ input: side.#child.stdout })[Symbol.asyncIterator]();
    side.ready = await side.#next('ready');
    return side;
  }

  get pid() {
    return this.#child.pid;
  }

  /** One repetition, as the child reports it: seconds by its own clock, and what else it tells. */
  async repeat() {
    this.#child.stdin.write('run\n');
    return this.#next('run');
  }

  async stop() {
    this.#child.stdin.end();
    if (this.#child.exitCode === null) await new Promise((resolve) => this.#child.once('exit', resolve));
  }

  async #next(event) {
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done) throw new Error(`The PyTorch side ended before it said "${event}":\n${this.#errors.trim()}`);
      if (!value.startsWith('{')) continue;
      const message = JSON.parse(value);
      if (message.event === event) return message;
    }
  }
}
