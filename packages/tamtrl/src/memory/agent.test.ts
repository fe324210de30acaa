import { expect, it } from 'vitest';
import { miniChat, miniTokenizer } from '../data/mini/tokenizer.js';
import { EMBEDDED_BABI } from '../models/embedded.js';
import type { GenerateOptions, GenerateRequest, Sample } from '../policy/types.js';
import type { AgentChunk } from '../text/chunks.js';
import { loadTokenizer } from '../text/hugging-face-tokenizer.js';
import { loadChatFormat } from '../text/templates.js';
import { type AgentOptions, runAgent } from './agent.js';
import { PromptFrames } from './frames.js';
import { babiPrompts, miniPrompts } from './prompts.js';
import { trajectoryStatistics } from './statistics.js';
import type { MemoryModel } from './turn.js';

const tokenizer = miniTokenizer();
const budgets = { questionTokens: 4, chunkTokens: 4, memoryTokens: 6, answerTokens: 3 };
const frames = new PromptFrames({ tokenizer, chat: miniChat }, miniPrompts);
const [eos] = miniChat.stopIds;

/** A model that says what it is told to for each prompt, and remembers what it was asked. */
class ScriptedModel implements MemoryModel {
  readonly tokenizer = tokenizer;
  readonly chat = miniChat;
  readonly calls: { requests: readonly GenerateRequest[]; options: GenerateOptions }[] = [];

  constructor(
    readonly reply: (prompt: string, sample: number) => string,
    readonly contextLength = 64,
  ) {}

  async sample(requests: readonly GenerateRequest[], options: GenerateOptions): Promise<Sample[][]> {
    this.calls.push({ requests, options });
    return requests.map(({ promptIds, samples = 1 }) =>
      Array.from({ length: samples }, (_, sample): Sample => {
        const tokens = tokenizer.encode(this.reply(tokenizer.decode(promptIds), sample));
        return {
          tokens,
          logProbabilities: tokens.map(() => -0.5),
          stopReason: tokens.at(-1) === eos ? 'stop' : 'length',
        };
      }),
    );
  }
}

function chunksOf(...texts: string[]): AgentChunk[] {
  let start = 0;
  return texts.map((text, index) => {
    const chunk = { index, ids: tokenizer.encode(text), start, end: start + text.length };
    start = chunk.end;
    return chunk;
  });
}

function options(more: Partial<AgentOptions> = {}): AgentOptions {
  return { frames, budgets, seed: 1, ...more };
}

it('reads chunk after chunk and answers from the memory alone', async () => {
  const model = new ScriptedModel((prompt) => {
    if (prompt.endsWith('<answer>')) return 'oslo <eos>';
    return prompt.includes('anna oslo <update>') ? 'anna oslo <eos>' : 'anna ? <eos>';
  });
  const [[trajectory]] = await runAgent(
    model,
    [{ id: 'q', question: 'anna', chunks: chunksOf('ben rome', 'anna oslo') }],
    options(),
  );
  const prompts = trajectory.turns.map(({ promptIds }) => tokenizer.decode(promptIds));
  expect(prompts).toEqual([
    '<question> anna <memory> anna ? <section> ben rome <update>',
    '<question> anna <memory> anna ? <section> anna oslo <update>',
    '<question> anna <memory> anna oslo <answer>',
  ]);
  // The ids of a prompt are those of its text: no seam between frame and slots.
  for (const [at, { promptIds }] of trajectory.turns.entries())
    expect(promptIds).toEqual(tokenizer.encode(prompts[at]));
  expect(trajectory.output).toBe('oslo');
  // The stop token belongs to the output, which is trained, and not to the memory.
  expect(trajectory.turns[1].outputIds).toEqual(tokenizer.encode('anna oslo <eos>'));
  expect(trajectory.turns[1].memoryIds).toEqual(tokenizer.encode('anna oslo'));
  expect(trajectory.turns.map(({ chunk }) => chunk)).toEqual([
    { index: 0, start: 0, end: 8, tokens: 2 },
    { index: 1, start: 8, end: 17, tokens: 2 },
    undefined,
  ]);
  expect(model.calls.map(({ requests }) => requests[0].maxTokens)).toEqual([6, 6, 3]);
  expect(model.calls.every(({ options: { stopIds } }) => stopIds?.[0] === eos)).toBe(true);
});

