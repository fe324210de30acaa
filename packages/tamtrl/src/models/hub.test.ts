/**
 * Downloads from a hub on this machine that answers as the real one does: lists of files, their infos, their contents.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstat, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runQuietly } from '../cli/program.test-support.js';
import { downloadHubFiles } from '../data/files/hub.js';
import { tinyModelFolder } from '../policy/engine-pool.test-support.js';
import { downloadModel } from './hub.js';
import { openModel } from './open.js';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
/** A small run. */
const SETTINGS = `
data: { kind: mini, chunks: 2, factsPerChunk: 2, queries: 1 }
memory: { questionTokens: 4, chunkTokens: 4, memoryTokens: 5, answerTokens: 3, prompts: mini }
questionsPerStep: 1
groupSize: 2
evaluation: { every: 0, questions: 1 }
`;
const COMMIT = '0123456789abcdef0123456789abcdef01234567';
const files = new Map<string, Buffer>();
const asked: string[] = [];
let server: Server;
let cache: string;
const NAMES = ['HF_ENDPOINT', 'HF_HOME', 'HF_HUB_CACHE', 'HF_TOKEN'];
const before = NAMES.map((name) => process.env[name]);

beforeAll(async () => {
  const model = await tinyModelFolder();
  for (const name of await readdir(model)) {
    files.set(`models/us/mini/${name}`, await readFile(join(model, name)));
  }
  files.set('models/us/quantised/small.Q4.gguf', Buffer.from('GGUF'));
  files.set('datasets/us/questions/data/train-00000.jsonl', Buffer.from('{"id":1}\n'));
  files.set('datasets/us/questions/README.md', Buffer.from('# Questions'));
  server = createServer((request, response) => {
    const url = new URL(request.url!, 'http://hub');
    asked.push(`${request.method} ${url.pathname}`);
    let text = '';
    request.on('data', (bit) => {
      text += bit;
    });
    request.on('end', () => {
      const json = (body: unknown, status = 200) =>
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      if (request.headers.authorization === 'Bearer hf_wrong') return json({ error: 'Invalid token' }, 401);
      const info = (path: string, content: Buffer, prefix: string) => ({
        type: 'file',
        path: path.slice(prefix.length),
        size: content.length,
        oid: createHash('sha1').update(content).digest('hex'),
        lastCommit: { id: COMMIT, title: 'files', date: '2026-01-01T00:00:00.000Z' },
      });
      const [, kind, repository, verb] =
        /^\/api\/(models|datasets)\/([\w.-]+\/[\w.-]+)\/(tree|paths-info)\//.exec(url.pathname) ?? [];
      if (verb !== undefined) {
        const prefix = `${kind}/${repository}/`;
        const own = [...files].filter(([path]) => path.startsWith(prefix));
        if (own.length === 0) return json({ error: 'Repository not found' }, 404);
        const wanted = verb === 'tree' ? undefined : (JSON.parse(text).paths as string[]);
        const infos = own.map(([path, content]) => info(path, content, prefix));
        return json(wanted ? infos.filter(({ path }) => wanted.includes(path)) : infos);
      }
      const [, dataset, name, path] =
        /^\/(datasets\/)?([\w.-]+\/[\w.-]+)\/resolve\/[^/]+\/(.+)$/.exec(url.pathname) ?? [];
      const content = files.get(`${dataset ? 'datasets' : 'models'}/${name}/${path}`);
      if (!content) return json({ error: 'Entry not found' }, 404);
      const etag = `"${createHash('sha1').update(content).digest('hex')}"`;
      const [, start, end] = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? '') ?? [];
      const piece = start === undefined ? content : content.subarray(Number(start), end ? Number(end) + 1 : undefined);
      response.writeHead(start === undefined ? 200 : 206, {
        etag,
        'x-repo-commit': COMMIT,
        'content-length': piece.length,
        'accept-ranges': 'bytes',
        ...(start === undefined
          ? {}
          : { 'content-range': `bytes ${start}-${Number(start) + piece.length - 1}/${content.length}` }),
      });
      response.end(request.method === 'HEAD' ? undefined : piece);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  process.env.HF_ENDPOINT = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), 'hub-'));
  process.env.HF_HOME = cache;
  process.env.HF_HUB_CACHE = join(cache, 'hub');
  delete process.env.HF_TOKEN;
  asked.length = 0;
});

afterAll(async () => {
  NAMES.forEach((name, at) => {
    if (before[at] === undefined) delete process.env[name];
    else process.env[name] = before[at];
  });
  server.closeAllConnections();
  server.close();
  await rm(cache, { recursive: true, force: true });
});

