/** Reading ahead gives the same turns as reading one chunk after another, in fewer calls. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openModel } from '../models/open.js';
import type { Policy } from '../policy/types.js';
import { MemoryReader } from '../reader/reader.js';
import { chunkStream } from '../text/chunks.js';
import { runAgent } from './agent.js';
import { Ahead, longestAhead } from './ahead.js';
import { fittingBudgets, promptsFor } from './asking.js';
import { PromptFrames } from './frames.js';
import type { Trajectory } from './trajectory.js';
import type { MemoryModel } from './turn.js';

let babi: Policy;
beforeAll(async () => {
  babi = await openModel('babi');
});
afterAll(() => babi.close());

const QUIET = 'The rain fell upon the roofs of the old town, and nobody in the street said a word. '.repeat(16);
const TEXT = `${QUIET}Mary went to the garden. ${QUIET}John went to the office. Mary got the milk there. ${QUIET}Mary travelled to the bathroom. ${QUIET}`;
const QUESTION = 'Where is the milk?';

/** Counts calls and requests; `ahead` says whether it may be asked ahead. */
function counted(speculation: boolean): MemoryModel & { calls: number[] } {
  const calls: number[] = [];
  return {
    tokenizer: babi.tokenizer,
    chat: babi.chat,
    contextLength: babi.contextLength,
    capabilities: { ...babi.capabilities, speculation },
    calls,
    sample: (requests, options) => {
      calls.push(requests.length);
      return babi.sample(requests, options);
    },
  };
}

describe('an agent', () => {
  async function read(model: MemoryModel, temperature: number, samples = 1): Promise<Trajectory[][]> {
    const frames = new PromptFrames(model, promptsFor(model.tokenizer));
    const budgets = fittingBudgets(frames, model.contextLength);
    const tasks = [TEXT, TEXT.slice(QUIET.length), ''].map((text, at) => {
      const chunks = chunkStream(piecesOf(text), model.tokenizer, { ...budgets, align: 'sentence' });
      return { id: `text ${at}`, question: QUESTION, chunks, samples };
    });
    return runAgent(model, tasks, { frames, budgets, temperature, seed: 3 });
  }

  it.each([
    { temperature: 0, samples: 1 },
    { temperature: 1, samples: 1 },
    { temperature: 1.2, samples: 3 },
  ])('takes the same turns at temperature $temperature, with $samples samples', async ({ temperature, samples }) => {
    const [plain, ahead] = [counted(false), counted(true)];
    const expected = await read(plain, temperature, samples);
    expect(untimed(await read(ahead, temperature, samples))).toEqual(untimed(expected));
    expect(expected[0][0].turns.length).toBeGreaterThan(20);
    expect(expected[2][0].turns.map(({ kind }) => kind)).toEqual(['answer']);
    if (temperature === 0) {
      expect(expected[0][0].output).toBe('bathroom');
      expect(ahead.calls.length).toBeLessThan(plain.calls.length / 2);
    }
  });
});

describe('a reader', () => {
  it.each([0, 1])('tells the same turns, tokens and states at temperature %d', async (temperature) => {
    const read = async (model: MemoryModel) => {
      const reader = new MemoryReader({
        model,
        question: [QUESTION, 'Where is John?'],
        temperature,
        align: 'sentence',
      });
      const told: unknown[] = [];
      for await (const event of reader.read(piecesOf(TEXT))) told.push({ ...event, seconds: 0 }, stateOf(reader));
      return { told, answers: await reader.answer(), state: stateOf(reader), discarded: reader.discarded };
    };
    const [plain, ahead] = [counted(false), counted(true)];
    const expected = await read(plain);
    const found = await read(ahead);
    expect(expected.discarded).toBe(0);
    expect({ ...found, discarded: 0 }).toEqual(expected);
    expect(ahead.calls.length).toBeLessThan(plain.calls.length);
    if (temperature === 0) expect(found.answers.map(({ answer }) => answer)).toEqual(['bathroom', 'office']);
  });

  it('forgets what it computed ahead if another text follows', async () => {
    const other = `${QUIET}Mary got the milk there. Mary went to the kitchen. ${QUIET}`;
    const read = async (model: MemoryModel) => {
      const reader = new MemoryReader({ model, question: QUESTION, align: 'sentence' });
      for await (const { turn } of reader.read(QUIET + QUIET)) if (turn === 6) break;
      const { position } = reader.state();
      // Left early: the text after the part that was read is another one now.
      const state = { ...reader.state(), pending: '' };
      const again = new MemoryReader({ model, question: QUESTION, align: 'sentence', state });
      await again.readAll((QUIET + QUIET).slice(0, position) + other, { whole: true });
      await reader.readAll((QUIET + QUIET).slice(0, position) + other, { whole: true });
      return [again.memory, reader.memory];
    };
    const [fresh, left] = await read(counted(true));
    expect(left).toBe(fresh);
    expect(await read(counted(false))).toEqual([fresh, fresh]);
    expect(fresh).toContain('kitchen');
  });
});

describe('how far ahead', () => {
  it('asks for more while the memory stays, for less when it changes, and for one where requests cost money', () => {
    const ahead = new Ahead<number>();
    const widths: number[] = [];
    const turn = (changed: boolean) => {
      const wanted = ahead.wanted(16);
      if (wanted > 0) ahead.put(Array.from({ length: wanted }, (_, at) => at));
      widths.push(wanted);
      ahead.take();
      ahead.saw(changed);
    };
    for (let at = 0; at < 1 + 2 + 4; at++) turn(false);
    turn(true);
    turn(false);
    turn(true);
    turn(true);
    expect(widths).toEqual([1, 2, 0, 4, 0, 0, 0, 8, 4, 0, 2]);
    expect(ahead.discarded).toBe(7 + 2 + 1);
    const { tokenizer, chat, contextLength, sample } = counted(true);
    expect(longestAhead({ tokenizer, chat, contextLength, sample }, 1)).toBe(1);
    expect(longestAhead(counted(true), 3)).toBe(10);
    expect(longestAhead(counted(true), 100)).toBe(1);
  });
});

/** As a source gives it: in parts of any length. */
async function* piecesOf(text: string): AsyncGenerator<string> {
  for (let at = 0; at < text.length; at += 5000) yield text.slice(at, at + 5000);
}

function stateOf(reader: MemoryReader) {
  return { ...reader.state(), seconds: 0 };
}

function untimed(groups: Trajectory[][]): unknown {
  return JSON.parse(JSON.stringify(groups, (key, value) => (key === 'seconds' ? 0 : value)));
}
