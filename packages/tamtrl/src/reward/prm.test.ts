/** The process reward method: what it is taught with, what it refuses, and how it tells memories apart. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Example, type ExampleSource, miniSource, recordSource, relevanceSources } from '../data/examples.js';
import { miniTokenizer } from '../data/mini/tokenizer.js';
import { recordSchema } from '../data/records.js';
import type { Trajectory } from '../memory/trajectory.js';
import type { TrainablePolicy } from '../policy/types.js';
import { loadTokenizer } from '../text/hugging-face-tokenizer.js';
import { composedMemories } from './composed-memories.js';
import type { RolloutGroup } from './group.js';
import { DEFAULT_THRESHOLD, labelledMemories, makeProcessReward, prm } from './prm.js';
import { balanceOf, NEUTRAL, ProcessRewardModel } from './process-reward.js';

const bpe = await loadTokenizer(fileURLToPath(new URL('../../fixtures/tokenizers/bpe', import.meta.url)));
const mini = miniTokenizer();
const settings = { threshold: DEFAULT_THRESHOLD, seed: 1 };

async function examplesOf(source: ExampleSource, count = source.size): Promise<Example[]> {
  return Promise.all(Array.from({ length: count }, (_, at) => source.get(at)));
}

/** Records of the fixtures in chunks of about 700 characters. */
function recordsOf(name: string): Promise<Example[]> {
  const lines = readFileSync(new URL(`../../fixtures/records/${name}-sample.jsonl`, import.meta.url), 'utf8').trim();
  const records = lines.split('\n').map((line) => recordSchema.parse(JSON.parse(line)));
  return examplesOf(recordSource(records, bpe, { chunkTokens: 256 }, relevanceSources.annotated));
}

/** All that the method may use of a policy. */
function context(train: ExampleSource, more: { threshold?: number; questions?: number } = {}) {
  const notes: string[] = [];
  const policy = { tokenizer: mini } as unknown as TrainablePolicy;
  const note = (text: string) => void notes.push(text);
  return { notes, policy, train, seed: 3, note, options: { processReward: { questions: 20, ...more } } };
}

const scattered = miniSource({ chunks: 8, factsPerChunk: 3, chained: 0.5 }, 2, mini);

/** The same questions, with labels of one's own. */
function labelledBy(quality: Example['quality'], size = 20): ExampleSource {
  return { size, relevance: true, get: async (at) => ({ ...(await scattered.get(at)), quality }) };
}

describe('composed memories', () => {
  let examples: Example[];
  beforeAll(async () => {
    examples = await recordsOf('hotpotqa');
  });

  it('are of every kind, and those with all that is needed are good, those without any of it bad', () => {
    const labels = labelledMemories(examples, { tokenizer: bpe, ...settings });
    const of = (kind: string) => labels.filter((memory) => memory.kind === kind);
    expect(new Set(of('complete').map(({ good }) => good))).toEqual(new Set([true]));
    for (const kind of ['unrelated', 'empty'])
      expect(new Set(of(kind).map(({ good }) => good))).toEqual(new Set([false]));
    for (const kind of ['partial', 'older', 'cut'])
      expect(new Set(of(kind).map(({ good }) => good)).size, kind).toBe(2);
    const { good, bad } = balanceOf(labels);
    expect(Math.min(good, bad) / (good + bad)).toBeGreaterThan(0.3);
  });

  it('are made only after something needed has been read, eight turns at most, and the same by the same seed', async () => {
    const [first, second] = examples;
    const made = composedMemories(first, second, bpe, 1);
    for (const { turn } of made) expect(first.quality?.(turn, '')).toBeDefined();
    expect(composedMemories(first, second, bpe, 1)).toEqual(made);
    expect(composedMemories(first, second, bpe, 2)).not.toEqual(made);
    const long = await miniSource({ chunks: 30, factsPerChunk: 2 }, 1, mini).get(0);
    expect(new Set(composedMemories(long, await scattered.get(1), mini, 1).map(({ turn }) => turn)).size).toBe(8);
  });
});