it('a model is downloaded, opened, and not downloaded again', async () => {
  const told: string[] = [];
  const policy = await openModel('hf:us/mini', { onDownload: (file) => told.push(file) });
  const [[sample]] = await policy.sample([{ promptIds: [3, 4] }], { maxTokens: 2, temperature: 0 });
  await policy.close();
  const own = await openModel(await tinyModelFolder());
  const [[expected]] = await own.sample([{ promptIds: [3, 4] }], { maxTokens: 2, temperature: 0 });
  await own.close();
  expect(sample).toEqual(expected);
  expect(told.sort()).toEqual(['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json']);
  const downloads = () => asked.filter((call) => call.startsWith('GET') && call.includes('/resolve/')).length;
  const first = downloads();
  expect(first).toBeGreaterThanOrEqual(4);
  const place = await downloadModel({ repository: 'us/mini' });
  expect(place.startsWith(cache)).toBe(true);
  expect(downloads()).toBe(first);
});

describe('downloads are reported on stderr:', () => {
  const MODEL = ['--model', 'hf:us/mini'];

  /** The command line, with a record of its own and a small run in place of RECORDS, CONFIG and OUT. */
  async function filledIn(args: readonly string[]): Promise<string[]> {
    const records = join(cache, 'records.jsonl');
    const record = { id: 'a', question: 'anna', answers: ['oslo'], documents: [{ title: 'a', text: 'anna oslo' }] };
    await writeFile(records, JSON.stringify(record));
    const config = join(cache, 'run.yaml');
    await writeFile(config, SETTINGS);
    const out = join(cache, args[0] === 'data' ? 'x.jsonl' : 'out');
    const places: Record<string, string> = { RECORDS: records, CONFIG: config, OUT: out };
    return args.map((arg) => places[arg] ?? arg);
  }

  it.each([
    ['eval', '--data', 'RECORDS', ...MODEL, '--limit', '1', '--out', 'OUT', '--json'],
    ['doctor', ...MODEL, '--out', 'OUT', '--json'],
    ['train', '--config', 'CONFIG', ...MODEL, '--steps', '1', '--out', 'OUT', '--json'],
    [
      'data',
      'generate',
      'niah_single_1',
      '--tokenizer',
      'hf:us/mini',
      '--tokens',
      '500',
      '--count',
      '1',
      '--out',
      'OUT',
    ],
  ])('%s', async (...args) => {
    const said = await runQuietly(await filledIn(args));
    expect(said.code, said.err).toBe(0);
    expect(said.err).toContain('Downloading tokenizer.json\n');
    expect(said.err.includes('Downloading model.safetensors\n')).toBe(args[0] !== 'data');
    expect(said.out).not.toContain('Downloading');
  });

  // Processes of their own: the library that downloads could write to the stream itself.
  it('mcp, whose stdout belongs to the protocol', async () => {
    const child = promisify(execFile)(process.execPath, [main, 'mcp', ...MODEL]);
    // The server for chat programs ends with its input.
    child.child.stdin?.end();
    const { stdout, stderr } = await child;
    expect(stderr).toContain('Downloading model.safetensors\n');
    expect(stdout).toBe('');
  });

  it('eval, with one object on stdout, if symbolic links cannot be made, as on Windows', async () => {
    const withoutLinks = `import fs from 'node:fs/promises';
      import { syncBuiltinESMExports } from 'node:module';
      fs.symlink = async () => { throw new Error('EPERM'); };
      syncBuiltinESMExports();`;
    const args = await filledIn(['eval', '--data', 'RECORDS', ...MODEL, '--limit', '1', '--out', 'OUT', '--json']);
    const loader = ['--import', `data:text/javascript,${encodeURIComponent(withoutLinks)}`];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [...loader, main, ...args]);
    expect(stderr).toContain('Downloading model.safetensors\n');
    expect(stdout.trim().split('\n')).toHaveLength(1);
    expect(JSON.parse(stdout)).toMatchObject({ records: 1 });
    const snapshots = join(cache, 'hub/models--us--mini/snapshots', COMMIT);
    expect((await lstat(join(snapshots, 'config.json'))).isFile()).toBe(true);
  });
});

it('one file of a model, the tokenizer alone, and files of a data set', async () => {
  const gguf = await downloadModel({ repository: 'us/quantised', file: 'small.Q4.gguf' });
  expect(await readFile(gguf, 'utf8')).toBe('GGUF');
  const tokenizer = await downloadModel({ repository: 'us/mini', weights: false });
  expect(await readdir(tokenizer)).not.toContain('model.safetensors');
  const [data] = await downloadHubFiles({ repository: 'us/questions' });
  expect(basename(data)).toBe('train-00000.jsonl');
  expect(await readFile(data, 'utf8')).toBe('{"id":1}\n');
});

it('a missing repository, and a refused key: one sentence, without the key', async () => {
  const refusal = (...model: Parameters<typeof downloadModel>) =>
    downloadModel(...model).then(String, (error: Error) => error.message);
  expect(await refusal({ repository: 'us/nothing' })).toBe('hf:us/nothing does not exist, or has no such revision.');
  expect(await refusal({ repository: 'us/quantised' })).toBe(
    'hf:us/quantised has no config.json and no tokenizer.json. It has small.Q4.gguf: name one, ' +
      'hf:us/quantised:small.Q4.gguf.',
  );
  process.env.HF_TOKEN = 'hf_wrong';
  expect(await refusal({ repository: 'us/mini' })).toBe('The key in HF_TOKEN may not read hf:us/mini (401).');
});
