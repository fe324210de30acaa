/** Which rewards of one's own a run, a resumed run and a comparison take. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runConfigSchema } from '../train/config.js';
import { readCompareConfig } from './comparison-config.js';
import { trainingConfig } from './comparison-settings.js';
import { differencesOfTraining, writeTrainingRecord } from './comparison-trainings.js';
import { RunFolder } from './folder.js';
import { openReward, reopenReward } from './own-reward.js';

let root: string;
let file: string;

const scoring = 'export default { name: "mine", turnScore: () => 1 };';
const config = runConfigSchema.parse({});

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tamtrl-own-'));
  file = join(root, 'mine.mjs');
  await writeFile(file, scoring);
});

afterAll(() => rm(root, { recursive: true, force: true }));

describe('a run', () => {
  it('takes a file or an object, and names its method', async () => {
    expect(await openReward(file, config, undefined)).toMatchObject({
      loaded: { place: file },
      method: 'mine',
      info: { file, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
    });
    const named = runConfigSchema.parse({ reward: { module: file } });
    expect(await openReward(undefined, named, 'own')).toMatchObject({ method: 'mine' });
    const object = await openReward({ name: 'graded', outcome: () => 1 }, config, 'tamtrl');
    expect(object).toMatchObject({ loaded: { place: 'graded' }, method: undefined, info: undefined });
    expect(await openReward(undefined, config, 'tamtrl')).toBeUndefined();
  });

  it('is refused if turns would be scored twice, or by nothing', async () => {
    await expect(openReward(file, config, 'igpo')).rejects.toThrow('and so does the method "igpo"');
    await expect(openReward(undefined, config, 'own')).rejects.toThrow('but none is named. Give --reward FILE');
  });

  it('that is resumed never starts code that only its folder names', async () => {
    const named = runConfigSchema.parse({ reward: { module: file } });
    await expect(reopenReward(undefined, named, 'runs/a')).rejects.toThrow(`--resume runs/a --reward ${file}`);
    await expect(reopenReward(file, config, 'runs/a')).rejects.toThrow('was started without a reward of its own');
    expect(await reopenReward(file, named, 'runs/a')).toMatchObject({ method: 'mine' });
  });
});

it('a comparison notices a reward that has changed, and no more than that', async () => {
  const path = join(root, 'compare.yaml');
  await writeFile(
    path,
    `
out: ${join(root, 'out')}
model: mini
seeds: [0]
baseline: Mine
preset: mini
methods:
  - { name: Mine, train: own, settings: { reward: { module: ${file} } } }
benchmarks:
  - { name: mini, data: { kind: mini, chunks: 2, facts: 2 } }
`,
  );
  const comparison = await readCompareConfig(path);
  const [method] = comparison.methods;
  const training = join(root, 'training');
  const run = { method, seed: 0, training } as Parameters<typeof writeTrainingRecord>[1];
  await writeTrainingRecord(comparison, run);
  const opened = await openReward(file, config, 'own');
  const info = { command: 'train', preset: 'mini', method: 'mine', started: '', reward: opened?.info } as const;
  // As a training writes it: under the name that the loaded reward has.
  await new RunFolder(training, info).start({ ...(await trainingConfig(comparison, method, 0)), method: 'mine' });
  expect(await differencesOfTraining(comparison, run, {})).toEqual([]);
  await writeFile(file, `${scoring} // other`);
  expect(await differencesOfTraining(comparison, run, {})).toEqual([
    { path: 'reward.module', before: `${file}, as it was`, now: `${file}, changed` },
  ]);
  await rm(file);
  expect((await differencesOfTraining(comparison, run, { files: false }))[0].now).toBe(`${file}, missing`);
});
