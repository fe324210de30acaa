/** A server that only a file names (a model folder, a run, a configuration) gets neither a key nor text. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { runConfigSchema } from '../train/config.js';
import { runQuietly } from './program.test-support.js';

let folder: string;
let url: string;
let text: string;
const seen: IncomingMessage[] = [];
const server = createServer((request, response) => {
  seen.push(request);
  response.writeHead(401, { 'content-type': 'application/json' }).end('{"detail":"go away"}');
});

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tamtrl-hosts-'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  text = join(folder, 'text.txt');
  await writeFile(text, 'anna oslo');
  await writeFile(
    join(folder, 'records.jsonl'),
    `${JSON.stringify({ id: 'a', question: 'anna', answers: ['oslo'], documents: [{ text: 'anna oslo' }] })}\n`,
  );
});

beforeEach(() => {
  seen.length = 0;
  vi.stubEnv('TINKER_API_KEY', 'secret-key');
  vi.stubEnv('OPENAI_API_KEY', 'secret-key');
  vi.stubEnv('OPENAI_BASE_URL', '');
});

afterEach(() => void vi.unstubAllEnvs());

afterAll(async () => {
  server.close();
  await rm(folder, { recursive: true, force: true });
});

/** What a command says, whichever stream it goes to. */
async function run(...args: string[]): Promise<{ code: number; said: string }> {
  const { code, out, err } = await runQuietly(args);
  return { code, said: err + out };
}

/** Refused with the file, the host and the flag; nothing reaches the server. With the flag it is asked. */
async function refusedUntilAllowed(args: readonly string[], place: string): Promise<void> {
  const refused = await run(...args);
  expect(refused.said).toContain(`${place} names the server ${url}, but you have not named it`);
  expect(refused.said).toContain(`add --allow-host ${url} `);
  expect(seen).toHaveLength(0);
  const other = await run(...args, '--allow-host', '127.0.0.1:1');
  expect(other.said).toContain(`--allow-host ${url} `);
  expect(seen).toHaveLength(0);
  const allowed = await run(...args, '--allow-host', url);
  expect(allowed.said).not.toContain('--allow-host');
  expect(seen.length, allowed.said).toBeGreaterThan(0);
}

async function modelFolder(): Promise<string> {
  const model = join(folder, 'model');
  await mkdir(model, { recursive: true });
  const opened = { spec: `tinker:${url}#mini`, tokenizer: 'mini' };
  await writeFile(join(model, 'tinker.json'), JSON.stringify({ model: 'mini', path: 'p', opened }));
  return model;
}

describe('a model folder', () => {
  it.each(['ask', 'eval', 'doctor', 'mcp'])('%s', async (command) => {
    const model = await modelFolder();
    const records = join(folder, 'records.jsonl');
    const rest: Record<string, string[]> = {
      ask: [text, 'anna?'],
      eval: ['--data', records, '--out', join(folder, 'evaluation')],
      doctor: ['--out', join(folder, 'runs')],
      mcp: [],
    };
    await refusedUntilAllowed([command, ...rest[command], '--model', model], join(model, 'tinker.json'));
  });

  it('train: as the model, and together with a model whose server the command line names', async () => {
    const model = await modelFolder();
    const out = ['--out', join(folder, 'trained')];
    await refusedUntilAllowed(['train', '--model', model, ...out], join(model, 'tinker.json'));
    seen.length = 0;
    const named = await run('train', '--model', model, '--judge', `openai:${url}/v1#m`, ...out);
    expect(named.said).not.toContain('--allow-host');
    expect(seen.length).toBeGreaterThan(0);
  });

  it('a folder that is called like an embedded model is not opened for it', async () => {
    const before = process.cwd();
    await mkdir(join(folder, 'cwd/mini'), { recursive: true });
    const note = JSON.stringify({ opened: { spec: `tinker:${url}#mini`, tokenizer: 'mini' } });
    await writeFile(join(folder, 'cwd/mini/tinker.json'), note);
    process.chdir(join(folder, 'cwd'));
    try {
      const { code } = await run('doctor', '--model', 'mini', '--out', join(folder, 'runs'));
      expect(code).toBe(0);
    } finally {
      process.chdir(before);
    }
    expect(seen).toHaveLength(0);
  });

  it('a note of the wrong shape', async () => {
    const model = await modelFolder();
    await writeFile(join(model, 'tinker.json'), '{"opened":{"spec":5}}');
    const { code, said } = await run('ask', text, 'anna?', '--model', model);
    expect(said).toContain('tinker.json does not say how to open its model');
    expect(code).toBe(2);
  });
});

describe('the folder of a run', () => {
  const info = { command: 'train', preset: 'custom', method: 'tamtrl', started: '2026-01-31T12:00:00.000Z' };

  async function runFolder(config: object, more: object = {}): Promise<string> {
    const path = await mkdtemp(join(folder, 'run-'));
    await writeFile(join(path, 'info.json'), JSON.stringify({ ...info, ...more }));
    await writeFile(join(path, 'config.json'), JSON.stringify(runConfigSchema.parse(config)));
    return path;
  }

  it('the model of config.json', async () => {
    const path = await runFolder({ model: `tinker:${url}#mini` }, { tokenizer: 'mini' });
    await refusedUntilAllowed(['train', '--resume', path], `${join(path, 'config.json')}: model`);
  });

  it('its teacher', async () => {
    const path = await runFolder({ teacher: 'other', teacherModel: `openai:${url}/v1#m` });
    const place = `${join(path, 'config.json')}: teacherModel`;
    expect((await run('train', '--resume', path)).said).toContain(place);
    expect(seen).toHaveLength(0);
  });

  it('the judge of info.json', async () => {
    const path = await runFolder({ method: 'judge' }, { judge: `openai:${url}/v1#m` });
    await refusedUntilAllowed(['train', '--resume', path], `${join(path, 'info.json')}: judge`);
  });
});

describe('a configuration file', () => {
  it('train and sft', async () => {
    const path = join(folder, 'run.yaml');
    await writeFile(path, `model: "tinker:${url}#mini"\n`);
    const rest = ['--config', path, '--preset', 'mini', '--tokenizer', 'mini', '--out', join(folder, 'none')];
    await refusedUntilAllowed(['train', ...rest], `${path}: model`);
    seen.length = 0;
    await refusedUntilAllowed(['sft', ...rest], `${path}: model`);
  });

  it('a server named on the command line is trusted', async () => {
    const path = join(folder, 'run.yaml');
    await writeFile(path, `model: "tinker:${url}#mini"\n`);
    const spec = `tinker:${url}#mini`;
    const rest = ['--preset', 'mini', '--tokenizer', 'mini', '--out', join(folder, 'none')];
    const named = await run('train', '--config', path, ...rest, '--model', spec);
    expect(named.said).toContain('does not accept the key');
    expect(seen.length).toBeGreaterThan(0);
  });

  it('compare', async () => {
    const path = join(folder, 'compare.yaml');
    await writeFile(
      path,
      `out: ${join(folder, 'cmp')}
model: "openai:${url}/v1#m"
seeds: [1]
baseline: plain
methods: [{ name: plain }]
benchmarks: [{ name: b, data: ${join(folder, 'records.jsonl')} }]
`,
    );
    await refusedUntilAllowed(['compare', path], `${path}: model`);
  });
});

it('anything but a host is refused', async () => {
  const { code, said } = await run('ask', text, 'anna?', '--model', 'mini', '--allow-host', 'a/b');
  expect(said).toContain('"a/b" is not a host; expected HOST, HOST:PORT or http://HOST:PORT.');
  expect(code).toBe(2);
});
