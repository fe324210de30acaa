/**
 * How well the classifier of the method prm tells memories of questions that it has not seen, compared with always
 * choosing the more frequent label. Usage: --help.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const HELP = `npm run bench:process-reward -- [options]
  --records NAME=TRAIN[,HELDOUT]  files of question records, any number of times; one file alone is split by question, every fifth held out
  --threshold X                   as reward.processReward.threshold (default 0.7)
  --chunk N                       tokens of a chunk of records (default 512, of the byte-pair fixture: about 1,400 characters)
  --write-docs                    also write the tables into docs/evaluation.md
The mini task, also with memories that the embedded model writes, is measured always.`;

const { values } = parseArgs({
  options: {
    records: { type: 'string', multiple: true, default: [] },
    threshold: { type: 'string', default: '0.7' },
    chunk: { type: 'string', default: '512' },
    'write-docs': { type: 'boolean', default: false },
    help: { type: 'boolean' },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit(0);
}

const load = (path) => import(new URL(`../packages/tamtrl/dist/${path}`, import.meta.url));
const { loadRecords, loadTokenizer, miniSource, openModel, recordSource } = await load('index.js');
const { relevanceSources } = await load('data/examples.js');
const { runAgent } = await load('memory/agent.js');
const { PromptFrames } = await load('memory/frames.js');
const { promptFormatNamed } = await load('memory/prompts.js');
const { labelledMemories } = await load('reward/prm.js');
const { ProcessRewardModel } = await load('reward/process-reward.js');
const { findPreset } = await load('run/presets/presets.js');

const threshold = Number(values.threshold);
const tokenizer = await loadTokenizer(
  fileURLToPath(new URL('../packages/tamtrl/fixtures/tokenizers/bpe', import.meta.url)),
);
const policy = await openModel('mini');
const KINDS = ['complete', 'partial', 'changed', 'irrelevant', 'unrelated', 'empty'];
const MINI_QUESTIONS = 256;
const ROLLOUT_QUESTIONS = 64;

const rows = [];
for (const entry of values.records) {
  const [, name, train, heldOut] = /^([^=]+)=([^,]+)(?:,(.+))?$/.exec(entry) ?? [];
  if (name === undefined) throw new Error(`--records takes NAME=TRAIN[,HELDOUT]; found "${entry}".`);
  const examples = await recordExamples(train);
  const isHeldOut = (_, at) => at % 5 === 0;
  const seen = heldOut === undefined ? examples.filter((example, at) => !isHeldOut(example, at)) : examples;
  measure(name, seen, heldOut === undefined ? examples.filter(isHeldOut) : await recordExamples(heldOut), tokenizer);
}
for (const [name, preset, task] of [
  ['mini', 'mini', {}],
  ['mini, half of the keys chained', 'mini', { chained: 0.5 }],
  ['mini-long', 'mini-long', {}],
]) {
  const { data, memory } = findPreset(preset).train;
  const { kind: _, ...shape } = { ...data, ...task };
  const examples = (seed, count) => numbered(count, (at) => miniSource(shape, seed, policy.tokenizer).get(at));
  const seen = await examples(2, MINI_QUESTIONS);
  const model = measure(name, seen, await examples(1_000_005, MINI_QUESTIONS), policy.tokenizer);
  const cases = await rollouts(await examples(1_000_006, ROLLOUT_QUESTIONS), memory);
  row(`${name}, memories of the embedded model`, ROLLOUT_QUESTIONS, cases, model, []);
}
await policy.close();

const head = ['held-out memories of', 'questions', 'memories', 'majority', 'right', 'AUC', ...KINDS];
const widths = head.map((_, column) => Math.max(...[head, ...rows].map((cells) => cells[column].length)));
const rule = widths.map((width, at) => (at === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
const padded = (cells) => cells.map((cell, at) => (at === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[at])));
const table = [head, rule, ...rows].map((cells) => `| ${padded(cells).join(' | ')} |`).join('\n');
console.log(table);
if (values['write-docs']) {
  const path = new URL('../docs/evaluation.md', import.meta.url);
  const marks = /(<!-- bench:process-reward -->\n)[\s\S]*?(<!-- \/bench:process-reward -->)/;
  const page = await readFile(path, 'utf8');
  if (!marks.test(page)) throw new Error('docs/evaluation.md has no place for the table.');
  await writeFile(
    path,
    page.replace(marks, (_, open, close) => `${open}${table}\n${close}`),
  );
}

function numbered(count, make) {
  return Promise.all(Array.from({ length: count }, (_, at) => make(at)));
}

async function recordExamples(path) {
  const { records } = await loadRecords(path);
  const source = recordSource(records, tokenizer, { chunkTokens: Number(values.chunk) }, relevanceSources.annotated);
  return numbered(source.size, (at) => source.get(at));
}

/** Learns from the composed memories of some questions and adds a row for those of others. */
function measure(name, seen, heldOut, tokenizer) {
  const labelled = (examples) => labelledMemories(examples, { tokenizer, threshold, seed: 1 });
  const model = new ProcessRewardModel(labelled(seen));
  row(name, heldOut.length, labelled(heldOut), model, KINDS);
  return model;
}

function row(name, questions, cases, model, kinds) {
  const { memories, all, majority, auc } = model.accuracy(cases);
  const scores = model.probabilities(cases);
  const mean = (kind) => {
    const own = scores.filter((_, at) => cases[at].kind === kind);
    return own.length === 0 ? '' : (own.reduce((a, b) => a + b, 0) / own.length).toFixed(2);
  };
  const percent = (share) => `${(100 * share).toFixed(1)}%`;
  const number = (count) => count.toLocaleString('en-US');
  const means = KINDS.map((kind) => (kinds.includes(kind) ? mean(kind) : ''));
  rows.push([name, number(questions), number(memories), percent(majority), percent(all), auc.toFixed(3), ...means]);
}

/** Four rollouts of each question by the embedded model at temperature 1, with their labels. */
async function rollouts(examples, budgets) {
  const frames = new PromptFrames(policy, promptFormatNamed('mini'));
  const tasks = examples.map(({ id, question, chunks }, seed) => ({ id, question, chunks, samples: 4, seed }));
  const groups = await runAgent(policy, tasks, { frames, budgets, temperature: 1, topP: 1, seed: 1, empty: 'keep' });
  return groups.flatMap((trajectories, at) => {
    const { question, filteredChunks, quality } = examples[at];
    return trajectories.flatMap(({ turns }) =>
      turns.flatMap(({ kind, memoryIds }, turn) => {
        const memory = policy.tokenizer.decode(memoryIds, { skipSpecialTokens: true });
        const held = kind === 'answer' ? undefined : quality(turn, memory);
        if (held === undefined) return [];
        return [{ turn, question, evidence: filteredChunks.slice(0, turn + 1), memory, good: held >= threshold }];
      }),
    );
  });
}
