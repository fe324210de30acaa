import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { miniTokenizer } from '../data/mini/tokenizer.js';
import type { Tokenizer } from '../text/tokenizer.js';
import {
  allowance,
  keptGroups,
  packed,
  packedLogProbabilities,
  tokenLengths,
  unpacked,
  unpackedLogProbabilities,
} from './kept-groups.js';
import type { RewardedGroup } from './step-metrics.js';

const mini = miniTokenizer();

/** A token for each byte of UTF-8, so that most characters take several. */
const bytes: Tokenizer = {
  encode: (text) => [...Buffer.from(text)],
  encodeText: (text) => [...Buffer.from(text)],
  decode: (ids) => Buffer.from(ids).toString('utf8'),
  vocabularySize: 256,
  idOf: () => undefined,
  controlTokens: new Map(),
};

describe('the lengths of tokens', () => {
  it('give a character of several tokens to the one that completes it', () => {
    const text = 'aé€😀b';
    expect(tokenLengths(bytes.encode(text), text, bytes)).toEqual([1, 0, 1, 0, 0, 1, 0, 0, 0, 2, 1]);
  });

  it('count the spaces that decoding puts between words', () => {
    const ids = mini.encodeText('anna oslo ben');
    expect(tokenLengths(ids, mini.decode(ids), mini)).toEqual([4, 5, 4]);
  });

  it('add up to the text, whatever it is, also where it is no UTF-8', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (raw) => {
        const ids = [...raw];
        const text = bytes.decode(ids);
        const lengths = tokenLengths(ids, text, bytes);
        expect(lengths).toHaveLength(ids.length);
        expect(lengths.reduce((a, b) => a + b, 0)).toBe(text.length);
      }),
    );
  });
});

describe('packed numbers', () => {
  it('come back, log-probabilities to half a thousandth of a nat', () => {
    expect(unpacked(packed([0, 7, 65_535, 70_000]))).toEqual([0, 7, 65_535, 65_535]);
    expect(unpackedLogProbabilities(packedLogProbabilities([0, -0.0004, -1.2345, -70, Number.NaN]))).toEqual([
      0,
      0,
      -1.235,
      -65.534,
      Number.NaN,
    ]);
  });

  it('take two bytes each', () => {
    expect(packedLogProbabilities(new Array(300).fill(-1))).toHaveLength(800);
  });
});

it('the limit of the file is spread over the steps, so that the end of a run is kept too', () => {
  const config = { steps: 10, savedGroups: { perStep: 1, megabytes: 5 } };
  expect(allowance(2, config)).toBe(1e6);
  expect(allowance(10, config)).toBe(5e6);
  // A first group may be as large as the file.
  expect(allowance(1, config)).toBe(5e6);
});

describe('a kept group', () => {
  const ids = (text: string) => mini.encodeText(text);
  const turn = (kind: 'memory' | 'answer', text: string, memory: string) => ({
    kind,
    promptIds: [],
    outputIds: ids(text),
    logProbabilities: ids(text).map(() => -0.5),
    memoryIds: ids(memory),
    promptTokens: 20,
    outputTokens: ids(text).length,
    memoryTokens: ids(memory).length,
    stopReason: 'stop' as const,
    empty: false,
    seconds: 0,
  });
  const long = `${'anna oslo '.repeat(150)}ben rome ${'cora riga '.repeat(150)}`;
  const start = long.indexOf('ben');
  const group: RewardedGroup = {
    group: {
      id: 'q',
      question: 'ben',
      answers: ['rome'],
      outcomes: [1],
      relevantRanges: [[{ start, end: start + 8 }], []],
      trajectories: [
        {
          questionId: 'q',
          sample: 0,
          questionIds: ids('ben'),
          initialMemoryIds: ids('ben ?'),
          turns: [
            turn('memory', 'ben rome', 'ben rome'),
            turn('memory', 'ben', 'ben rome'),
            turn('answer', 'rome', 'ben rome'),
          ],
          output: 'rome',
        },
      ],
    },
    chunks: [
      { index: 0, start: 0, end: long.length, ids: ids(long) },
      { index: 1, start: long.length, end: long.length + 9, ids: ids('dan linz') },
    ],
    teacher: [[[-0.25, -1], [-2]]],
    scores: [[0.5, 0.25]],
    rewards: [[0.5, 0.25, 1]],
    advantages: [[1, -1, 0]],
  };

  it('has chunks with what is relevant, memories and log-probabilities of every token', () => {
    const [kept] = keptGroups(3, [group], 1, { tokenizer: mini });
    expect(kept).toMatchObject({ step: 3, questionId: 'q', initialMemory: 'ben ?', answers: ['rome'] });
    const [first, second] = kept.chunks;
    expect(first.parts.filter((part) => 'relevant' in part)).toEqual([{ text: 'ben rome', relevant: true }]);
    // Long stretches lose their middle, and say how much.
    const left = first.parts.flatMap((part) => ('left' in part ? part.left : []));
    expect(left).toHaveLength(2);
    const shown = first.parts.reduce((sum, part) => sum + ('left' in part ? part.left : part.text.length), 0);
    expect(shown).toBe(long.trimEnd().length);
    expect(second.parts).toEqual([{ text: 'dan linz' }]);
    const [written, shorter, answer] = kept.rollouts[0].turns;
    expect(written).toMatchObject({ text: 'ben rome', memory: [0, 8], reward: 0.5, score: 0.5, promptTokens: 20 });
    // The memory is not always a part of what was written.
    expect(shorter.memory).toBe('ben rome');
    expect(answer).not.toHaveProperty('memory');
    expect(unpackedLogProbabilities(written.student)).toEqual([-0.5, -0.5]);
    expect(unpackedLogProbabilities(written.teacher ?? '')).toEqual([-0.25, -1]);
    expect(answer).not.toHaveProperty('teacher');
  });

  it('shows as the answer what was scored', () => {
    const answerOf = (found?: string[]) =>
      keptGroups(1, [{ ...group, group: { ...group.group, found } }], 1, { tokenizer: mini })[0].rollouts[0].answer;
    expect(answerOf(['in the box'])).toBe('in the box');
    expect(answerOf()).toBe('rome');
  });

  it('is one of as many as are wanted', () => {
    expect(keptGroups(1, [group, group], 0, { tokenizer: mini })).toEqual([]);
    expect(keptGroups(1, [group, group], 5, { tokenizer: mini })).toHaveLength(2);
  });
});
