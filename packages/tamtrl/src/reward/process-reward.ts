/**
 * A process reward model: a small causal language model that reads the question, the evidence so far and a memory, and
 * writes one of two label tokens. Its probability of the good one is the turn's score. It learns by cross-entropy from
 * memories whose share of needed facts is known. prm.ts trains one for a run.
 */
import { streamSeed } from '../base/seeds.js';
import { PromptFrames } from '../memory/frames.js';
import type { PromptFormat } from '../memory/prompts.js';
import type { ScoreRow, TrainablePolicy, TrainingRow } from '../policy/types.js';
import { RewardError } from './errors.js';
import { byTurn, type RolloutGroup } from './group.js';
import type { MethodContext, MethodResult } from './method.js';

/** A memory to judge. */
export interface MemoryCase {
  question: string;
  /** What the chunks so far said that matters. */
  evidence: string;
  memory: string;
}

/** `quality` is the share in [0, 1] of the needed facts that the memory holds. */
export interface LabelledMemory extends MemoryCase {
  quality: number;
}

export interface ProcessRewardTraining {
  steps: number;
  batchSize: number;
  learningRate: number;
  seed: number;
  signal?: AbortSignal;
}

export interface ProcessRewardOptions {
  /** Most tokens of evidence shown: the latest. */
  evidenceTokens: number;
  /** A memory with at least this share of the needed facts is good; default 1, all of them. */
  goodQuality?: number;
}

export class ProcessRewardModel {
  readonly policy: TrainablePolicy;
  readonly #frames: PromptFrames;
  readonly #good: number;
  readonly #bad: number;
  readonly #evidenceTokens: number;
  readonly #goodQuality: number;

  /**
   * @throws RewardError `labels` if a label of the format is not one token of this model.
   */
  constructor(policy: TrainablePolicy, format: PromptFormat, options: ProcessRewardOptions) {
    this.policy = policy;
    this.#frames = new PromptFrames(policy, format);
    this.#good = labelId(policy, format.labels.good);
    this.#bad = labelId(policy, format.labels.bad);
    this.#evidenceTokens = options.evidenceTokens;
    this.#goodQuality = options.goodQuality ?? 1;
  }

