/**
 * What real servers must do, compared with the local engine. Runs against whatever TAMTRL_TINKER names and
 * serves the embedded model:
 *   tools/tinker/skyrl.sh
 *   TAMTRL_TINKER='tinker:http://127.0.0.1:8123?server=skyrl-jax&rank=8&pad=64#FOLDER' npx vitest run contract
 */
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { miniSource } from '../../data/examples.js';
import { miniExample } from '../../data/mini/task.js';
import { PromptFrames } from '../../memory/frames.js';
import { miniPrompts } from '../../memory/prompts.js';
import { openModel } from '../../models/open.js';
import { RunFolder } from '../../run/folder.js';
import { MINI_REINFORCEMENT } from '../../run/presets/mini.js';
import { runConfigSchema } from '../../train/config.js';
import type { MetricsLine } from '../../train/metrics.js';
import { train } from '../../train/reinforce.js';
import { type LocalPolicy, openLocalPolicy } from '../local.js';
import { isTrainable } from '../trainable.js';
import type { TrainablePolicy, TrainingRow } from '../types.js';

const spec = process.env.TAMTRL_TINKER;
const folder = fileURLToPath(new URL('../../../models/mini', import.meta.url));
if (!spec) {
  console.warn(
    'NO TINKER SERVER: the contract with real servers was not tested. Start one (tools/tinker/skyrl.sh) and set ' +
      'TAMTRL_TINKER to its address.',
  );
}

const ppo = { kind: 'policy-gradient', clipLow: 0.2, clipHigh: 0.28 } as const;
const crossEntropy = { kind: 'cross-entropy' } as const;

