import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { miniChat, miniTokenizer } from '../data/mini/tokenizer.js';
import { PromptFrames } from '../memory/frames.js';
import { miniPrompts } from '../memory/prompts.js';
import type { Trajectory, Turn } from '../memory/trajectory.js';
import type { Policy } from '../policy/types.js';
import type { RolloutGroup } from './group.js';
import type { MethodContext } from './method.js';
import { checkedReward, type OwnReward, rewardParts } from './own-reward.js';
import { loadReward, rewardFingerprint } from './reward-module.js';

const tokenizer = miniTokenizer();
const frames = new PromptFrames({ tokenizer, chat: miniChat }, miniPrompts);
const policy = { name: 'none', tokenizer, chat: miniChat } as unknown as Policy;

function rollout(sample: number, memories: readonly string[], output: string): Trajectory {
  const turn = (kind: Turn['kind'], text: string) => ({ kind, memoryIds: tokenizer.encode(text) }) as Turn;
  return {
    questionId: 'q7',
    sample,
    questionIds: tokenizer.encode('anna'),
    initialMemoryIds: tokenizer.encode('anna ?'),
    turns: [...memories.map((text) => turn('memory', text)), turn('answer', memories.at(-1) ?? '')],
    output,
  };
}

/** Two rollouts of two memory turns each; the second is wrong. */
const group: RolloutGroup = {
  id: 'q7',
  question: 'anna',
  answers: ['oslo'],
  trajectories: [rollout(0, ['anna oslo', 'anna oslo'], 'oslo'), rollout(1, ['anna ?', 'anna rome'], 'rome')],
  outcomes: [1, 0],
  chunks: ['anna oslo', 'ben rome'].map((text, index) => ({ index, ids: tokenizer.encode(text), start: 0, end: 0 })),
  filteredChunks: ['anna oslo', ''],
};

const call = { policy, frames, seed: 5, seconds: 30 };
const outcomesOf = (reward: OwnReward, seconds = 30) =>
  rewardParts(reward, seconds).outcomes?.([group], { ...call, seconds });

/** @param seconds short only where the time is to be over: a busy machine may take a while */
async function scoresOf(reward: OwnReward, seconds = 30) {
  const { method } = rewardParts(reward, seconds);
  const context = { policy, frames, seed: 5, options: {}, prepared: undefined, temperature: 1 };
  return (await method?.turnScores([group], context as unknown as MethodContext))?.scores;
}

