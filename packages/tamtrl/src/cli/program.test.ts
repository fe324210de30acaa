/** Commands within this process: refusals, warm-up, the doctor. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { closeTinyPolicies, tinyModelFolder, tinyPolicy } from '../policy/engine-pool.test-support.js';
import { engineServer } from '../policy/tinker/engine-server.test-support.js';
import type { Check } from '../run/doctor/check.js';
import { presets } from '../run/presets/presets.js';
import { recipes } from '../run/recipes.js';
import { runQuietly } from './program.test-support.js';
import { EXIT } from './terminal/errors.js';

let folder: string;
let model: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tamtrl-program-'));
  model = await tinyModelFolder();
});

afterAll(async () => {
  await closeTinyPolicies();
  await rm(folder, { recursive: true, force: true });
});

const run = (...args: string[]) => runQuietly(args);

async function yaml(text: string): Promise<string> {
  const path = join(folder, 'settings.yaml');
  await writeFile(path, text.replace('MODEL', model));
  return path;
}

/** A small task for a tiny model with random weights. */
const SMALL = `
model: MODEL
data: { kind: mini, chunks: 2, factsPerChunk: 2, queries: 1 }
memory: { questionTokens: 4, chunkTokens: 4, memoryTokens: 5, answerTokens: 3, prompts: mini }
steps: 2
evaluation: { every: 0, questions: 4 }
`;

async function records(name: string, count: number, more: object = {}): Promise<string> {
  const lines = Array.from({ length: count }, (_, at) => {
    const documents = [{ text: `anna oslo ben rome carl bern`, relevant: true }];
    const question = ['anna', 'ben', 'carl', 'dan', 'emma', 'jack'][at];
    return JSON.stringify({ id: `q${at}`, question, answers: ['oslo'], documents, ...more });
  });
  const path = join(folder, name);
  await writeFile(path, `${lines.join('\n')}\n`);
  return path;
}

it('help and version', async () => {
  const help = await run('--help');
  expect(help).toMatchObject({ code: 0, err: '' });
  for (const command of ['train', 'sft', 'doctor']) expect(help.out).toContain(command);
  expect((await run('train', '--help')).out).toContain('tamtrl-no-minmax');
  expect((await run('--version')).out).toMatch(/^\d+\.\d+\.\d+\n$/);
});

it('help lists every option of every command under a heading that says what it is about', async () => {
  const commands = async (of: string[]) => {
    const listed = (await run(...of, '--help')).out.split('\nCommands:\n')[1];
    const names = [...listed.matchAll(/^ {2}(\w+)/gm)].map(([, name]) => name);
    return names.filter((name) => name !== 'help').map((name) => [...of, name]);
  };
  const all = [...(await commands([])), ...(await commands(['data']))];
  expect(all.length).toBeGreaterThan(12);
  for (const command of all) {
    const { out } = await run(...command, '--help');
    const ungrouped = out.split('\nOptions:\n')[1].split('\n\n')[0];
    expect(ungrouped.match(/^ {2}-.*/gm), command.join(' ')).toEqual([expect.stringMatching(/^ {2}-h, --help /)]);
  }
});

it('the guide names every flag, preset, method and exit code', async () => {
  const doc = (name: string) => readFile(new URL(`../../../../docs/${name}`, import.meta.url), 'utf8');
  const guide = await doc('cli.md');
  for (const command of ['train', 'sft', 'doctor']) {
    const { out } = await run(command, '--help');
    for (const [flag] of out.matchAll(/^ {2}--\w+/gm)) expect(guide, command).toContain(`\`${flag.trim()}`);
  }
  for (const { name } of presets) expect(guide).toContain(`\`${name}\``);
  // The guide points to the reward methods, and has the variants itself.
  expect(guide).toContain('(method.md#rewards)');
  const both = guide + (await doc('method.md'));
  for (const { name } of recipes) expect(both).toContain(`\`${name}\``);
  for (const code of Object.values(EXIT)) expect(guide).toMatch(new RegExp(`^\\| ${code} +\\|`, 'm'));
});

it('arguments that commander refuses end with code 2 and a hint', async () => {
  expect(await run('trian')).toMatchObject({ code: 2, err: expect.stringContaining('(Did you mean train?)') });
  expect(await run('train', '--stps', '3')).toMatchObject({ code: 2, err: expect.stringContaining('--steps') });
  expect((await run('train', '--steps', '1.5')).err).toContain('Expected a whole number of at least 1.');
  expect((await run()).code).toBe(2);
});