  /** Probability of the good label against the bad one, for each memory. */
  async probabilities(cases: readonly MemoryCase[], signal?: AbortSignal): Promise<number[]> {
    return (await this.#verdicts(cases, signal)).probabilities;
  }

  async #verdicts(
    cases: readonly MemoryCase[],
    signal?: AbortSignal,
  ): Promise<{ probabilities: number[]; tokens: number }> {
    const prompts = cases.map((memory) => this.#prompt(memory));
    const rows = [this.#good, this.#bad].flatMap((label) =>
      prompts.map((promptIds): ScoreRow => ({ promptIds, completionIds: [label] })),
    );
    const scored = await this.policy.score(rows, { signal });
    const probabilities = prompts.map((_, at) => {
      const [good] = scored[at].logProbabilities;
      const [bad] = scored[prompts.length + at].logProbabilities;
      return 1 / (1 + Math.exp(bad - good));
    });
    return { probabilities, tokens: rows.reduce((sum, row) => sum + row.promptIds.length + 1, 0) };
  }

  /** Learns to write the labels; returns the mean loss of each step. Good and bad memories come equally often. */
  async train(samples: readonly LabelledMemory[], options: ProcessRewardTraining): Promise<number[]> {
    const good = samples.filter((sample) => this.#isGood(sample));
    const bad = samples.filter((sample) => !this.#isGood(sample));
    if (good.length === 0 || bad.length === 0) {
      throw new RewardError(
        'labels',
        `A process reward model needs good and bad memories to learn from; found ${good.length} good and ${bad.length} bad. Collect more rollouts.`,
      );
    }
    const losses: number[] = [];
    for (let step = 0; step < options.steps; step++) {
      options.signal?.throwIfAborted();
      const rows = Array.from({ length: options.batchSize }, (_, at): TrainingRow => {
        const pool = at % 2 === 0 ? good : bad;
        const sample = pool[streamSeed(options.seed, 'process reward', step, at) % pool.length];
        return { promptIds: this.#prompt(sample), completionIds: [pool === good ? this.#good : this.#bad] };
      });
      const { loss } = await this.policy.forwardBackward(rows, { loss: { kind: 'cross-entropy' } });
      await this.policy.optimStep({ learningRate: options.learningRate, gradientClipNorm: 1 });
      losses.push(loss);
    }
    return losses;
  }

  /**
   * Share of memories that get the right label, of all and of each label's own; NaN for a label that does not occur.
   */
  async accuracy(samples: readonly LabelledMemory[]): Promise<{ all: number; good: number; bad: number }> {
    const probabilities = await this.probabilities(samples);
    const isGood = (sample: LabelledMemory) => this.#isGood(sample);
    const right = samples.map((sample, at) => Number(isGood(sample) === probabilities[at] > 0.5));
    const share = (of: (sample: LabelledMemory) => boolean) => {
      const chosen = right.filter((_, at) => of(samples[at]));
      return chosen.length === 0 ? Number.NaN : chosen.reduce((a, b) => a + b, 0) / chosen.length;
    };
    return { all: share(() => true), good: share(isGood), bad: share((sample) => !isGood(sample)) };
  }

  /** The score of a memory turn is the probability of the good label for its memory. */
  async scoreGroups(
    groups: readonly RolloutGroup[],
    context: Pick<MethodContext, 'policy' | 'signal'>,
  ): Promise<MethodResult> {
    const cases = groups.flatMap((group) => casesOf(group, context).map(({ memory }) => memory));
    const { probabilities, tokens } = await this.#verdicts(cases, context.signal);
    const mean = probabilities.length === 0 ? 0 : probabilities.reduce((a, b) => a + b, 0) / probabilities.length;
    return { scores: byTurn(groups, probabilities), tokens, metrics: { processReward: mean } };
  }

  #isGood(sample: LabelledMemory): boolean {
    return sample.quality >= this.#goodQuality;
  }

  #prompt({ question, evidence, memory }: MemoryCase): number[] {
    const { tokenizer } = this.policy;
    const read = this.#frames.filteredChunk(evidence).slice(-this.#evidenceTokens);
    return this.#frames.check(tokenizer.encodeText(question), tokenizer.encodeText(memory), read);
  }
}

/** Memories of rollouts with the share of needed facts that each holds, to learn from or to be tested on. */
export function labelledMemories(
  groups: readonly RolloutGroup[],
  context: Pick<MethodContext, 'policy'>,
): LabelledMemory[] {
  return groups.flatMap((group) => {
    const { quality } = group;
    if (!quality) {
      throw new RewardError(
        'labels',
        `${JSON.stringify(group.id)} has no annotation to label its memories with; a process reward model needs it.`,
      );
    }
    return casesOf(group, context).map(({ memory, turn }) => ({ ...memory, quality: quality(turn, memory.memory) }));
  });
}

function casesOf(
  group: RolloutGroup,
  { policy }: Pick<MethodContext, 'policy'>,
): { turn: number; memory: MemoryCase }[] {
  const evidence = (turn: number) =>
    (group.filteredChunks ?? [])
      .slice(0, turn + 1)
      .filter((text) => text.trim() !== '')
      .join('\n');
  return group.trajectories.flatMap(({ turns }) =>
    turns.flatMap(({ kind, memoryIds }, turn) => {
      if (kind === 'answer') return [];
      const memory = policy.tokenizer.decode(memoryIds, { skipSpecialTokens: true });
      return [{ turn, memory: { question: group.question, evidence: evidence(turn), memory } }];
    }),
  );
}

function labelId(policy: TrainablePolicy, label: string): number {
  const ids = policy.tokenizer.encode(label);
  if (ids.length === 1) return ids[0];
  throw new RewardError(
    'labels',
    `The label ${JSON.stringify(label)} is ${ids.length} tokens for ${policy.name}, expected one. Use a prompt format with other labels.`,
  );
}
