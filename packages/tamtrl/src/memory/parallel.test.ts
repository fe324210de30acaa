/** Reading side by side: which prompts are asked, what is merged, and what the record of it says. */
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../base/random.js';
import { exampleOfMini } from '../data/examples.js';
import { miniExample } from '../data/mini/task.js';
import { miniChat } from '../data/mini/tokenizer.js';
import { parallelRow } from '../train/sft-parallel.js';
import { runAgent } from './agent.js';
import type { AgentOptions } from './agent-options.js';
import { PromptFrames } from './frames.js';
import { miniGatedPrompts, miniPrompts } from './prompts.js';
import { chunksOf, idealReply, scripted, tokenizer } from './scripted-mini.test-support.js';
import { parallelOf } from './settings.js';
import { memoryBefore, type Trajectory } from './trajectory.js';

const frames = new PromptFrames({ tokenizer, chat: miniChat }, miniPrompts);
const budgets = { questionTokens: 4, chunkTokens: 4, memoryTokens: 8, answerTokens: 4 };

const options = (more: Partial<AgentOptions> = {}): AgentOptions => ({
  frames,
  budgets,
  seed: 1,
  parallel: { chunks: 1, width: 2 },
  ...more,
});

const turnsOf = ({ turns }: Trajectory) =>
  turns.map(({ kind, chunk, reads, memoryIds }) => {
    const what = chunk ? `chunk ${chunk.index}` : kind === 'answer' ? 'answer' : 'merge';
    return `${what} from [${reads}]: ${tokenizer.decode(memoryIds)}`;
  });

const texts = ['anna oslo', 'max lima', 'ben rome', 'eva nice', 'joe bonn'];

