import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RunFolder } from './folder.js';
import { readMetricsLines } from './metrics-file.js';

let root: string;
let path: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tamtrl-metrics-'));
  path = join(root, 'metrics.jsonl');
});

afterAll(() => rm(root, { recursive: true, force: true }));

const earlier = '{"kind":"step","step":1,"learningRate":0.5,"memoryTokensByTurn":[6,5],"method":{"teacherScore":-1}}';
const present = {
  kind: 'step',
  step: 1,
  learning_rate: 0.5,
  memory_tokens_by_turn: [6, 5],
  method: { teacher_score: -1 },
};
// Names inside `method` belong to whoever wrote the method: a line in the present form stays as it is.
const own = { kind: 'step', step: 2, learning_rate: 0.5, method: { myScore: 1 } };

describe('readMetricsLines', () => {
  it('reads lines of earlier versions with the names of today, and leaves out a last line that was cut short', async () => {
    await writeFile(path, `${earlier}\n${JSON.stringify(own)}\n{"kind":"st`);
    expect(await readMetricsLines(path)).toEqual([present, own]);
  });

  it('says which line is damaged, and that a file is missing', async () => {
    await writeFile(path, `${earlier}\n{"kind":"st\n${earlier}\n`);
    await expect(readMetricsLines(path)).rejects.toThrow(
      /metrics\.jsonl, line 2 is damaged.*found "\{\\"kind\\":\\"st"/,
    );
    await expect(readMetricsLines(join(root, 'none.jsonl'))).rejects.toThrow(/There is no file .*none\.jsonl/);
  });
});

it('resuming removes lines of steps that will be done again, and brings the others into one form', async () => {
  const folder = new RunFolder(root);
  const evaluation = (step: number) => JSON.stringify({ kind: 'evaluation', step, exactMatch: 0.5 });
  await writeFile(path, `${evaluation(0)}\n${earlier}\n${evaluation(1)}\n${JSON.stringify(own)}\n{"kin`);
  await writeFile(folder.file('trajectories'), '{"step":1,"questionId":"a"}\n{"step":2,"questionId":"b"}\n');
  await folder.resume(1, 0);
  const lines = (await readFile(path, 'utf8')).split('\n');
  expect(lines).toEqual(['{"kind":"evaluation","step":0,"exact_match":0.5}', JSON.stringify(present), '']);
  expect(await readFile(folder.file('trajectories'), 'utf8')).toBe('{"step":1,"questionId":"a"}\n');
});
