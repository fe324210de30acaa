import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { failureText, runPart } from './part-process.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tamtrl-part-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function part(code: string) {
  const executable = join(folder, 'part.mjs');
  const log = join(folder, 'part.log');
  await writeFile(executable, code);
  const end = await runPart({ executable, args: [], env: process.env, log, signal: new AbortController().signal });
  return { end, reason: await failureText(log, end) };
}

it.each([
  ['console.error("first\\ntamtrl: no such file"); process.exit(1);', 'no such file'],
  ['process.exit(3);', 'it ended with code 3'],
  ['process.kill(process.pid, "SIGKILL"); setInterval(() => {}, 9);', 'it was killed (SIGKILL), as the system does'],
  // As an interruption that comes before the part has begun to listen.
  ['process.kill(process.pid, "SIGINT"); setInterval(() => {}, 9);', 'it was ended by SIGINT'],
])('%s is told', async (code, text) => {
  const { end, reason } = await part(code);
  expect(reason).toContain(text);
  expect(end.code === null).toBe(end.killedBy !== null);
});
