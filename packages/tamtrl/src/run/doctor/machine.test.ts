import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { examineMachine } from './machine.js';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'doctor-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

it('the doctor says what is missing', async () => {
  await mkdir(join(folder, 'model'), { recursive: true });
  await writeFile(join(folder, 'file'), '');
  const checks = await examineMachine(join(folder, 'file/runs'), join(folder, 'model'));
  const of = (name: string) => checks.find((check) => check.name === name);
  expect(of('embedded model')).toMatchObject({
    status: 'failed',
    message: expect.stringContaining('tamtrl sft --preset mini'),
  });
  expect(of('run folder')).toMatchObject({ status: 'failed', message: expect.stringContaining('--out') });
});
