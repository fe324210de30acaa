/** The engine in its worker thread, through its public face. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Engine, TrainingRow } from '../api.js';
import { EngineError } from '../errors.js';
import type { ModelConfig } from '../models/config.js';
import { referencePath } from '../reference.test-support.js';
import { createEngine } from './client.js';

const config: ModelConfig = {
  architecture: 'qwen3',
  vocabularySize: 40,
  hiddenSize: 32,
  intermediateSize: 64,
  layers: 2,
  heads: 4,
  keyValueHeads: 2,
  headSize: 8,
  contextLength: 2048,
  ropeTheta: 1e4,
  rmsNormEpsilon: 1e-6,
  tieWordEmbeddings: true,
};

const rows: TrainingRow[] = [
  { promptIds: [1, 2, 3], completionIds: [4, 5, 6, 7] },
  { promptIds: [9], completionIds: [8, 7] },
];
const learn = { loss: { kind: 'cross-entropy' } } as const;
const heavy: TrainingRow[] = Array.from({ length: 64 }, (_, i) => ({
  promptIds: Array.from({ length: 400 }, (_, t) => (i + t) % 40),
  completionIds: Array.from({ length: 112 }, (_, t) => (i * t) % 40),
}));

/** One engine for all tests that need no other options: starting it takes longer than most of them. */
let engine: Engine;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tamtrl-engine-'));
  engine = await createEngine({ model: { config, seed: 1 } });
  await engine.save(join(folder, 'start'));
});
beforeEach(async () => {
  await engine.load(join(folder, 'start'));
  await engine.zeroGradients();
});
afterAll(async () => {
  await engine.close();
  await rm(folder, { recursive: true });
});

const rejection = async (call: Promise<unknown>): Promise<EngineError> => {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(EngineError.isInstance(error)).toBe(true);
  return error as EngineError;
};

async function steps(engine: Engine, count: number): Promise<number[]> {
  const losses: number[] = [];
  for (let step = 0; step < count; step++) {
    losses.push((await engine.forwardBackward(rows, learn)).loss);
    await engine.optimStep({ learningRate: 1e-2, gradientClipNorm: 1 });
  }
  return losses;
}

