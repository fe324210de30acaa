/** docs/reading.md and the packages' READMEs: every recipe runs, on the packages as they are packed. */
import { execFile, execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const run = promisify(execFile);
const recipes = (path: string) =>
  [...readFileSync(join(root, path), 'utf8').matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => code);

/** Tarballs by the names of the packages' folders. */
async function pack(names: readonly string[]): Promise<Record<string, string>> {
  const folder = mkdtempSync(join(tmpdir(), 'tarballs-'));
  const packed = names.map(async (name): Promise<[string, string]> => {
    const args = ['pack', '--json', '--pack-destination', folder];
    const { stdout } = await run('npm', args, { cwd: join(root, 'packages', name) });
    const [{ filename }] = JSON.parse(stdout) as { filename: string }[];
    return [name, join(folder, filename)];
  });
  return Object.fromEntries(await Promise.all(packed));
}

/** A project that has the packed packages, and of everything else what the workspace has. */
function project(tarballs: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'packed-'));
  for (const [name, tarball] of Object.entries(tarballs)) {
    execFileSync('tar', ['-xzf', tarball], { cwd: folder });
    const place = join(folder, 'node_modules', name === 'engine' ? '@tamtrl/engine' : name);
    mkdirSync(dirname(place), { recursive: true });
    cpSync(join(folder, 'package'), place, { recursive: true });
    const { dependencies = {} } = JSON.parse(readFileSync(join(place, 'package.json'), 'utf8')) as {
      dependencies?: Record<string, string>;
    };
    for (const dependency of [...Object.keys(dependencies), ...(name === 'engine' ? ['onnxruntime-node'] : [])]) {
      const link = join(folder, 'node_modules', dependency);
      mkdirSync(dirname(link), { recursive: true });
      const source = [
        join(root, 'packages', name, 'node_modules', dependency),
        join(root, 'node_modules', dependency),
      ].find((path) => {
        try {
          return readdirSync(path).length > 0;
        } catch {
          return false;
        }
      });
      try {
        symlinkSync(source!, link);
      } catch {
        // Linked for the other package already.
      }
    }
  }
  const facts = ['anna oslo', 'ben rome', 'emma quito', 'jack bern', 'dan linz', 'mara oslo', 'cora riga', 'kurt bern'];
  writeFileSync(join(folder, 'facts.txt'), facts.join('\n'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module","private":true}');
  return folder;
}

async function execute(folder: string, code: string, environment: Record<string, string> = {}) {
  const path = join(folder, `recipe-${Math.random().toString(36).slice(2)}.mjs`);
  writeFileSync(path, code);
  return (await run(process.execPath, [path], { cwd: folder, env: { ...process.env, ...environment } })).stdout;
}

let whole: string;
let core: string;

beforeAll(async () => {
  const { engine, tamtrl } = await pack(['engine', 'tamtrl']);
  whole = project({ engine, tamtrl });
  core = project({ tamtrl });
});

describe('the recipes', () => {
  const all = recipes('docs/reading.md');
  const serverRecipe = all.findIndex((code) => code.includes('openOpenAIPolicy'));

  it('are ten, and run with the packed packages', async () => {
    expect(all).toHaveLength(10);
    const said = await Promise.all(all.filter((_, at) => at !== serverRecipe).map((code) => execute(whole, code)));
    expect(said[1]).toMatch(/^first (.+) [1-9]\d*\nsecond \1 0\n$/);
    expect(said[3]).toMatch(/^\S+ \S+ \S+ \[/);
    expect(said[4]).toMatch(/<- line \d/);
    expect(said[6]).toMatch(/^anna dan cora -> \S+ \S+ \S+ \| anna .*\nben emma jack -> /);
    expect(said[7]).toMatch(/^\S+ \S+ \S+\n$/);
    expect(said[8]).toMatch(/^1 0 \d+ anna oslo .*\nstopped after 1\n$/);
    expect(await execute(whole, recipes('packages/tamtrl/README.md')[0])).toMatch(/^\S+ \S+ \S+\n$/);
  });

  it('with a server need neither the engine nor ONNX Runtime, and local models say what they need', async () => {
    const server = createServer((request, response) => {
      request.resume().on('end', () => {
        response.setHeader('content-type', 'application/json');
        const body =
          request.url === '/v1/models'
            ? { data: [{ id: 'm' }] }
            : { choices: [{ message: { content: 'The ship left.' }, finish_reason: 'stop' }] };
        response.end(JSON.stringify(body));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
      expect(await execute(core, all[serverRecipe], { OPENAI_BASE_URL: url })).toMatch(/^The ship left\. \d+\n$/);
    } finally {
      server.close();
    }
    await expect(execute(core, all[0])).rejects.toThrow('npm install @tamtrl/engine onnxruntime-node');
  });

  it("with Vercel's SDK run too", async () => {
    const [middleware, provider] = recipes('docs/integrations.md');
    const model = `
import { MockLanguageModelV3 } from 'ai/test';
const counts = (total) => ({ total, noCache: total, cacheRead: undefined, cacheWrite: undefined });
// A provider that counts far fewer tokens than it is sent would be told of.
const sent = (prompt) => Math.ceil(JSON.stringify(prompt).length / 4);
const anyModel = new MockLanguageModelV3({ doGenerate: async ({ prompt }) => ({
  content: [{ type: 'text', text: 'It left.' }], finishReason: { unified: 'stop', raw: 'stop' }, warnings: [],
  usage: { inputTokens: counts(sent(prompt)), outputTokens: { total: 2, text: 2, reasoning: undefined } } }) });
const longText = 'The ship left Bristol in the spring of that year. '.repeat(2000);
`;
    symlinkSync(join(root, 'node_modules/ai'), join(whole, 'node_modules/ai'));
    expect(await execute(whole, `${model}${middleware}`)).toMatch(
      /^It left\. Notes after part 1:\nIt left\.[\s\S]* \d+\n$/,
    );
    expect(await execute(whole, provider)).toMatch(/^.*\n$/);
  });

  it('the command runs from the package', async () => {
    const { stdout } = await run(process.execPath, [join(core, 'node_modules/tamtrl/dist/cli/main.js'), '--help']);
    expect(stdout).toContain('ask [options]');
  });
});

describe('the packages', () => {
  it('hold what is needed and no tests', () => {
    const files = readdirSync(join(whole, 'node_modules/tamtrl'), { recursive: true, encoding: 'utf8' });
    expect(files).toContain('models/mini/model.safetensors');
    expect(files.filter((file) => file.includes('.test.'))).toEqual([]);
  });

  it("let the reader run without Node: its static imports need none of Node's modules", () => {
    const dist = join(whole, 'node_modules/tamtrl/dist');
    const seen = new Set<string>();
    const outside = new Set<string>();
    const visit = (path: string) => {
      if (seen.has(path)) return;
      seen.add(path);
      for (const [, specifier] of readFileSync(path, 'utf8').matchAll(
        /^(?:import|export)\s(?:[^'"]*\sfrom\s)?['"]([^'"]+)['"]/gm,
      )) {
        if (specifier.startsWith('.')) visit(join(dirname(path), specifier));
        else outside.add(specifier);
      }
    };
    visit(join(dist, 'reader/index.js'));
    expect(seen.size).toBeGreaterThan(15);
    expect([...outside].sort()).toEqual(['zod']);
  });
});