// A server that compiles for each shape takes its time.
describe.skipIf(!spec)(`a Tinker server${spec ? `: ${spec}` : ' (none is named)'}`, { timeout: 1_200_000 }, () => {
  const policies: TrainablePolicy[] = [];
  let local: LocalPolicy;
  let rows: TrainingRow[];
  let tokens: number;

  async function opened(): Promise<{ own: LocalPolicy; far: TrainablePolicy }> {
    const own = await openLocalPolicy(folder);
    const far = await openModel(spec!, { tokenizer: folder, seed: 1 });
    if (!isTrainable(far)) throw new Error(`${far.name} cannot be trained.`);
    policies.push(own, far);
    return { own, far };
  }

  beforeAll(async () => {
    local = await openLocalPolicy(folder);
    policies.push(local);
    const { tokenizer } = local;
    const frames = new PromptFrames(local, miniPrompts);
    rows = Array.from({ length: 8 }, (_, at): TrainingRow => {
      const { keys, values, chunks } = miniExample({}, 77, at);
      const question = keys.join(' ');
      const chunk = chunks[0].map(({ key, value }) => `${key} ${value}`).join('\n');
      const memory = keys.map((key, place) => `${key} ${place % 2 ? '?' : values[place]}`).join(' ');
      return {
        promptIds: frames.update(tokenizer.encode(question), frames.initialMemory(question), tokenizer.encode(chunk)),
        completionIds: [...tokenizer.encode(memory), local.chat.stopIds[0]],
      };
    });
    tokens = rows.reduce((sum, { completionIds }) => sum + completionIds.length, 0);
    rows = rows.map((row) => ({ ...row, lossWeights: row.completionIds.map(() => 1 / tokens) }));
  });

  afterAll(async () => {
    for (const policy of policies) await policy.close();
  });

  const valuesOf = async (policy: TrainablePolicy, weights?: string) =>
    (await policy.score(rows, { weights })).map(({ logProbabilities }) => logProbabilities);
  const difference = (a: number[][], b: number[][]) =>
    Math.max(...a.flatMap((list, at) => list.map((value, token) => Math.abs(value - b[at][token]))));
  const weighted = (values: number[][], weightOf: (row: number) => number) =>
    values.reduce((sum, list, at) => sum + weightOf(at) * list.reduce((x, y) => x + y, 0), 0) / tokens;

  it('scores as the engine does, and its samples as it scores', async () => {
    const { own, far } = await opened();
    const apart = difference(await valuesOf(own), await valuesOf(far));
    expect(apart).toBeLessThan(1e-3);
    const [samples] = await far.sample([{ promptIds: rows[0].promptIds, samples: 4, seed: 3 }], {
      maxTokens: 8,
      temperature: 1,
      stopIds: far.chat.stopIds,
    });
    const prompts = samples.map((sample) => ({ promptIds: rows[0].promptIds, completionIds: sample.tokens }));
    const scored = (await own.score(prompts)).map(({ logProbabilities }) => logProbabilities);
    const sampled = difference(
      samples.map(({ logProbabilities }) => logProbabilities),
      scored,
    );
    expect(sampled).toBeLessThan(1e-3);
    for (const { tokens: ids, stopReason } of samples) {
      expect(stopReason).toBe(far.chat.stopIds.includes(ids[ids.length - 1]) ? 'stop' : 'length');
    }
    console.log(`log-probabilities differ by at most ${apart} (scored), ${sampled} (sampled)`);
  });

  it('a cross-entropy step and a ppo step move the loss the same way', async () => {
    for (const loss of [crossEntropy, ppo]) {
      const { own, far } = await opened();
      const before = await valuesOf(own);
      const sign = (row: number) => (loss === crossEntropy || row % 2 === 0 ? 1 : -0.5);
      const batch = rows.map((row, at) => ({
        ...row,
        oldLogProbabilities: before[at],
        advantages: row.completionIds.map(() => sign(at)),
      }));
      const changes: number[] = [];
      const losses: number[] = [];
      for (const policy of [own, far]) {
        losses.push((await policy.forwardBackward(batch, { loss })).loss);
        await policy.optimStep({ learningRate: 1e-3 });
        changes.push(weighted(await valuesOf(policy), sign) - weighted(before, sign));
      }
      expect(losses[1]).toBeCloseTo(losses[0], 3);
      expect(Math.min(...changes)).toBeGreaterThan(0);
      console.log(
        `${loss.kind}: loss ${losses.join(' / ')}, weighted log-probability up by ${changes.join(' / ')} ` +
          '(engine / server)',
      );
    }
  });

  it('saves and restores, and a snapshot stays', async () => {
    const { far } = await opened();
    const place = await mkdtemp(join(tmpdir(), 'tinker-contract-'));
    const first = await valuesOf(far);
    await far.snapshot('initial');
    await far.forwardBackward(rows, { loss: crossEntropy });
    await far.optimStep({ learningRate: 1e-2 });
    await far.save(place);
    const saved = await valuesOf(far);
    expect(difference(first, saved)).toBeGreaterThan(1e-2);
    // Servers that score with dropout differ from themselves.
    const noise = difference(await valuesOf(far), saved);
    const greedy = { maxTokens: 8, temperature: 0, stopIds: far.chat.stopIds };
    const spoken = await far.sample([{ promptIds: rows[0].promptIds }], greedy);
    await far.forwardBackward(rows, { loss: crossEntropy });
    await far.optimStep({ learningRate: 1e-2 });
    await far.load(place);
    expect(difference(await valuesOf(far), saved)).toBeLessThan(1e-5 + 3 * noise);
    const again = await far.sample([{ promptIds: rows[0].promptIds }], greedy);
    expect(again[0][0].tokens).toEqual(spoken[0][0].tokens);
    expect(difference([again[0][0].logProbabilities], [spoken[0][0].logProbabilities])).toBeLessThan(1e-5);
    expect(difference(await valuesOf(far, 'initial'), first)).toBeLessThan(1e-5);
    console.log(`scored twice, log-probabilities differ by ${noise}`);
  });

  it('refuses a missing template with a sentence', async () => {
    const open = (place: string) =>
      openModel(place, { tokenizer: folder, retries: 1 }).then(
        async (policy) => policy.close(),
        (error: Error) => error.message,
      );
    expect(await open(spec!.replace(/#.*/, '#no-such-model'))).toMatch(/no-such-model/);
    expect(await open(`tinker:http://127.0.0.1:9#m`)).toMatch(/cannot be reached/);
  });

  it('five steps of TAMTRL on the mini task', async () => {
    const { far } = await opened();
    const root = join(await mkdtemp(join(tmpdir(), 'tinker-contract-')), 'run');
    const config = runConfigSchema.parse({
      ...MINI_REINFORCEMENT,
      steps: 5,
      questionsPerStep: 4,
      groupSize: 4,
      learningRate: 1e-3,
      klCoefficient: 0,
      savedTrajectories: 0,
      evaluation: { every: 0, questions: 8 },
    });
    const task = { chunks: 4, factsPerChunk: 6, queries: 3 };
    const run = train({
      config,
      policy: far,
      store: new RunFolder(root),
      train: miniSource(task, 2, local.tokenizer),
      heldOut: miniSource(task, 1_000_005, local.tokenizer),
    });
    for (;;) {
      const { done, value } = await run.next();
      if (done) {
        expect(value.state.step).toBe(5);
        break;
      }
    }
    const lines = (await readFile(join(root, 'metrics.jsonl'), 'utf8')).trim().split('\n');
    for (const line of lines.map((text) => JSON.parse(text) as MetricsLine)) {
      if (line.kind !== 'step') continue;
      const { step, reward, loss, rows: trained, updates, sampler_trainer_difference, seconds } = line;
      console.log(JSON.stringify({ step, reward, loss, rows: trained, updates, sampler_trainer_difference, seconds }));
      // Training passes with dropout differ from sampling by more than numerics do.
      expect(sampler_trainer_difference).toBeLessThan(1e-2);
    }
  });
});
