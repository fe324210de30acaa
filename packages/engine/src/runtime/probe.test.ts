import { expect, it } from 'vitest';
import { probeRuntime } from './probe.js';

it('a machine that computes has a rate', async () => {
  const { sgemm } = await probeRuntime({ threads: 1 });
  // Any processor of this century does more than 10 million operations a second, and none does 10^15.
  expect(sgemm).toBeGreaterThan(1e7);
  expect(sgemm).toBeLessThan(1e15);
});