describe('reading side by side', () => {
  it('reads every chunk from the first memory, merges in rounds, and answers', async () => {
    const { model, calls } = scripted(idealReply);
    const task = { id: 'q', question: 'anna ben eva', chunks: chunksOf(...texts) };
    const [[trajectory]] = await runAgent(model, [task], options({ budgets: { ...budgets, memoryTokens: 8 } }));
    expect(turnsOf(trajectory)).toEqual([
      'chunk 0 from []: anna oslo ben ? eva ?',
      'chunk 1 from []: anna ? ben ? eva ?',
      'chunk 2 from []: anna ? ben rome eva ?',
      'chunk 3 from []: anna ? ben ? eva nice',
      'chunk 4 from []: anna ? ben ? eva ?',
      // Chunks 0 and 1 need no merge, because the second told nothing; neither does the last.
      'merge from [2,3]: anna ? ben rome eva nice',
      'merge from [0,5]: anna oslo ben rome eva nice',
      'answer from [6]: anna oslo ben rome eva nice',
    ]);
    expect(trajectory.output).toBe('oslo rome nice');
    // One call for the chunks, one for each round that has to merge something, one for the answer.
    expect(calls.map(({ length }) => length)).toEqual([5, 1, 1, 1]);
    expect(calls[1]).toEqual([
      '<question> anna ben eva <memory> anna ? ben rome eva ? <section> anna ? ben ? eva nice <update>',
    ]);
    expect(tokenizer.decode(memoryBefore(trajectory, 5))).toBe('anna ? ben rome eva ?');
    expect(tokenizer.decode(memoryBefore(trajectory, 3))).toBe('anna ? ben ? eva ?');
    expect(memoryBefore(trajectory, 7)).toEqual(trajectory.turns[6].memoryIds);
  });

  it('reads the chunks of a stretch one after another, and merges as many memories as asked', async () => {
    const { model, calls } = scripted(idealReply);
    const task = () => ({ id: 'q', question: 'anna ben eva', chunks: chunksOf(...texts) });
    const [[two]] = await runAgent(model, [task()], options({ parallel: { chunks: 2, width: 2 } }));
    expect(turnsOf(two).slice(0, 5)).toEqual([
      'chunk 0 from []: anna oslo ben ? eva ?',
      'chunk 1 from [0]: anna oslo ben ? eva ?',
      'chunk 2 from []: anna ? ben rome eva ?',
      'chunk 3 from [2]: anna ? ben rome eva nice',
      'chunk 4 from []: anna ? ben ? eva ?',
    ]);
    expect(calls[0]).toHaveLength(3);
    expect(calls[1]).toHaveLength(2);
    const [[wide]] = await runAgent(model, [task()], options({ parallel: { chunks: 1, width: 4 } }));
    expect(turnsOf(wide).slice(5)).toEqual([
      'merge from [0,2,3]: anna oslo ben rome eva nice',
      'answer from [5]: anna oslo ben rome eva nice',
    ]);
    const [[all]] = await runAgent(model, [task()], options({ parallel: { chunks: 99, width: 2 } }));
    const [[sequential]] = await runAgent(model, [task()], options({ parallel: undefined }));
    expect(all.turns.map(({ promptIds }) => promptIds)).toEqual(sequential.turns.map(({ promptIds }) => promptIds));
  });

  it('gives each rollout its own memories and merges, whatever is read beside it', async () => {
    const reply = (prompt: string, sample: number) =>
      sample === 1 && prompt.includes('<section> anna oslo') ? 'anna bonn ben ? eva ?' : idealReply(prompt);
    const task = (id: string) => ({ id, question: 'anna ben eva', chunks: chunksOf(...texts), samples: 2 });
    const alone = await runAgent(scripted(reply).model, [task('a')], options());
    const beside = await runAgent(scripted(reply).model, [task('b'), task('a'), task('c')], options());
    expect(alone[0].map(({ output }) => output)).toEqual(['oslo rome nice', 'bonn rome nice']);
    const plain = (group: Trajectory[]) => group.map(({ turns }) => turns.map(({ seconds: _, ...turn }) => turn));
    expect(plain(beside[1])).toEqual(plain(alone[0]));
  });

  it('copes with no chunk, one chunk, and long texts', async () => {
    const run = async (count: number) => {
      const { model, calls } = scripted(idealReply);
      const all = Array.from({ length: count }, (_, at) => (at === count - 1 ? 'anna oslo' : 'max lima'));
      const task = { id: 'q', question: 'anna', chunks: chunksOf(...all) };
      const [[trajectory]] = await runAgent(model, [task], options({ keep: 'counts' }));
      return { output: trajectory.output, turns: trajectory.turns.length, calls: calls.length, trajectory };
    };
    expect(await run(0)).toMatchObject({ output: '?', turns: 1 });
    expect(await run(1)).toMatchObject({ output: 'oslo', turns: 2 });
    // Where one chunk of 200 tells something, nothing is merged: calls of 64 updates, and the answer.
    expect(await run(200)).toMatchObject({ output: 'oslo', turns: 201, calls: 5 });
  });

  it('is refused where it makes no sense or does not fit', async () => {
    const task = { id: 'q', question: 'anna', chunks: chunksOf(...texts) };
    const gated = new PromptFrames({ tokenizer, chat: miniChat }, miniGatedPrompts);
    await expect(runAgent(scripted(idealReply).model, [task], options({ frames: gated }))).rejects.toThrow(
      /"mini-gated" let the model stop reading, but side by side all chunks are read at once/,
    );
    await expect(
      runAgent(scripted(idealReply).model, [task], options({ parallel: { chunks: 1, width: 8 } })),
    ).rejects.toThrow(
      /Merging 8 memories needs up to \d+ tokens .* but the model's window holds 64\. Lower mergeWidth or memoryTokens\./,
    );
    const from = { memoryIds: tokenizer.encode('anna oslo'), turn: 3 };
    await expect(runAgent(scripted(idealReply).model, [{ ...task, from }], options())).rejects.toThrow(
      /goes on with a memory/,
    );
    const long = { ...task, chunks: chunksOf('anna oslo ben rome eva nice') };
    await expect(runAgent(scripted(idealReply).model, [long], options())).rejects.toThrow(
      /Chunk 0 of "q" has 6 tokens/,
    );
    expect(parallelOf({})).toBeUndefined();
    expect(parallelOf({ parallel: 0, mergeWidth: 3 })).toBeUndefined();
    expect(parallelOf({ parallel: 2 })).toEqual({ chunks: 2, width: 2 });
  });
});

it('supervised rows are the prompts that an ideal model meets, with what it writes', async () => {
  const mini = miniExample({ chunks: 5, factsPerChunk: 2, queries: 3 }, 1, 4);
  const example = exampleOfMini(mini, tokenizer);
  const limits = { ...budgets, memoryTokens: 10 };
  for (const parallel of [
    { chunks: 1, width: 2 },
    { chunks: 2, width: 2 },
    { chunks: 1, width: 3 },
  ]) {
    const { model, calls } = scripted(idealReply, { contextLength: 128 });
    const asked = { id: 'q', question: example.question, chunks: example.chunks };
    const [[{ turns }]] = await runAgent(model, [asked], { frames, budgets: limits, seed: 1, parallel });
    const met = new Map(turns.map(({ promptIds, outputIds }) => [tokenizer.decode(promptIds), outputIds]));
    expect(met.size).toBe(calls.flat().length);
    const seen = new Set<string>();
    for (let number = 0; number < 200; number++) {
      const parts = { frames, policy: { chat: miniChat }, config: { memory: limits } };
      const row = parallelRow(example, parallel, new SeededRandom('rows', number), 0, parts);
      const prompt = tokenizer.decode(row.promptIds);
      expect(row.completionIds, prompt).toEqual(met.get(prompt));
      seen.add(prompt);
    }
    expect(seen).toEqual(new Set(met.keys()));
  }
});