it('all live rollouts of a turn go in one call; a group shares its first prompt; short texts answer earlier', async () => {
  const model = new ScriptedModel((prompt, sample) =>
    prompt.includes('<update>') ? `anna ${sample} <eos>` : 'oslo <eos>',
  );
  const groups = await runAgent(
    model,
    [
      { id: 'long', question: 'anna', chunks: chunksOf('ben rome', 'carl bern'), samples: 3 },
      { id: 'short', question: 'ben', chunks: chunksOf('ben rome'), samples: 2 },
      { id: 'none', question: 'carl', chunks: [], samples: 2 },
    ],
    options(),
  );
  expect(model.calls.map(({ requests }) => requests.map(({ samples }) => samples))).toEqual([
    [3, 2, 2],
    [1, 1, 1, 1, 1],
    [1, 1, 1],
  ]);
  expect(groups.map((group) => group.map(({ turns }) => turns.length))).toEqual([
    [3, 3, 3],
    [2, 2],
    [1, 1],
  ]);
  expect(groups[0].map(({ turns }) => tokenizer.decode(turns[0].memoryIds))).toEqual(['anna 0', 'anna 1', 'anna 2']);
  expect(groups[2][0].output).toBe('oslo');
});

it('the old memory and its end are the draft of an update; accepted tokens are counted if the model reports them', async () => {
  const model = new ScriptedModel((prompt) => {
    if (prompt.endsWith('<answer>')) return 'oslo <eos>';
    return prompt.includes('anna oslo <update>')
      ? 'anna oslo <eos>'
      : prompt.includes('oslo')
        ? 'oslo <eos>'
        : 'anna ? <eos>';
  });
  const tasks = [{ id: 'q', question: 'anna', chunks: chunksOf('ben rome', 'anna oslo', 'carl bern') }];
  const run = async (own: MemoryModel) => (await runAgent(own, tasks, options()))[0];
  const [plain] = await run(model);
  expect(model.calls.map(({ requests }) => requests[0].draft && tokenizer.decode(requests[0].draft))).toEqual([
    'anna ? <eos>',
    'anna ? <eos>',
    'anna oslo <eos>',
    undefined,
  ]);
  expect(trajectoryStatistics([plain])).not.toHaveProperty('draft_acceptance');

  const accepted = [3, 1, 0];
  const verifying = async (requests: readonly GenerateRequest[], how: GenerateOptions) => {
    const results = await model.sample(requests, how);
    return results.map((samples, at) =>
      samples.map((sample) => (requests[at].draft ? { ...sample, acceptedDraft: accepted.shift() } : sample)),
    );
  };
  const group = await run({ tokenizer, chat: miniChat, contextLength: 64, sample: verifying });
  expect(group[0].turns.map(({ draft }) => draft)).toEqual([
    { drafted: 3, accepted: 3 },
    { drafted: 3, accepted: 1 },
    { drafted: 3, accepted: 0 },
    undefined,
  ]);
  expect(trajectoryStatistics(group).draft_acceptance).toBeCloseTo(4 / 9, 12);
});

it('seeds depend on question, rollout and turn, not on the company', async () => {
  const seedsOf = async (ids: string[]) => {
    const model = new ScriptedModel(() => 'anna <eos>');
    await runAgent(
      model,
      ids.map((id) => ({ id, question: 'anna', chunks: chunksOf('ben rome', 'carl bern'), samples: 2 })),
      options(),
    );
    return model.calls.map(({ requests }) => requests.map(({ seed }) => seed));
  };
  const together = await seedsOf(['a', 'b']);
  const alone = await seedsOf(['b']);
  expect(together.map((seeds) => seeds.slice(seeds.length / 2))).toEqual(alone);
  expect(new Set(together.flat()).size).toBe(together.flat().length);
});

