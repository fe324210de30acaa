/**
 * docs/scale.md: its tables are what tools/scale.mjs prints, its addresses and example files can be read, and every
 * known server is in it.
 */
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { parseModelSpec } from '../packages/tamtrl/src/models/spec.js';
import { openLocalPolicy } from '../packages/tamtrl/src/policy/local.js';
import { engineServer } from '../packages/tamtrl/src/policy/tinker/engine-server.test-support.js';
import { TINKER_SERVERS } from '../packages/tamtrl/src/policy/tinker/servers.js';
import { trainSettings } from '../packages/tamtrl/src/run/settings.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const guide = readFileSync(join(root, 'docs/scale.md'), 'utf8');
const cells = (text: string) =>
  text.split('\n').map((line) => line.split('|').map((cell) => cell.trim().replace(/^-+(:?)$/, '-$1')));

it('has the tables that its command prints', () => {
  const printed = execFileSync(process.execPath, [join(root, 'tools/scale.mjs')], { encoding: 'utf8' }).trim();
  const shown = [...guide.matchAll(/<!-- scale:(\w+) -->\n\n(.*?)\n\n<!-- \/scale:\1 -->/gs)].map(
    ([, , table]) => table,
  );
  expect(shown).toHaveLength(4);
  expect(cells(shown.join('\n\n'))).toEqual(cells(printed));
});

it('names every known server, and addresses that can be read', () => {
  for (const name of Object.keys(TINKER_SERVERS)) expect(guide).toContain(`| \`${name}\``);
  const examples = join(root, 'examples/scale');
  const files = readdirSync(examples).map((name) => readFileSync(join(examples, name), 'utf8'));
  const addresses = [guide, ...files].flatMap((text) =>
    [...text.matchAll(/'(tinker:[^']+)'/g)].map(([, each]) => each),
  );
  expect(addresses.length).toBeGreaterThan(6);
  for (const address of addresses) expect(() => parseModelSpec(address)).not.toThrow();
});

it.each(readdirSync(join(root, 'examples/scale')))(
  'examples/scale/%s is a configuration, and the guide or it says how to use it',
  async (name) => {
    const path = join(root, 'examples/scale', name);
    const { config } = await trainSettings({ preset: 'mini', config: path });
    expect(config.steps).toBeGreaterThan(0);
    expect(readFileSync(path, 'utf8') + guide).toMatch(
      name.startsWith('skyrl-node') || name.startsWith('skyrl-cluster') ? name : /--model 'tinker:/,
    );
  },
);

it('has a program that trains a server by the client alone', async () => {
  const model = 'Qwen/Qwen3-0.6B';
  const server = await engineServer({ model, open: () => openLocalPolicy(join(root, 'packages/tamtrl/models/mini')) });
  const [, code] = /^```js\n(.*?)^```$/ms.exec(guide)!;
  const path = join(mkdtempSync(join(tmpdir(), 'scale-guide-')), 'client.mjs');
  const built = pathToFileURL(join(root, 'packages/tamtrl/dist/policy/tinker/index.js')).href;
  writeFileSync(path, code.replace('tamtrl/tinker', built).replace('http://127.0.0.1:8123', server.url));
  const { stdout } = await promisify(execFile)(process.execPath, [path]);
  await server.close();
  expect(stdout).toMatch(/^tinker:\/\/example \[\s*\[\s*-\d/);
  expect(server.done).toMatchObject({ forward_backward: 1, optim_step: 1, save_weights: 1 });
});
