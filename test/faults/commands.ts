/** Small runs of the commands that write, as processes of the compiled program, and what they leave. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const executable = fileURLToPath(new URL('../../packages/tamtrl/dist/cli/main.js', import.meta.url));

export interface Command {
  name: string;
  /** Writes to `out` in the working directory, which holds what `writeInputs` has written. */
  start: readonly string[];
  resume: readonly string[];
  /** How many kills in a hundred it gets. */
  share: number;
}

/** `--out` is always "out", so that no path differs between two runs. */
export const COMMANDS: readonly Command[] = [
  {
    name: 'train',
    start: ['train', '--config', 'train.yaml', '--out', 'out'],
    resume: ['train', '--resume', 'out'],
    share: 25,
  },
  {
    name: 'sft',
    start: ['sft', '--config', 'sft.yaml', '--out', 'out'],
    resume: ['sft', '--resume', 'out'],
    share: 20,
  },
  {
    name: 'eval',
    start: ['eval', '--data', 'records.jsonl', '--concurrency', '2', '--out', 'out'],
    resume: ['eval', '--data', 'records.jsonl', '--concurrency', '2', '--out', 'out', '--resume'],
    share: 15,
  },
  { name: 'compare', start: ['compare', 'compare.yaml'], resume: ['compare', 'compare.yaml'], share: 10 },
  ...['ask --state', 'data generate'].map((name) => {
    const args =
      name === 'ask --state'
        ? ['ask', 'long.txt', 'anna', '--model', 'mini', '--state', 'out']
        : ['data', 'generate', 'niah_multikey_2', '--tokens', '4000', '--tokenizer', 'mini', '--count', '150'];
    const start = name === 'ask --state' ? args : [...args, '--out', 'out'];
    return { name, start, resume: start, share: 15 };
  }),
];

const TASK = `model: mini-random
data: { kind: mini, chunks: 2, factsPerChunk: 2, queries: 1 }
memory: { questionTokens: 4, chunkTokens: 4, memoryTokens: 5, answerTokens: 3, prompts: mini }
`;

/** A folder in which every command can be started. */
export async function workplace(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const train = `${TASK}steps: 8\nquestionsPerStep: 2\ngroupSize: 2\nmethod: tamtrl-ema-teacher
reward: { combine: additive }\nevaluation: { every: 2, questions: 4 }\n`;
  const sft = `${TASK}steps: 16\nbatchSize: 2\nevaluation: { every: 4, questions: 4 }\n`;
  const compare = `out: out
model: mini-random
seeds: [1, 2]
baseline: tamtrl
preset: mini
train: { steps: 2, questionsPerStep: 1, groupSize: 2, evaluation: { every: 0, questions: 2 } }
methods: [{ name: tamtrl, train: tamtrl }]
benchmarks: [{ name: b, data: { kind: mini, chunks: 2, facts: 2 }, questions: 2 }]
`;
  const names = ['anna', 'ben', 'carl', 'dan', 'anna', 'carl'];
  const towns = ['oslo', 'rome', 'bern', 'paris'];
  const long = Array.from({ length: 1600 }, (_, at) => `${names[at % 6]} ${towns[(at * 7) % 4]}`).join(' ');
  const text = 'anna oslo ben rome';
  const record = (at: number) => ({
    id: `r${at}`,
    source: 'faults',
    question: names[at % 4],
    answers: [towns[at % 4]],
    documents: [{ title: '', text: Array.from({ length: 10 + (at % 7) }, () => text).join(' ') }],
  });
  const records = Array.from({ length: 80 }, (_, at) => `${JSON.stringify(record(at))}\n`).join('');
  const files = { 'train.yaml': train, 'sft.yaml': sft, 'compare.yaml': compare, 'long.txt': long };
  for (const [name, content] of Object.entries({ ...files, 'records.jsonl': records })) {
    await writeFile(join(folder, name), content);
  }
  return folder;
}

export interface Ended {
  code: number | null;
  signal: string | null;
  out: string;
  err: string;
  seconds: number;
}

