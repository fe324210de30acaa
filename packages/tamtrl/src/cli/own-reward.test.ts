/**
 * `tamtrl train --reward FILE`, as users run it: TypeScript, errors within a step, and resuming after them.
 * `own-reward.slow.test.ts` runs the example.
 */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runnable, spawned } from './executable.test-support.js';
import { runQuietly } from './program.test-support.js';

let place: { folder: string; config: string };

beforeAll(async () => {
  place = await runnable();
});

afterAll(() => rm(place.folder, { recursive: true, force: true }));

const train = (...args: string[]) => spawned(place.folder, ['train', ...args]);

async function steps(run: string): Promise<{ reward: number }[]> {
  const lines = (await readFile(join(place.folder, run, 'metrics.jsonl'), 'utf8')).trim().split('\n');
  return lines.map((line) => JSON.parse(line)).filter(({ kind }) => kind === 'step');
}

it('a module that throws in step 2 ends the run, which continues once it is mended', async () => {
  const code = (second: string) => `
    // Types, and a helper of its own.
    import { worth } from './helper.ts';
    interface Seen { sample: number; score: number }
    let calls = 0;
    export default {
      outcome({ sample, score }: Seen): number {
        if (++calls > 9) ${second}
        return worth(score, sample);
      },
    };`;
  const path = join(place.folder, 'mine.ts');
  await writeFile(
    join(place.folder, 'helper.ts'),
    'export const worth = (score: number, sample: number): number => score + sample / 10;',
  );
  await writeFile(path, code("throw new Error('the table has no row')"));
  const args = ['--config', place.config, '--method', 'memagent', '--reward', 'mine.ts', '--out', 'thrown'];
  const ended = await train(...args);
  expect(ended.err).toMatch(
    /tamtrl: mine\.ts: outcome threw an error for rollout 0 of "mini-\S+": the table has no row \(line 8\)\. Everything saved so far is intact: continue with tamtrl train --resume thrown --reward mine\.ts/,
  );
  expect(ended.code).toBe(1);
  // The mean of 0, 0.1 and 0.2: random weights never answer right.
  expect((await steps('thrown')).map(({ reward }) => reward)).toEqual([expect.closeTo(0.1, 10)]);
  const run = join(place.folder, 'thrown');
  const bare = await runQuietly(['train', '--resume', run]);
  expect(bare).toMatchObject({ code: 2, err: expect.stringContaining(`--resume ${run} --reward mine.ts`) });
  await writeFile(path, code('return 0.5;'));
  const mended = await train('--resume', 'thrown', '--reward', 'mine.ts');
  expect(mended.err).toContain('Warning: mine.ts is not what it was when the run was started');
  expect(mended.code).toBe(0);
  expect((await steps('thrown')).map(({ reward }) => reward)).toHaveLength(2);
}, 180_000);

it('a module that ends the program does not look like success', async () => {
  const run = async (name: string, code: string) => {
    await writeFile(join(place.folder, name), code);
    return train('--config', place.config, '--method', 'memagent', '--reward', name, '--out', `ended-${name}`);
  };
  const called = await run('leaves.mjs', 'export default { outcome: () => process.exit(0) };');
  expect(called.err).toMatch(
    /tamtrl: leaves\.mjs: the program was ended, perhaps by process\.exit, in outcome for rollout 0 of "mini-\S+"\. Everything saved so far is intact\./,
  );
  expect(called.code).toBe(1);
  const loaded = await run('gone.mjs', 'process.exit(0);');
  expect(loaded.err).toContain('gone.mjs: the program was ended, perhaps by process.exit, in import for the module.');
  expect(loaded.code).toBe(1);
  // While the engine computes, Node cannot end without an abort: the code is 1 or that of a signal, and never 0.
  const later = 'export default { outcome: () => { setTimeout(() => process.exit(0), 1); return 1; } };';
  const timed = await run('timer.mjs', later);
  expect(timed.err).toMatch(
    /tamtrl: timer\.mjs: the program was ended, perhaps by process\.exit, (?:in|between calls)/,
  );
  expect(timed.code).not.toBe(0);
}, 120_000);

it('what cannot be a reward is refused before anything is written', async () => {
  const at = (name: string) => join(place.folder, name);
  await writeFile(at('enum.ts'), 'enum A { B }\nexport default { outcome: () => A.B };');
  // A process of its own: in this one, the test runner would compile the TypeScript.
  const compiled = await train('--config', place.config, '--reward', 'enum.ts', '--out', 'none');
  expect(compiled.err).toMatch(/tamtrl: enum\.ts: the module cannot be loaded: .*enum\.ts.*enum/);
  expect(compiled.code).toBe(2);
  const refused = (name: string, ...more: string[]) =>
    runQuietly(['train', '--config', place.config, '--reward', at(name), '--out', at('none'), ...more]);
  await writeFile(at('own.mjs'), 'export default { turnScore: () => 1 };');
  expect(await refused('own.mjs', '--method', 'memagent')).toMatchObject({
    code: 2,
    err: expect.stringContaining(
      'own.mjs scores memory turns itself, and so does the method "memagent". Leave one of the two out',
    ),
  });
  expect(await refused('gone.ts')).toMatchObject({
    code: 2,
    err: expect.stringContaining('--reward: expected a .ts or .js file'),
  });
  expect(await readdir(place.folder)).not.toContain('none');
}, 120_000);