it('an empty output keeps or overwrites the memory, as configured, and is counted', async () => {
  const reply = (prompt: string) => (prompt.includes('ben rome <update>') ? '<eos>' : 'anna oslo <eos>');
  const memoriesWith = async (empty: 'keep' | 'overwrite') => {
    const chunks = chunksOf('anna oslo', 'ben rome');
    const [group] = await runAgent(
      new ScriptedModel(reply),
      [{ id: 'q', question: 'anna', chunks }],
      options({ empty }),
    );
    expect(trajectoryStatistics(group)).toMatchObject({ empty_rate: 0.5, overflow_rate: 0 });
    return group[0].turns.map(({ memoryIds }) => tokenizer.decode(memoryIds));
  };
  expect(await memoriesWith('keep')).toEqual(['anna oslo', 'anna oslo', 'anna oslo']);
  expect(await memoriesWith('overwrite')).toEqual(['anna oslo', '', '']);
});

it('a memory that runs into the limit is kept as it is, and counted', async () => {
  const model = new ScriptedModel((prompt) =>
    prompt.includes('<update>') ? 'anna oslo ben rome carl bern' : 'oslo <eos>',
  );
  const [group] = await runAgent(model, [{ id: 'q', question: 'anna', chunks: chunksOf('ben rome') }], options());
  expect(group[0].turns[0]).toMatchObject({ stopReason: 'length', memoryTokens: 6 });
  expect(trajectoryStatistics(group)).toMatchObject({
    overflow_rate: 1,
    answer_overflow_rate: 0,
    memory_tokens: 6,
    memory_tokens_by_turn: [6],
  });
});

it('a stream is pulled one chunk at a time, and counts keep no ids', async () => {
  let pulled = 0;
  async function* stream(): AsyncGenerator<AgentChunk> {
    for (const chunk of chunksOf('ben rome', 'anna oslo', 'carl bern')) {
      pulled++;
      yield chunk;
    }
  }
  const seen: string[] = [];
  const model = new ScriptedModel(() => `anna ${pulled} <eos>`);
  const [[trajectory]] = await runAgent(
    model,
    [{ id: 'q', question: 'anna', chunks: stream() }],
    options({ keep: 'counts', onTurn: ({ memoryIds }) => seen.push(tokenizer.decode(memoryIds)) }),
  );
  // When the first memory was written, only the first chunk had been read.
  expect(seen).toEqual(['anna 1', 'anna 2', 'anna 3', 'anna 3']);
  for (const turn of trajectory.turns.slice(0, -1)) {
    expect([turn.promptIds, turn.outputIds, turn.logProbabilities, turn.memoryIds]).toEqual([[], [], [], []]);
    expect(turn).toMatchObject({ memoryTokens: 2, outputTokens: 3 });
  }
  expect(tokenizer.decode(trajectory.turns[3].memoryIds)).toBe('anna 3');
});

it('inputs that do not fit are refused with the numbers', async () => {
  const task = (question: string, chunk: string) => [{ id: 'q', question, chunks: chunksOf(chunk) }];
  const run = (question: string, chunk: string, context?: number) => {
    const model = new ScriptedModel(() => 'anna <eos>', context);
    return runAgent(model, task(question, chunk), options());
  };
  // 4 markers + 4 question + 6 memory + 4 chunk + 6 new memory.
  await expect(run('anna', 'ben rome', 24)).resolves.toBeDefined();
  await expect(run('anna', 'ben rome', 23)).rejects.toThrow(
    "A memory update needs up to 24 tokens (fixed text 4 + question 4 + memory 6 + chunk 4 + new memory 6), but the model's window holds 23. Lower chunkTokens to at most 3",
  );
  await expect(run('anna ben carl dan emma', 'ben rome')).rejects.toThrow('has 5 tokens; questionTokens allows 4');
  await expect(run('anna', 'ben rome carl bern dan kyoto')).rejects.toThrow('has 6 tokens; chunkTokens allows 4');
  await expect(run('anna ben carl dan', 'ben rome')).rejects.toThrow('has 8 tokens; memoryTokens allows 6');
});