describe('a reward of your own', () => {
  it('sees rollouts and turns in words, and gives outcomes and scores', async () => {
    const seen: unknown[] = [];
    const reward: OwnReward = {
      outcome: ({ id, sample, answer, score, memories, chunks, relevant }, { seed }) => {
        seen.push({ id, sample, answer, score, memories, chunks, relevant, seed });
        return score + sample / 4;
      },
      turnScore: async ({ turn, turns, before, after, chunk, relevant, outcome }) =>
        100 * turn +
        10 * turns +
        Number(after.includes('oslo')) -
        Number(before.includes('oslo')) +
        outcome / 4 +
        Number(chunk === 'ben rome') / 8 +
        Number(relevant === '') / 16,
    };
    // 1 + 0/4 and 0 + 1/4.
    expect(await outcomesOf(reward)).toEqual([[1, 0.25]]);
    expect(seen[1]).toEqual({
      id: 'q7',
      sample: 1,
      answer: 'rome',
      score: 0,
      memories: ['anna ?', 'anna ?', 'anna rome'],
      chunks: ['anna oslo', 'ben rome'],
      relevant: ['anna oslo', ''],
      seed: 5,
    });
    // 20 + 1 + 1/4; 100 + 20 + 0 + 1/4 + 1/8 + 1/16; 20; 120 + 1/8 + 1/16.
    expect(await scoresOf(reward)).toEqual([
      [
        [21.25, 120.4375],
        [20, 120.1875],
      ],
    ]);
  });

  it('only scores turns, or only outcomes', () => {
    expect(rewardParts({ outcome: () => 1 }, 1)).toMatchObject({ place: 'reward', method: undefined });
    const { method, outcomes } = rewardParts({ name: 'mine', turnScore: () => 1 }, 1);
    expect(outcomes).toBeUndefined();
    expect(method).toMatchObject({ name: 'mine', requires: {} });
  });

  const turn = 'memory turn 1 of rollout 0 of "q7"';
  const second = (value: unknown): OwnReward => ({
    name: 'mine',
    turnScore: ({ turn: at }) => (at === 1 ? (value as number) : 0),
  });
  it.each([
    [Number.NaN, 'NaN'],
    [undefined, 'undefined'],
    ['0.5', '"0.5"'],
    [true, 'true'],
    [[1], '[1]'],
    [Number.POSITIVE_INFINITY, 'Infinity'],
    [Promise.resolve(Number.NaN), 'NaN'],
    [1n, '1n'],
  ])('that returns %s is told with its rollout and turn', async (value, text) => {
    const told = `mine: turnScore returned ${text} for ${turn}, expected a finite number.`;
    await expect(scoresOf(second(value))).rejects.toThrow(told);
    const outcome = { outcome: ({ sample }: { sample: number }) => (sample === 1 ? (value as number) : 0) };
    await expect(outcomesOf(outcome)).rejects.toThrow(`reward: outcome returned ${text} for rollout 1 of "q7"`);
  });

  it('that throws, rejects or never settles is told, never counted as 0', async () => {
    const thrown = new Error('no such key');
    const throwing = scoresOf({ name: 'mine', turnScore: () => Promise.reject(thrown) });
    await expect(throwing).rejects.toMatchObject({ kind: 'module', cause: thrown });
    await expect(throwing).rejects.toThrow(
      /^mine: turnScore threw an error for memory turn 0 of rollout 0 of "q7": no such key/,
    );
    // Settled together with calls that succeed, before and after it.
    const among = async ({ sample }: { sample: number }) => {
      if (sample === 1) throw new Error('the second');
      return 1;
    };
    const trajectories = [0, 1, 2, 3].map((sample) => ({ ...group.trajectories[0], sample }));
    const four = { ...group, trajectories, outcomes: [0, 0, 0, 0] };
    await expect(rewardParts({ outcome: among }, 9).outcomes?.([four], call)).rejects.toThrow(
      'outcome threw an error for rollout 1 of "q7": the second',
    );
    const odd = () => {
      throw 'text';
    };
    await expect(outcomesOf({ outcome: odd })).rejects.toThrow(
      'reward: outcome threw an error for rollout 0 of "q7": "text".',
    );
    const waiting = outcomesOf({ outcome: () => new Promise<number>(() => {}) }, 0.5);
    await expect(waiting).rejects.toThrow(
      'reward: the promise of outcome did not settle within 0.5 s for rollout 0 of "q7". A function that waits longer needs a higher reward.moduleSeconds.',
    );
  });

  it('that never returns is interrupted, after the others of its kind were called', async () => {
    const seen: number[] = [];
    const endless = (at: number) => {
      seen.push(at);
      // What catches everything does not catch this.
      while (at === 1) {
        try {
          JSON.stringify(seen);
        } catch {}
      }
      return 0;
    };
    const sentence =
      'mine: turnScore did not return within 0.5 s for memory turn 1 of rollout 0 of "q7". If it is no endless loop, it needs a higher reward.moduleSeconds.';
    const plain = scoresOf({ name: 'mine', turnScore: ({ turn: at }) => endless(at) }, 0.5);
    await expect(plain).rejects.toThrow(sentence);
    expect(seen).toEqual([0, 1]);
    const promising = scoresOf({ name: 'mine', turnScore: async ({ turn: at }) => endless(at) }, 0.5);
    await expect(promising).rejects.toThrow(sentence);
    // Without a loop, and with more calls than are under way at once.
    const many = { ...group, trajectories: Array.from({ length: 100 }, () => group.trajectories[0]) };
    const numbers = await rewardParts({ outcome: async ({ sample }) => sample }, 1).outcomes?.([many], call);
    expect(numbers?.[0]).toHaveLength(100);
  });

  it('stops the other calls when one fails, and all when the run is stopped', async () => {
    let stopped = 0;
    const outcome: OwnReward['outcome'] = ({ sample }, { signal }) =>
      sample === 0
        ? Promise.reject(new Error('first'))
        : new Promise<number>((resolve) => {
            signal.addEventListener('abort', () => resolve(++stopped));
          });
    await expect(rewardParts({ outcome }, 9).outcomes?.([group], { ...call, seconds: 9 })).rejects.toThrow('first');
    expect(stopped).toBe(1);
    const reason = new Error('enough');
    const ended = rewardParts({ outcome }, 9).outcomes?.([group], { ...call, signal: AbortSignal.abort(reason) });
    await expect(ended).rejects.toBe(reason);
  });

  it.each<[unknown, string]>([
    [undefined, 'the reward is undefined'],
    [[], 'the reward has none of its functions'],
    [() => 1, 'the reward is a function'],
    [{}, 'the reward has none of its functions'],
    [{ outcome: 1 }, 'outcome is a number, not a function'],
    [{ outcome: () => 1, name: '' }, 'name is ""'],
    [{ outcome: () => 1, turnscore: () => 1 }, 'the reward has an unknown part "turnscore"'],
    [{ turnScore: () => 1, turnScores: () => 1 }, 'the reward has both turnScore and turnScores'],
  ])('of the wrong shape, %s, is refused', (value, text) => {
    expect(() => checkedReward(value, './my.mjs')).toThrow(
      `./my.mjs: ${text}. Expected an object with a function outcome(rollout), turnScore(turn), or both`,
    );
  });
});

