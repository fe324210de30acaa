/** Where almost all texts end with their drafts, keys and values are not returned; what goes on is read again. */
import { expect, it, vi } from 'vitest';
import { EngineCore } from '../core.js';
import { CompiledGraph } from '../runtime/onnx.js';
import { randomParameters } from '../weights/random.js';
import { TINY } from './tiny-config.test-support.js';

const open = () => new EngineCore(TINY, randomParameters(TINY, 9), { auxiliary: new Map(), eosTokenIds: [] });

it('gives the same samples, whatever was expected of them', async () => {
  const prompts = Array.from({ length: 64 }, (_, at) =>
    Array.from({ length: 9 + (at % 5) }, (_, t) => (7 * at + t * t) % 41),
  );
  const options = { maxTokens: 6, temperature: 0 };
  const fresh = open();
  const plain = await fresh.generate(
    prompts.map((promptIds) => ({ promptIds })),
    options,
  );
  const drafted = prompts.map((promptIds, at) => ({ promptIds, draft: plain[at][0].tokens }));
  // Every seventh text goes on where its draft is wrong.
  const mixed = drafted.map((request, at) =>
    at % 7 === 3 ? { ...request, draft: [plain[at][0].tokens[0], 40] } : request,
  );
  const expected = await fresh.generate(mixed, options);
  await fresh.close();

  const core = open();
  const run = vi.spyOn(CompiledGraph.prototype, 'run');
  for (let call = 0; call < 4; call++) await core.generate(drafted, options);
  run.mockClear();
  expect(await core.generate(mixed, options)).toEqual(expected);
  const reads = run.mock.calls.filter(([feeds]) => 'query rows' in feeds);
  const returned = reads.map(([, fetches]) => fetches === undefined);
  expect(returned).toContain(false);
  expect(returned).toContain(true);
  run.mockRestore();
  await core.close();
});