it('an abort ends the run and releases the stream', async () => {
  let closed = false;
  async function* stream(): AsyncGenerator<AgentChunk> {
    try {
      while (true) yield* chunksOf('ben rome');
    } finally {
      closed = true;
    }
  }
  const controller = new AbortController();
  const model = new ScriptedModel(() => {
    controller.abort(new Error('enough'));
    return 'anna <eos>';
  });
  const tasks = [{ id: 'q', question: 'anna', chunks: stream() }];
  await expect(runAgent(model, tasks, options({ signal: controller.signal }))).rejects.toThrow('enough');
  expect(closed).toBe(true);
});

it('keeps a memory to the token where the model says that it stays, and says how often', async () => {
  const babi = await loadTokenizer(EMBEDDED_BABI);
  const chat = await loadChatFormat(EMBEDDED_BABI, babi);
  const own = new PromptFrames({ tokenizer: babi, chat }, babiPrompts);
  const replies = ['Mary kitchen<eos>', '<same><eos>', '<same> Mary<eos>', 'kitchen<eos>'];
  const model: MemoryModel = {
    tokenizer: babi,
    chat,
    contextLength: 256,
    sample: async (requests) =>
      requests.map(() => {
        const tokens = babi.encode(replies.shift()!);
        return [{ tokens, logProbabilities: tokens.map(() => 0), stopReason: 'stop' as const }];
      }),
  };
  const chunks = [0, 1, 2].map((index) => ({ index, ids: babi.encodeText(' It rained.'), start: 0, end: 1 }));
  const wide = { questionTokens: 9, chunkTokens: 9, memoryTokens: 9, answerTokens: 9 };
  const [[trajectory]] = await runAgent(model, [{ id: 'a', question: 'Where is Mary?', chunks }], {
    frames: own,
    budgets: wide,
    seed: 1,
  });
  const memories = trajectory.turns.map(({ memoryIds }) => babi.decode(memoryIds));
  // Only the token alone counts; with more beside it, the memory is what was written, without control tokens.
  expect(memories).toEqual(['Mary kitchen', 'Mary kitchen', ' Mary', ' Mary']);
  expect(trajectory.turns.map(({ unchanged, empty }) => [unchanged, empty])).toEqual([
    [undefined, false],
    [true, false],
    [undefined, false],
    [undefined, false],
  ]);
  expect(trajectoryStatistics([trajectory]).unchanged_rate).toBeCloseTo(1 / 3);
});

it('reads on from a memory and a turn as if it had never stopped', async () => {
  const reply = (prompt: string) => (prompt.endsWith('<answer>') ? 'rome <eos>' : `anna ${prompt.split(' ')[5]} <eos>`);
  const texts = ['anna oslo', 'ben rome', 'emma paris'];
  const whole = new ScriptedModel(reply);
  const task = { id: 'q', question: 'anna', seed: 5 };
  const [[all]] = await runAgent(whole, [{ ...task, chunks: chunksOf(...texts) }], options());
  const rest = new ScriptedModel(reply);
  const from = { memoryIds: all.turns[0].memoryIds, turn: 1 };
  const [[second]] = await runAgent(rest, [{ ...task, chunks: chunksOf(...texts.slice(1)), from }], options());
  expect(second.turns.map(({ memoryIds }) => memoryIds)).toEqual(all.turns.slice(1).map(({ memoryIds }) => memoryIds));
  const asked = ({ calls }: ScriptedModel) => calls.map(({ requests }) => requests);
  expect(asked(rest)).toEqual(asked(whole).slice(1));
});