describe('a reward in a file', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tamtrl-reward-'));
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function file(name: string, code: string): Promise<string> {
    const path = join(folder, name);
    await writeFile(path, code);
    return path;
  }

  it('is its default export, named after the file', async () => {
    const path = await file('my-own.mjs', 'export default { turnScore: ({ turn }) => turn };');
    const loaded = await loadReward(path, 9);
    expect(loaded.place).toBe(path);
    const { method } = rewardParts(loaded, 9);
    expect(method?.name).toBe('my-own');
    expect(method?.summary).toContain(path);
    const other = await file('other.mjs', 'export default { turnScore: ({ turn }) => turn + 1 };');
    expect(await rewardFingerprint(path)).not.toBe(await rewardFingerprint(other));
  });

  it('may be a whole method, whose errors name the file too', async () => {
    const code = `export default {
      turnScores(groups) {
        if (groups.length > 5) throw new Error('too many');
        return { scores: groups.map(({ trajectories }) => trajectories.map(({ turns }) => turns.slice(1).map(() => 2))) };
      },
    };`;
    const { method } = rewardParts(await loadReward(await file('whole.mjs', code), 9), 9);
    expect(method?.name).toBe('whole');
    const context = { signal: undefined } as unknown as MethodContext;
    expect(await method?.turnScores([group], context)).toEqual({
      scores: [
        [
          [2, 2],
          [2, 2],
        ],
      ],
    });
    const many = new Array(6).fill(group);
    await expect(method?.turnScores(many, context)).rejects.toThrow(
      /whole\.mjs: turnScores threw an error for the rollouts of a step: too many/,
    );
    const short = file(
      'short.mjs',
      'export default { turnScores: (groups) => ({ scores: groups.map(() => [[1, 1]]) }) };',
    );
    const told = rewardParts(await loadReward(await short, 9), 9).method?.turnScores([group], context);
    await expect(told).rejects.toMatchObject({ kind: 'module' });
    await expect(told).rejects.toThrow(
      /short\.mjs: The method short returned scores for 1 rollouts of group 0 \("q7"\)/,
    );
  });

  it.each([
    ['gone.mjs', undefined, 'expected a file with a reward, found nothing'],
    ['reward.py', 'def outcome(): pass', 'a reward is a file that ends in .ts, .mts, .js, .mjs or .cjs'],
    ['empty.mjs', '', 'the file exports nothing. Expected "export default'],
    ['named.mjs', 'export const outcome = () => 1;', 'the file exports only outcome. Expected "export default'],
    ['shape.mjs', 'export default () => 1;', 'the reward is a function. Expected an object'],
    ['throws.mjs', 'throw new Error("no key is set");', 'the module cannot be loaded: no key is set'],
    ['waits.mjs', 'await new Promise(() => {});', 'the promise of import did not settle within 2 s'],
  ])('%s is refused in one sentence', async (name, code, text) => {
    const path = code === undefined ? join(folder, name) : await file(name, code);
    const loading = loadReward(path, 2);
    await expect(loading).rejects.toMatchObject({ kind: 'module' });
    await expect(loading).rejects.toThrow(`${path}: ${text}`);
  });
});