it('resuming takes no settings, and needs a run', async () => {
  expect(await run('train', '--resume')).toMatchObject({ code: 2, err: expect.stringContaining('needs the folder') });
  const other = await run('train', '--resume', folder, '--seed', '2', '--method', 'memagent');
  expect(other.err).toContain('--method, --seed cannot be given with it');
  const none = await run('train', '--resume', '--out', join(folder, 'none'));
  expect(none).toMatchObject({ code: 2, err: expect.stringContaining('There is no run in') });
});

it('budgets that do not fit the window are refused with numbers, and nothing is written', async () => {
  const settings = await yaml(SMALL.replace('chunkTokens: 4', 'chunkTokens: 400'));
  const out = join(folder, 'window');
  const { code, err } = await run('train', '--config', settings, '--out', out);
  expect(err).toMatch(
    /A memory update needs up to \d+ tokens .*chunk 400 .* window holds 256\. Lower chunkTokens to at most \d+/,
  );
  expect(code).toBe(2);
  expect(await readdir(folder)).not.toContain('window');
});

it('records that the method cannot use are refused with numbers, and short documents are pointed out', async () => {
  const settings = await yaml(SMALL.replace(/data: .*/, ''));
  const bare = await records('bare.jsonl', 6, { documents: [{ text: 'anna oslo' }] });
  const unmarked = await run('train', '--config', settings, '--data', bare, '--out', join(folder, 'bare'));
  expect(unmarked).toMatchObject({
    code: 2,
    err: expect.stringMatching(/6 of 6 records have no relevance annotation \(the first is "q\d"\)/),
  });
  const mute = await records('mute.jsonl', 6, { answers: [] });
  const silent = await run('train', '--config', settings, '--data', mute, '--out', join(folder, 'mute'));
  expect(silent.err).toMatch(/mute\.jsonl has 0 usable records \(6 lines left out\)/);
  expect(silent.code).toBe(2);
  const marked = await records('marked.jsonl', 6);
  const warm = await run('sft', '--config', settings, '--data', marked, '--out', join(folder, 'warm'));
  expect(warm).toMatchObject({
    code: 2,
    err: expect.stringContaining('ideal memories, which question records do not'),
  });
  // The judge is missing, but the warnings come first.
  const large = await yaml(SMALL.replace(/data: .*/, '').replace('chunkTokens: 4', 'chunkTokens: 16'));
  const short = await run(
    'train',
    '--config',
    large,
    '--data',
    marked,
    '--method',
    'judge',
    '--out',
    join(folder, 'j'),
  );
  expect(short.err).toMatch(/Warning: 2 of the first 2 questions .* \(up to \d+ tokens, memory\.chunkTokens is 16\)/);
  expect(short.err).toContain('The method judge needs a judge, and none is given');
  expect(short.code).toBe(2);
  const unjudged = await yaml(`${SMALL.replace(/data: .*/, '')}relevance: judge\n`);
  const mutes = await run('train', '--config', unjudged, '--data', marked, '--out', join(folder, 'u'));
  expect(mutes).toMatchObject({
    code: 2,
    err: expect.stringContaining('no model is given to mark what is relevant. Name a judge with --judge'),
  });
});

it('an interruption after the last step leaves out the readings, not the report', async () => {
  const settings = await yaml(`${SMALL}questionsPerStep: 2\ngroupSize: 2\nreward: { combine: additive }\n`);
  let readings = 0;
  const path = join(folder, 'late');
  const args = ['train', '--config', settings, '--steps', '1', '--out', path, '--json'];
  const { code, out } = await runQuietly(args, (text) => {
    // Before training, and after it.
    if (text.startsWith('Reading held-out') && ++readings === 2) process.emit('SIGINT');
  });
  expect(code).toBe(130);
  expect(JSON.parse(out)).toMatchObject({ reason: 'steps', steps: 1, evaluated_step: 1 });
  expect(await readdir(path)).toContain('report.md');
  expect(JSON.parse(await readFile(join(path, 'readings.json'), 'utf8')).after).toBeUndefined();
});

