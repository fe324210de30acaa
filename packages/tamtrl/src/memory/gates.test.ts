/** Update and exit gates: the model says that the memory stays, or that it need not read on. */
import { describe, expect, it } from 'vitest';
import { exampleOfMini } from '../data/examples.js';
import { miniExample } from '../data/mini/task.js';
import { miniChat } from '../data/mini/tokenizer.js';
import { CountingTokenizer, messageFormat } from '../policy/openai/counting-tokenizer.js';
import type { RolloutGroup } from '../reward/group.js';
import { grumem } from '../reward/grumem.js';
import type { MethodContext } from '../reward/method.js';
import type { AgentChunk } from '../text/chunks.js';
import { supervisedRow } from '../train/sft-rows.js';
import { runAgent } from './agent.js';
import { PromptFrames } from './frames.js';
import { chatGatedPrompts, miniGatedPrompts } from './prompts.js';
import { chunksOf, scripted, tokenizer } from './scripted-mini.test-support.js';
import { trajectoryStatistics } from './statistics.js';
import type { Trajectory } from './trajectory.js';
import { asMemory, type Output } from './turn.js';

const frames = new PromptFrames({ tokenizer, chat: miniChat }, miniGatedPrompts);
const budgets = { questionTokens: 4, chunkTokens: 4, memoryTokens: 6, answerTokens: 3 };

/** Chunks that count how many of them were asked for, and whether the source was closed. */
function counted(...texts: string[]) {
  const seen = { pulled: 0, closed: false };
  function* chunks(): Generator<AgentChunk> {
    try {
      for (const chunk of chunksOf(...texts)) {
        seen.pulled++;
        yield chunk;
      }
    } finally {
      seen.closed = true;
    }
  }
  return { seen, chunks: chunks() };
}

const turnsOf = ({ turns }: Trajectory) =>
  turns.map(({ kind, memoryIds, unchanged, exited }) =>
    [kind, tokenizer.decode(memoryIds), ...(unchanged ? ['same'] : []), ...(exited ? ['exit'] : [])].join(': '),
  );

describe('an exit', () => {
  const reply = (prompt: string) => {
    if (prompt.endsWith('<answer>')) return prompt.includes('anna oslo') ? 'oslo' : '?';
    if (prompt.includes('<section> anna oslo')) return 'anna oslo .';
    return '=';
  };
  const texts = ['ben rome', 'anna oslo', ...Array.from({ length: 20 }, () => 'emma bonn'), 'joe rome'];

  it.each([false, true])('answers at once, and the rest of the text is not read (ahead: %s)', async (speculation) => {
    const { model, calls } = scripted(reply, { speculation });
    const { seen, chunks } = counted(...texts);
    const [[trajectory]] = await runAgent(model, [{ id: 'q', question: 'anna', chunks }], { frames, budgets, seed: 1 });
    expect(turnsOf(trajectory)).toEqual(['memory: anna ?: same', 'memory: anna oslo: exit', 'answer: anna oslo']);
    expect(trajectory.output).toBe('oslo');
    expect(seen.closed).toBe(true);
    expect(seen.pulled).toBeLessThan(texts.length);
    expect(calls.flat().some((prompt) => prompt.includes('joe rome'))).toBe(false);
    expect(trajectoryStatistics([trajectory])).toMatchObject({ exit_rate: 1, unchanged_rate: 0.5 });
  });

  it('is each rollout its own, and does not change the others', async () => {
    const { model } = scripted((prompt, sample) => (sample === 1 && prompt.endsWith('<update>') ? '.' : reply(prompt)));
    const task = () => ({ id: 'q', question: 'anna', chunks: counted(...texts).chunks, samples: 3 });
    const [[first, second, third]] = await runAgent(model, [task()], { frames, budgets, seed: 1 });
    expect(turnsOf(second)).toEqual(['memory: anna ?: same: exit', 'answer: anna ?']);
    expect(turnsOf(first)).toEqual(['memory: anna ?: same', 'memory: anna oslo: exit', 'answer: anna oslo']);
    expect(turnsOf(third)).toEqual(turnsOf(first));
  });

  it('at the last chunk, or nowhere, leaves a reading of the whole text', async () => {
    const never = scripted((prompt) => (prompt.endsWith('<answer>') ? 'oslo' : '='));
    const last = scripted((prompt) => (prompt.endsWith('<answer>') ? 'oslo' : prompt.includes('joe') ? '= .' : '='));
    for (const { model } of [never, last]) {
      const [[{ turns }]] = await runAgent(model, [{ id: 'q', question: 'anna', chunks: counted(...texts).chunks }], {
        frames,
        budgets,
        seed: 1,
      });
      expect(turns).toHaveLength(texts.length + 1);
    }
  });
});

