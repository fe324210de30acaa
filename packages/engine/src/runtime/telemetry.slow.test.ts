/** Telemetry in a thread whose environment differs from that of its process. */
import { expect, it } from 'vitest';
import { leftBy, useHomes } from './telemetry.test-support.js';

useHomes();

it('telemetry is off for a worker that was given the setting and whose process was not', async () => {
  expect(await leftBy('a worker thread with a setting of its own')).toEqual([]);
});