describe('an engine in its thread', () => {
  it('learns: the loss falls', async () => {
    const losses = await steps(engine, 20);
    expect(losses[19]).toBeLessThan(losses[0] / 4);
  });

  it('adds up gradients until a step is taken', async () => {
    const weighted = rows.map((row) => ({ ...row, lossWeights: row.completionIds.map(() => 0.25) }));
    await engine.forwardBackward([weighted[0]], learn);
    await engine.forwardBackward([weighted[1]], learn);
    const halves = await engine.optimStep({ learningRate: 1e-2 });
    await engine.load(join(folder, 'start'));
    await engine.forwardBackward(weighted, learn);
    const whole = await engine.optimStep({ learningRate: 1e-2 });
    expect(halves.gradientNorm).toBeCloseTo(whole.gradientNorm, 5);
  });

  it('continues bit-identically from a saved state, snapshots included', async () => {
    await steps(engine, 3);
    await engine.snapshot('teacher');
    await steps(engine, 1);
    await engine.save(join(folder, 'state'));
    const expected = [
      await steps(engine, 3),
      await engine.score(rows),
      await engine.score(rows, { weights: 'teacher' }),
    ];
    const sampled = await engine.generate([{ promptIds: [1], samples: 4 }], { maxTokens: 10, seed: 3 });
    await engine.dropSnapshot('teacher');

    const resumed = await createEngine({ model: { config, seed: 2 } });
    await resumed.load(join(folder, 'state'));
    const found = [
      await steps(resumed, 3),
      await resumed.score(rows),
      await resumed.score(rows, { weights: 'teacher' }),
    ];
    expect(found).toEqual(expected);
    expect(await resumed.generate([{ promptIds: [1], samples: 4 }], { maxTokens: 10, seed: 3 })).toEqual(sampled);
    await resumed.close();
  });

  it('moves a snapshot towards the live weights', async () => {
    await engine.snapshot('average');
    const before = await engine.score(rows);
    await steps(engine, 3);
    expect(await engine.score(rows, { weights: 'average' })).toEqual(before);
    await engine.blendSnapshot('average', 0);
    expect(await engine.score(rows, { weights: 'average' })).toEqual(await engine.score(rows));
    await engine.dropSnapshot('average');
    expect((await rejection(engine.score(rows, { weights: 'average' }))).message).toMatch(/no snapshot "average"/);
  });

  it('leaves the main thread free while it computes', async () => {
    let beats = 0;
    const timer = setInterval(() => beats++, 20);
    const started = Date.now();
    await engine.forwardBackward(heavy.slice(0, 16), learn);
    await engine.optimStep({ learningRate: 1e-3 });
    const elapsed = Date.now() - started;
    clearInterval(timer);
    // A blocked main thread would beat once at the end. Half of the beats allows for a machine that is busy elsewhere.
    expect(beats).toBeGreaterThanOrEqual(Math.max(2, Math.floor(elapsed / 40)));
  });

  it('stops within a micro-batch when cancelled, and handles the next call', async () => {
    const own = await createEngine({ model: { config, seed: 1 }, microBatchTokens: 512 });
    const control = new AbortController();
    let reports = 0;
    const call = own.forwardBackward(heavy, {
      ...learn,
      signal: control.signal,
      onProgress: ({ finished, total }) => {
        reports++;
        expect(finished).toBeLessThan(total);
        control.abort();
      },
    });
    expect((await rejection(call)).kind).toBe('aborted');
    // Of 64 micro-batches only those that ran before the flag was seen have reported.
    expect(reports).toBeLessThan(32);
    // Half a batch is nothing to step on.
    expect((await rejection(own.optimStep({ learningRate: 1e-3 }))).message).toMatch(/no gradient/);
    const aborted = own.generate([{ promptIds: [1] }], { maxTokens: 4, signal: AbortSignal.abort() });
    expect((await rejection(aborted)).kind).toBe('aborted');
    expect(await own.generate([{ promptIds: [1] }], { maxTokens: 4 })).toHaveLength(1);
    await own.close();
  });

  it('skips a step whose gradient is not finite, and says so', async () => {
    const before = await engine.score(rows);
    const overflow = rows.map((row) => ({ ...row, lossWeights: row.completionIds.map(() => 3e38) }));
    await engine.forwardBackward(overflow, learn);
    const skipped = await engine.optimStep({ learningRate: 1e-2 });
    expect(skipped).toMatchObject({ skipped: true, step: 0 });
    expect(Number.isFinite(skipped.gradientNorm)).toBe(false);
    expect(await engine.score(rows)).toEqual(before);
    await engine.forwardBackward(rows, learn);
    expect(await engine.optimStep({ learningRate: 1e-2 })).toMatchObject({ skipped: false, step: 1 });
  });

  it('exports a folder that it loads again with the same scores', async () => {
    const own = await createEngine({ model: referencePath('llama', 'model') });
    const expected = await own.score(rows);
    await own.exportModel(join(folder, 'exported'));
    await own.close();
    const again = await createEngine({ model: join(folder, 'exported') });
    expect(await again.score(rows)).toEqual(expected);
    await again.close();
  });

  it('carries errors over the thread with kind and details', async () => {
    const missing = await rejection(createEngine({ model: join(folder, 'nothing here') }));
    expect(missing.kind).toBe('file');
    expect(missing.message).toContain('nothing here');
    const own = await createEngine({ model: { config, seed: 1 } });
    const error = await rejection(own.score([{ promptIds: [1], completionIds: [40] }]));
    expect([error.kind, error.details]).toEqual(['token-out-of-vocabulary', { expected: '0 to 39', found: '40' }]);
    const short = { promptIds: [1], completionIds: [2, 3], advantages: [1], oldLogProbabilities: [0, 0] };
    const loss = { kind: 'policy-gradient', clipLow: 0.2, clipHigh: 0.2 } as const;
    expect((await rejection(own.forwardBackward([short], { loss }))).message).toMatch(
      /1 advantages for 2 completion tokens/,
    );
    expect((await rejection(own.forwardBackward([rows[0]], { loss }))).message).toMatch(/Row 0 has no advantages/);
    expect((await rejection(own.optimStep({ learningRate: Number.NaN }))).kind).toBe('invalid-argument');
    await own.close();
    expect((await rejection(own.score(rows))).message).toMatch(/closed/);
  });

  it('refuses a checkpoint of another model or a cut one, and keeps its state', async () => {
    await engine.save(join(folder, 'good'));
    const file = join(folder, 'good', 'training-state.safetensors');
    const other = await createEngine({ model: { config: { ...config, hiddenSize: 24 }, seed: 1 } });
    const before = await other.score(rows);
    expect((await rejection(other.load(join(folder, 'good')))).kind).toBe('checkpoint');
    const bytes = await readFile(file);
    await writeFile(file, bytes.subarray(0, bytes.length - 100));
    expect((await rejection(engine.load(join(folder, 'good')))).kind).toBe('truncated-file');
    expect(await other.score(rows)).toEqual(before);
    await other.close();
  });

  it('says where it could not save', async () => {
    const path = join(folder, 'a file');
    await writeFile(path, '');
    for (const saving of [engine.save(join(path, 'in it')), engine.exportModel(join(path, 'in it'))]) {
      const error = await rejection(saving);
      expect([error.kind, error.details.file]).toEqual(['file', join(path, 'in it')]);
    }
  });

  it('refuses a configuration whose architecture it does not know', async () => {
    const error = await rejection(createEngine({ model: { config: { ...config, architecture: 'qwen-3' }, seed: 1 } }));
    expect(error.kind).toBe('unknown-architecture');
    expect(error.message).toContain('"qwen-3"; the engine knows llama, qwen2, qwen3, smollm3, gemma3_text');
  });
});