describe('a process reward model', () => {
  it('ranks memories of records that it has not seen: gold facts, some of them, none, nothing', async () => {
    const seen = [...(await recordsOf('hotpotqa')), ...(await recordsOf('musique'))];
    const unseen = await recordsOf('2wikimultihopqa');
    const model = new ProcessRewardModel(labelledMemories(seen, { tokenizer: bpe, ...settings }));
    const { all, majority, auc } = model.accuracy(labelledMemories(unseen, { tokenizer: bpe, ...settings }));
    expect(all).toBeGreaterThan(majority + 0.2);
    expect(auc).toBeGreaterThan(0.9);
    const mean = (memoryOf: (example: Example, other: Example) => string) => {
      const cases = unseen.map((example, at) => ({
        question: example.question,
        evidence: example.filteredChunks ?? [],
        memory: memoryOf(example, unseen[(at + 3) % unseen.length]),
      }));
      return model.probabilities(cases).reduce((a, b) => a + b, 0) / cases.length;
    };
    const factsOf = ({ facts = [] }: Example) => facts.map(({ text }) => text);
    const gold = mean((example) => factsOf(example).join(' '));
    const partial = mean((example) => factsOf(example)[0]);
    const unrelated = mean((_, other) => factsOf(other).join(' '));
    const empty = mean(() => '');
    expect(gold).toBeGreaterThan(0.8);
    expect(gold).toBeGreaterThan(partial + 0.1);
    expect(partial).toBeGreaterThan(unrelated + 0.1);
    expect(unrelated).toBeLessThan(0.1);
    expect(empty).toBeLessThan(0.1);
  });

  describe('of the mini task', () => {
    let model: ProcessRewardModel;
    beforeAll(async () => {
      model = new ProcessRewardModel(
        labelledMemories(await examplesOf(scattered, 30), { tokenizer: mini, ...settings }),
      );
    });

    it('gives every memory the same score before anything relevant was read', () => {
      const memories = ['anna oslo', '', 'anna ?', 'ben rome carl paris'].map((memory) => {
        return { question: 'anna', evidence: ['', ' '], memory };
      });
      expect(model.probabilities(memories)).toEqual(memories.map(() => NEUTRAL));
    });

    it('scores the memory turns of groups, and not their answers', async () => {
      const { id, question, answers, filteredChunks, idealMemories = [] } = await scattered.get(100);
      const { idealMemories: others = [] } = await scattered.get(101);
      const rollout = (memories: string[]) => ({
        turns: [...memories, answers[0]].map((text, at) => {
          return { kind: at < memories.length ? 'memory' : 'answer', memoryIds: mini.encode(text) };
        }),
      });
      const rollouts = [idealMemories.slice(1), others.slice(1), others.slice(1).map(() => '')].map(rollout);
      const trajectories = rollouts as Trajectory[];
      const group: RolloutGroup = { id, question, answers, trajectories, outcomes: [1, 0, 0], filteredChunks };
      const { scores, metrics } = await prm.turnScores([group], {
        prepared: model,
        policy: { tokenizer: mini },
      } as never);
      const [[held, wrong, empty]] = scores ?? [];
      expect([held, wrong, empty].map(({ length }) => length)).toEqual([8, 8, 8]);
      expect(held[7]).toBeGreaterThan(0.5);
      expect(wrong[7]).toBeLessThan(0.5);
      expect(empty[7]).toBeLessThan(0.5);
      const all = [...held, ...wrong, ...empty];
      expect(metrics?.process_reward).toBeCloseTo(all.reduce((a, b) => a + b, 0) / 24, 12);
    });

    it('holds a memory against what has been read up to its own turn', () => {
      const memories = ['anna oslo', 'anna oslo', 'anna rome'];
      const turns = [...memories, 'oslo'].map((text, at) => {
        return { kind: at < memories.length ? 'memory' : 'answer', memoryIds: mini.encode(text) };
      });
      const group = { id: 'q', question: 'anna', trajectories: [{ turns }], filteredChunks: ['', 'anna oslo', ''] };
      const [[[before, held, lost]]] = model.scoreGroups([group as unknown as RolloutGroup], mini).scores ?? [];
      expect(before).toBe(NEUTRAL);
      expect(held).not.toBe(NEUTRAL);
      expect(held).toBeGreaterThan(lost + 0.1);
    });
  });
});

describe('the preparation of the method prm', () => {
  it('needs the questions and a tokenizer, and gives the same again', async () => {
    const cases = labelledMemories(await examplesOf(scattered, 10), { tokenizer: mini, ...settings });
    const made = [context(scattered), context(scattered)];
    const models = [await makeProcessReward(made[0]), await makeProcessReward(made[1])];
    expect(models[0].probabilities(cases)).toEqual(models[1].probabilities(cases));
    expect(made[0].notes).toEqual(made[1].notes);
    expect(made[0].notes).toHaveLength(2);
    expect(made[0].notes[0]).toMatch(
      /^Process reward model: learns from \d+ good and \d+ bad memories \(good and bad at turn 1: \d+ and \d+, turn 2:/,
    );
    const [, right, majority] =
      /classifies (\S+)% of \d+ .* always choosing the more frequent label would get (\S+)%/.exec(made[0].notes[1]) ??
      [];
    expect(Number(right)).toBeGreaterThan(Number(majority) + 5);
  });

  it('counts a memory as good by the threshold of the configuration', async () => {
    const lenient = context(scattered, { threshold: 0.3 });
    await makeProcessReward(lenient);
    const strict = context(scattered, { threshold: 1 });
    await makeProcessReward(strict);
    const good = ({ notes }: typeof lenient) => Number(/from (\d+) good/.exec(notes[0])?.[1]);
    expect(good(lenient)).toBeGreaterThan(good(strict));
  });

  it('refuses labels of one kind, says which are rare, and refuses what cannot be labelled', async () => {
    const refused = (source: ExampleSource) => expect(makeProcessReward(context(source))).rejects;
    await refused(labelledBy(() => 1)).toThrow(
      /needs good and bad memories to learn from; found \d+ good and 0 bad memories, by turn: turn 1: /,
    );
    await refused(labelledBy(() => 0)).toThrow(
      /found 0 good and \d+ bad memories.*reward\.processReward\.threshold \(0\.7\)/,
    );
    await refused(labelledBy(() => undefined)).toThrow('No memory of the training questions can be labelled');
    await refused(labelledBy(() => 1, 9)).toThrow('at least 10 training questions; found 9');
    // The empty memories of odd turns alone are bad: one in eighteen.
    const rare = context(labelledBy((turn, memory) => Number(memory !== '' || turn % 2 === 0)));
    await makeProcessReward(rare);
    expect(rare.notes[1]).toMatch(/^Only [3-9]\.\d% of the memories are bad\. Check that the relevance marks/);
  });

  it('says so if it has learned nothing', async () => {
    let at = 0;
    const chance = context(labelledBy(() => Number(at++ % 3 === 0)));
    await makeProcessReward(chance);
    expect(chance.notes.at(-1)).toBe('That is no better, so its scores are unlikely to mean anything.');
  });
});