it('the doctor looks at everything, and leaves nothing behind', async () => {
  const runs = join(folder, 'deep/runs');
  const { code, out } = await run('doctor', '--json', '--out', runs);
  const { ok, checks } = JSON.parse(out);
  expect(checks.map(({ name }: { name: string }) => name)).toEqual([
    'Node.js',
    'memory',
    'onnxruntime-node',
    'embedded model',
    'run folder',
  ]);
  expect({ ok, code }).toEqual({ ok: true, code: 0 });
  expect(checks[2].data.sgemm).toBeGreaterThan(1e7);
  expect(checks[3].data.sha256).toMatch(/^[0-9a-f]{64}$/);
  expect(await readdir(folder)).not.toContain('deep');
});

it('the doctor asks a model: the embedded one, one at a training server, one that is not there', async () => {
  const asked = async (...args: string[]) => {
    const { code, out } = await run('doctor', '--json', '--out', join(folder, 'runs'), ...args);
    const { checks } = JSON.parse(out) as { checks: Check[] };
    return { code, of: Object.fromEntries(checks.slice(5).map((check) => [check.name, check])) };
  };
  const own = await asked('--model', 'mini');
  expect(Object.keys(own.of)).toEqual(['model', 'samples', 'scores', 'trains']);
  expect(own.of.scores.data.difference).toBeLessThan(1e-3);
  expect(own.of.trains.message).toBe('the loss, a frozen teacher, KL, an EMA teacher');
  const server = await engineServer({ open: () => tinyPolicy(), losses: ['cross_entropy', 'ppo'] });
  try {
    const far = await asked('--model', `tinker:${server.url}#mini`, '--tokenizer', 'mini');
    expect(far.of.model.message).toBe(`mini at ${server.url}, window 64 tokens`);
    expect(far.of.scores.data.difference).toBeLessThan(1e-3);
    expect(far.of.trains.message).toBe('the loss, a frozen teacher, KL');
    const without = await asked('--model', `tinker:${server.url}?loss=cispo#mini`, '--tokenizer', 'mini');
    expect(without).toMatchObject({ code: 1, of: { samples: { status: 'ok' }, trains: { status: 'failed' } } });
    expect(without.of.trains.message).toContain('does not have the loss cispo');
  } finally {
    await server.close();
  }
  const none = await asked('--model', 'no.gguf');
  expect(none).toMatchObject({ code: 1, of: { model: { status: 'failed' } } });
  expect(none.of.model.message).toContain('There is no model at no.gguf');
});

it('eval uses the requested metrics, or those that the records name', async () => {
  const data = await records('scored.jsonl', 2, { answers: ['oslo', ' '], answersWanted: 'any', metric: 'f1' });
  const read = ['--model', model, '--data', data, '--chunk-tokens', '4'];
  const own = await run('eval', ...read, '--out', join(folder, 'own-metric'));
  expect(own.err).toContain('2 blank gold answers in 2 records were dropped; the first is in line 1 (record "q0").');
  expect(own.out).toMatch(/failed +f1 +exact_match +sub_exact_match +length/);
  const markdown = await readFile(join(folder, 'own-metric', 'summary.md'), 'utf8');
  expect(markdown).toMatch(/Scored by f1\..* Scorer \d+, prompts [0-9a-f]{12}\./s);
  const asked = await run('eval', ...read, '--metric', 'hotpotqa_f1,string_match_all', '--out', join(folder, 'asked'));
  expect(asked.out).toMatch(/failed +hotpotqa_f1 +string_match_all +length/);
  const again = ['--metric', 'rouge_l', '--out', join(folder, 'asked'), '--resume', '--json'];
  const other = JSON.parse((await run('eval', ...read, ...again)).out);
  expect(other).toMatchObject({ metric: ['rouge_l'], metrics: { rouge_l: expect.anything() }, records: 2 });
  expect(await run('eval', ...read, '--metric', 'f2')).toMatchObject({
    code: 2,
    err: expect.stringContaining('There is no metric "f2". Did you mean "f1"?'),
  });
  const refused = await run('eval', ...read, '--metric', 'babilong', '--out', join(folder, 'refused-metric'));
  expect(refused.err).toContain('Record "q0" cannot be scored by babilong, which needs the task');
  expect(refused.code).not.toBe(0);
  const checked = await run('data', 'check', data, '--json');
  expect(JSON.parse(checked.out).files[0]).toMatchObject({ records: 2, answers: 2, blank_answers: 2 });
  expect(checked.err).toContain('2 blank gold answers in 2 records were dropped');
});