describe('the words of the gates', () => {
  const counting = new CountingTokenizer();
  const chat = new PromptFrames({ tokenizer: counting, chat: messageFormat }, chatGatedPrompts);
  const read = (text: string) => {
    const ids = counting.encodeText(text);
    const output = {
      ids,
      text,
      empty: text.trim() === '',
      sample: { tokens: ids, logProbabilities: [], stopReason: 'stop' },
    };
    const { unchanged, exited, empty, ids: kept } = asMemory(output as Output, chat);
    return { memory: counting.decode(kept), unchanged, exited, empty };
  };

  it('are found whatever tokens they are made of', () => {
    expect(read('Ada lives in Oslo.\nDONE')).toMatchObject({
      memory: 'Ada lives in Oslo.',
      exited: true,
      empty: false,
    });
    expect(read(' Ada lives in Oslo. DONE \n')).toMatchObject({ memory: ' Ada lives in Oslo.', exited: true });
    expect(read('SAME')).toMatchObject({ unchanged: true, exited: undefined });
    expect(read(' SAME\n')).toMatchObject({ unchanged: true });
    expect(read('SAME\nDONE')).toMatchObject({ unchanged: true, exited: true });
    expect(read('DONE')).toMatchObject({ unchanged: true, exited: true, empty: false });
  });

  it('are not found within other words', () => {
    expect(read('It is UNDONE')).toMatchObject({ memory: 'It is UNDONE', exited: undefined });
    expect(read('DONE is what she said.')).toMatchObject({ exited: undefined });
    expect(read('The SAME')).toMatchObject({ unchanged: undefined });
    expect(read('')).toMatchObject({ empty: true, exited: undefined });
  });

  it('are what supervised rows teach: from the last needed fact on, to stop', () => {
    const example = exampleOfMini(miniExample({ chunks: 6, factsPerChunk: 1, queries: 1 }, 1, 0), tokenizer);
    const { enoughAfter = 0, idealMemories = [] } = example;
    expect(enoughAfter).toBeGreaterThan(0);
    expect(idealMemories[enoughAfter]).toBe(idealMemories.at(-1));
    expect(idealMemories[enoughAfter - 1]).not.toBe(idealMemories.at(-1));
    const parts = { frames, policy: { chat: miniChat }, config: { memory: { ...budgets, chunkTokens: 2 } } };
    const targets = example.chunks.map((_, turn) =>
      tokenizer.decode(supervisedRow(example, turn, false, parts).completionIds, { skipSpecialTokens: true }).trim(),
    );
    expect(targets).toEqual(
      idealMemories.slice(1).map((memory, turn) => {
        const words = memory === idealMemories[turn] ? '=' : memory;
        return turn + 1 >= enoughAfter ? `${words} .` : words;
      }),
    );
  });
});

describe('the exit reward of grumem', () => {
  const evidence = ['', 'anna oslo', '', ''];
  const group = async (stopAt: number, filteredChunks = evidence) => {
    let read = 0;
    const { model } = scripted((prompt) => (prompt.endsWith('<answer>') ? 'oslo' : ++read === stopAt ? '.' : '='));
    const [trajectories] = await runAgent(
      model,
      [{ id: 'q', question: 'anna', chunks: counted('a', 'b', 'c', 'd').chunks }],
      { frames, budgets, seed: 1 },
    );
    return {
      id: 'q',
      question: 'anna',
      answers: ['oslo'],
      trajectories,
      outcomes: [1],
      filteredChunks,
    } as RolloutGroup;
  };
  const reward = async (stopAt: number, options: object = {}, filtered = evidence) => {
    const context = { frames, options } as unknown as MethodContext<(typeof grumem)['options']>;
    const { outcomes, metrics } = await grumem.turnScores([await group(stopAt, filtered)], context);
    return [outcomes?.[0][0], metrics?.exit_early, metrics?.exit_late];
  };

  it('takes 0.75 for stopping before the last evidence and 0.5 for reading on after it', async () => {
    expect(await reward(1)).toEqual([0.25, 1, 0]);
    expect(await reward(2)).toEqual([1, 0, 0]);
    expect(await reward(3)).toEqual([0.5, 0, 1]);
    expect(await reward(9)).toEqual([0.5, 0, 1]);
    expect(await reward(9, {}, ['', '', '', 'anna oslo'])).toEqual([1, 0, 0]);
    expect(await reward(1, {}, ['', '', '', ''])).toEqual([1, 0, 0]);
    // The last of several counts.
    expect(await reward(2, {}, ['', 'anna oslo', '', 'anna oslo'])).toEqual([0.25, 1, 0]);
    expect(await reward(3, { grumem: { exit: { early: 0.75, late: 0 } } })).toEqual([1, 0, 1]);
  });
});
