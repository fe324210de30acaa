import { afterAll, describe, expect, it } from 'vitest';
import type { ParameterSet } from '../models/parameters.js';
import { Random } from '../random.js';
import { adamwStep, type OptimizerState } from './adamw.js';
import { AdamwThread } from './adamw-thread.js';
import { Gradients } from './gradients.js';

const SIZES = { a: 3_000_000, b: 1_500_000, c: 1000, d: 7 };

function noise(seed: number): ParameterSet {
  const random = new Random(seed);
  return new Map(
    Object.entries(SIZES).map(([name, size]) => [
      name,
      repeated(
        Float32Array.from({ length: Math.min(size, BLOCK) }, () => random.uniform() - 0.5),
        size,
      ),
    ]),
  );
}

/** A prime, so that threads' shares do not begin alike. Drawing every number would take longer than the steps. */
const BLOCK = 65_521;

function repeated(block: Float32Array, size: number): Float32Array {
  const whole = new Float32Array(size);
  for (let at = 0; at < size; at += block.length) whole.set(block.subarray(0, size - at), at);
  return whole;
}

const zeros = (): ParameterSet => new Map(Object.entries(SIZES).map(([name, size]) => [name, new Float32Array(size)]));

describe('AdamW in two threads', () => {
  const thread = new AdamwThread();
  afterAll(() => thread.close());

  it('gives the same numbers as one thread, step after step, and does not move views of larger buffers', async () => {
    const [one, two] = [noise(1), noise(1)];
    // A view cannot be handed over.
    two.set('a', new Float32Array((two.get('a') as Float32Array).buffer.slice(0), 0, SIZES.a));
    const inLarger = new Float32Array(SIZES.b + 1).subarray(1);
    inLarger.set(two.get('b') as Float32Array);
    two.set('b', inLarger);
    const states = [zeros(), zeros()].map((): OptimizerState => ({ step: 0, first: zeros(), second: zeros() }));
    for (let step = 0; step < 2; step++) {
      const gradients = [0, 1].map(() => {
        const sum = new Gradients();
        for (const [name, data] of noise(10 + step)) if (name !== 'd') sum.add(name, data);
        return sum;
      });
      const options = { learningRate: 1e-2, weightDecay: 0.1, gradientClipNorm: 1 };
      const alone = await adamwStep(one, gradients[0], states[0], options);
      expect(await adamwStep(two, gradients[1], states[1], options, thread)).toEqual(alone);
    }
    expect(two.get('b')).toBe(inLarger);
    for (const name of Object.keys(SIZES)) {
      for (const [left, right] of [
        [one, two],
        [states[0].first, states[1].first],
        [states[0].second, states[1].second],
      ]) {
        expect(Buffer.compare(bytes(left.get(name)), bytes(right.get(name))), name).toBe(0);
      }
    }
  });
});

function bytes(array: Float32Array | undefined): Buffer {
  if (!array) throw new Error('no such tensor');
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength);
}

it('leaves norms and biases out of the decay if asked to', async () => {
  const names = ['model.norm.weight', 'model.layers.0.self_attn.q_norm.weight', 'x.q_proj.bias', 'x.q_proj.weight'];
  const filled = (value: number): ParameterSet => new Map(names.map((name) => [name, Float32Array.of(value, value)]));
  const step = async (decayNorms?: boolean) => {
    const weights = filled(2);
    const state = { step: 0, first: filled(0), second: filled(0) };
    // Without gradients only the decay acts: 2 x (1 - 0.1 x 0.5) = 1.9.
    await adamwStep(weights, new Gradients(), state, { learningRate: 0.1, weightDecay: 0.5, decayNorms });
    return [...weights.values()].map(([first]) => Math.round(1e4 * first) / 1e4);
  };
  expect(await step()).toEqual([1.9, 1.9, 1.9, 1.9]);
  expect(await step(true)).toEqual([1.9, 1.9, 1.9, 1.9]);
  expect(await step(false)).toEqual([2, 2, 2, 1.9]);
});

it('has the weights of torch.optim.AdamW after clip_grad_norm_, step after step', async () => {
  // torch 2.13: lr 0.1, betas (0.9, 0.95), eps 1e-2, weight_decay 0.5, max_norm 2; norms 5, 0.559017 and 2.236068.
  const expected = [
    [0.8508264, -1.800621],
    [0.7179847, -1.6556996],
    [0.6608131, -1.5917366],
  ];
  const weights: ParameterSet = new Map([['w', Float32Array.of(1, -2)]]);
  const zero = (): ParameterSet => new Map([['w', new Float32Array(2)]]);
  const state = { step: 0, first: zero(), second: zero() };
  const options = { learningRate: 0.1, beta1: 0.9, beta2: 0.95, epsilon: 1e-2, weightDecay: 0.5, gradientClipNorm: 2 };
  for (const [step, gradient] of [
    [3, -4],
    [0.5, 0.25],
    [-1, 2],
  ].entries()) {
    const gradients = new Gradients();
    gradients.add('w', Float32Array.from(gradient));
    await adamwStep(weights, gradients, state, options);
    weights.get('w')?.forEach((value, at) => void expect(value).toBeCloseTo(expected[step][at], 6));
  }
});
