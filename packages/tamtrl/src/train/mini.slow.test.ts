/** The embedded model: its warm start can be made again bit by bit, and reinforcement makes it better. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openLocalPolicy } from '../policy/local.js';
import { RunFolder } from '../run/folder.js';
import { MINI_REINFORCEMENT } from '../run/presets/mini.js';
import { openSources } from '../run/sources.js';
import { runConfigSchema } from './config.js';
import { train } from './reinforce.js';

const shipped = fileURLToPath(new URL('../../models/mini', import.meta.url));
const tool = fileURLToPath(new URL('../../../../tools/make-mini.mjs', import.meta.url));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tamtrl-slow-'));
});
afterAll(() => rm(folder, { recursive: true }));

it('the shipped warm start is what its seed gives', async () => {
  await promisify(execFile)(process.execPath, [tool, join(folder, 'mini')]);
  const weights = (path: string) => readFile(join(path, 'model.safetensors'));
  expect(Buffer.compare(await weights(join(folder, 'mini')), await weights(shipped))).toBe(0);
});

it('reinforcement raises held-out exact match by at least 20 points', async () => {
  const config = runConfigSchema.parse(MINI_REINFORCEMENT);
  const policy = await openLocalPolicy(shipped);
  const sources = await openSources(config, policy.tokenizer, { needsRelevance: true });
  const found: number[] = [];
  for await (const event of train({ config, policy, ...sources, store: new RunFolder(join(folder, 'run')) })) {
    if (event.type === 'evaluation') found.push(event.metrics.exact_match);
  }
  await policy.close();
  expect(found[found.length - 1] - found[0]).toBeGreaterThanOrEqual(0.2);
});