export interface Launch {
  cwd: string;
  env?: Readonly<Record<string, string>>;
  /** A program that runs the one here, with its arguments. */
  through?: readonly string[];
  /** Seconds after which it is killed. */
  killAfter?: number;
  /** Told of the process as soon as it is there. */
  started?: (child: ChildProcess) => void;
}

/** No command of the campaign works for so long. */
const HANGS = 300;

/** Runs the program. One that hangs is killed and has the signal SIGKILL without `killAfter`. */
export async function launch(args: readonly string[], options: Launch): Promise<Ended> {
  const { cwd, env = {}, through = [], killAfter = HANGS, started: told } = options;
  const [file, ...rest] = [...through, process.execPath, executable, ...args];
  const begun = performance.now();
  const child = spawn(file, rest, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said.out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said.err += text;
  });
  told?.(child);
  const timer = setTimeout(() => child.kill('SIGKILL'), killAfter * 1000);
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve, reject) =>
    child.on('error', reject).on('close', (...ended) => resolve(ended)),
  );
  clearTimeout(timer);
  return { code, signal, ...said, seconds: (performance.now() - begun) / 1000 };
}

/** Fails unless the program ended well. */
export function expectDone({ code, signal, err }: Ended, what: string): void {
  if (code !== 0) throw new Error(`${what} ended with ${signal ?? code}: ${err.slice(-500)}`);
}

/** Fails unless the program ended with one sentence of its own that matches. */
export function expectRefusal({ code, signal, err }: Ended, what: string, sentence: RegExp): void {
  const said = err.slice(err.lastIndexOf('tamtrl:'));
  if (code === 0 || code === null) throw new Error(`${what} ended with ${signal ?? code}: ${err.slice(-500)}`);
  if (!sentence.test(said)) throw new Error(`${what} did not say ${sentence}: ${err.slice(-500)}`);
  if (/\n\s+at \S/.test(err)) throw new Error(`${what} printed a stack: ${err.slice(-800)}`);
}

/** Files for people that repeat times beside what other files hold. */
const WITH_TIMES = /(?:report|summary|comparison|cost|budgets)\.(?:md|csv)$|\.log$/;
const isTime = (key: string, value: unknown) =>
  key === 'seconds' || (['started', 'training'].includes(key) && typeof value === 'string');

/** Everything below `out`, or the file `out`, without times. */
export async function outcomeOf(cwd: string): Promise<Record<string, string>> {
  const out = join(cwd, 'out');
  const entries = await readdir(out, { recursive: true, withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOTDIR') return undefined;
    throw error;
  });
  const files = entries?.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)) ?? [out];
  const found: Record<string, string> = {};
  for (const file of files.sort()) {
    const name = relative(cwd, file);
    if (!WITH_TIMES.test(name)) found[name] = timeless(name, await readFile(file), cwd);
  }
  return found;
}

function timeless(name: string, bytes: Buffer, cwd: string): string {
  if (!/\.jsonl?$|^out$/.test(name) || name.includes('checkpoints/final')) return bytes.toString('latin1');
  const text = bytes.toString().replaceAll(join(cwd, 'disk'), '.').replaceAll(cwd, '.');
  const without = (part: string) => JSON.stringify(JSON.parse(part, (key, value) => (isTime(key, value) ? 0 : value)));
  if (!name.endsWith('.json'))
    return text
      .split('\n')
      .map((line) => (line === '' ? '' : without(line)))
      .join('\n');
  return without(text);
}

/** Fails with the names of the files that differ, and the place where the first one does. */
export function expectSame(found: Record<string, string>, expected: Record<string, string>): void {
  const names = new Set([...Object.keys(found), ...Object.keys(expected)]);
  const differing = [...names].filter((name) => found[name] !== expected[name]);
  if (differing.length === 0) return;
  const [name] = differing;
  const [mine = '(no file)', other = '(no file)'] = [found[name], expected[name]];
  let at = 0;
  while (at < mine.length && mine[at] === other[at]) at++;
  const [start, end] = [Math.max(0, at - 60), at + 60];
  const excerpts = [mine, other].map((text) => JSON.stringify(text.slice(start, end)));
  throw new Error(`differs in ${differing.join(', ')}: ${excerpts[0]}, expected ${excerpts[1]}`);
}
