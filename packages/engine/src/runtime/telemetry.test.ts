/** What models leave in the home of their process. `telemetry.slow.test.ts` has further threads. */
import { describe, expect, it } from 'vitest';
import { leftBy, unreachable, useHomes } from './telemetry.test-support.js';

useHomes();

describe('telemetry', () => {
  it('is off for a model in the main thread', async () => {
    expect(await leftBy('the main thread')).toEqual([]);
  });

  it('is off for a model in a worker whose environment is a copy', async () => {
    expect(await leftBy('a worker thread')).toEqual([]);
  });

  it.skipIf(process.platform === 'win32')("follows the user's own setting", async () => {
    const files = await leftBy('the main thread', { ...unreachable, ORT_DISABLE_TELEMETRY: '0' });
    expect(files.join('\n')).toContain('deviceid');
  });

  it.skipIf(process.platform === 'win32')('is on in the runtime itself, or this test would show nothing', async () => {
    const files = await leftBy('the bare runtime', unreachable);
    expect(files.join('\n')).toContain('deviceid');
  });
});
