import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { describe, expect, it } from 'vitest';
import { RunFolder } from '../../run/folder.js';
import { packed } from '../../train/kept-groups.js';
import type { MetricsLine } from '../../train/metrics.js';
import { metricsTable } from './csv.js';
import { rolloutSummaries } from './rollout-summaries.js';
import { openLog } from './run-log.js';
import { crc32c, fileHead, lineEvent } from './tensorboard.js';

const first = {
  kind: 'step',
  step: 1,
  reward: 0.1,
  seconds: { train: 1.5 },
  memory_tokens_by_turn: [6, 7],
} as MetricsLine;
const held = { kind: 'evaluation', step: 1, score: 0.25, metric: 'exact_match' } as MetricsLine;
const method: Record<string, number> = { teacher_score: -2 };
const second = { kind: 'step', step: 2, reward: 1e300, kl: Number.NaN, method } as MetricsLine;

/** Records of a file, with their checksums held. */
function recordsOf(file: Uint8Array): Uint8Array[] {
  const bytes = Buffer.from(file);
  const masked = (data: Uint8Array) => {
    const crc = crc32c(data);
    return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
  };
  const records: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    expect(bytes.readUInt32LE(at + 8)).toBe(masked(bytes.subarray(at, at + 8)));
    const data = bytes.subarray(at + 12, at + 12 + length);
    expect(bytes.readUInt32LE(at + 12 + length)).toBe(masked(data));
    records.push(data);
    at += 16 + length;
  }
  return records;
}

/** Step and numbers of an event. */
function eventOf(data: Uint8Array): { step: number; numbers: Record<string, number> } {
  const reader = new BinaryReader(data);
  const numbers: Record<string, number> = {};
  let step = 0;
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === 2) step = Number(reader.int64());
    else if (field === 5) {
      const end = reader.uint32() + reader.pos;
      while (reader.pos < end) {
        expect(reader.tag()).toEqual([1, WireType.LengthDelimited]);
        reader.uint32();
        reader.tag();
        const name = reader.string();
        reader.tag();
        numbers[name] = reader.float();
      }
    } else reader.skip(type, field);
  }
  return { step, numbers };
}

describe('an event file of TensorBoard', () => {
  it('has the checksums of RFC 3720', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
    expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
  });

  it('begins with its version, and has a line as an event', () => {
    const [version, session, line] = recordsOf(Buffer.concat([fileHead(1000), lineEvent(first, 2000)]));
    expect(Buffer.from(version).toString('latin1')).toContain('brain.Event:2');
    expect(session.length).toBeGreaterThan(9);
    expect(eventOf(line)).toEqual({
      step: 1,
      numbers: {
        reward: Math.fround(0.1),
        'seconds/train': 1.5,
        'memory_tokens_by_turn/1': 6,
        'memory_tokens_by_turn/2': 7,
      },
    });
  });

  it('leaves out what is no number, and keeps what is too large for 32 bits finite', () => {
    const { numbers } = eventOf(recordsOf(lineEvent(second, 0))[0]);
    expect(numbers).toEqual({ reward: 3.4028234663852886e38, 'method/teacher_score': -2 });
    expect(eventOf(recordsOf(lineEvent(held, 0))[0]).numbers).toEqual({ 'held_out/score': 0.25 });
  });
});

it('a table has a column for every number that any line has', () => {
  expect(metricsTable([first, held])).toEqual([
    ['step', 'kind', 'reward', 'seconds/train', 'memory_tokens_by_turn/1', 'memory_tokens_by_turn/2', 'held_out/score'],
    ['1', 'step', '0.1', '1.5', '6', '7', ''],
    ['1', 'evaluation', '', '', '', '', '0.25'],
  ]);
});

describe('the logs of a run', () => {
  async function folderWith(...lines: MetricsLine[]) {
    const folder = new RunFolder(await mkdtemp(join(tmpdir(), 'log-')));
    await folder.start({ seed: 0 });
    for (const line of lines) await folder.append(line);
    return folder;
  }

  it('grow line by line; a table with a new column is written anew', async () => {
    const folder = await folderWith();
    const log = await openLog('csv', folder);
    for (const line of [first, first, held]) await log.add(line);
    const rows = (await readFile(join(folder.path, 'metrics.csv'), 'utf8')).trim().split('\r\n');
    expect(rows).toHaveLength(4);
    expect(rows[0]).toMatch(/held_out\/score$/);
    expect(new Set(rows.map((row) => row.split(',').length))).toEqual(new Set([7]));
  });

  it('begin a resumed run with the steps that it kept, in one file', async () => {
    const folder = await folderWith(first);
    await (await openLog('tensorboard', folder)).add(second);
    await (await openLog('tensorboard', folder)).add(held);
    const place = join(folder.path, 'tensorboard');
    const names = await readdir(place);
    expect(names).toHaveLength(1);
    const [, , ...events] = recordsOf(await readFile(join(place, names[0])));
    expect(events.map((data) => eventOf(data).step)).toEqual([1, 1]);
  });
});

it('rollout summaries have a file for each step, and the outcome as the final reward', () => {
  const turn = { text: '', stopReason: 'stop', student: '', promptTokens: 30, advantage: 0.5 };
  const group = {
    step: 2,
    questionId: 'q',
    question: '',
    answers: [],
    initialMemory: '',
    chunks: [],
    rollouts: [
      {
        sample: 1,
        outcome: 1,
        answer: 'oslo',
        turns: [
          { ...turn, kind: 'memory' as const, reward: 0.75, score: 0.25, lengths: packed([4, 5]) },
          { ...turn, kind: 'answer' as const, reward: 1, lengths: packed([4]) },
        ],
      },
    ],
  };
  const [{ path, lines }] = rolloutSummaries([group]);
  expect(path).toBe('iteration_000001/train_rollout_summaries.jsonl');
  expect(lines).toMatchObject([
    {
      schema_version: 1,
      iteration: 1,
      group_idx: 0,
      traj_idx: 1,
      total_reward: 1,
      final_reward: 1,
      steps: [
        { step_idx: 0, ob_len: 30, ac_len: 2, reward: 0, episode_done: false, metrics: { turn_reward: 0.75 } },
        { step_idx: 1, ac_len: 1, episode_done: true },
      ],
    },
  ]);
});
