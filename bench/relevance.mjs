/**
 * How well relevance without annotation agrees with the annotation: sentences found by words (`lexical`, with several
 * numbers of best sentences), marked by a model as judge, or by a memory agent as it reads. Usage: --help.
 */
import { writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { table } from './report.mjs';

/** Milliseconds between two lines of progress. */
const TELL_EVERY = 10_000;

const HELP = `npm run bench:relevance -- --data FILE [--data FILE …] [options]
  --data FILE     question records with relevance marks; once for each file
  --top LIST      best sentences that lexical, and a chat model by likelihood, mark (default 2,5,10)
  --judge MODEL   also let a model mark that is asked for the numbers of the sentences
  --policy MODEL  also let a memory agent mark: sentences at which it changes its memory (as relevance: policy does), and
                  of those the ones that make the gold answer likelier
  --chat MODEL    also let a chat model mark the sentences that make the gold answer likeliest
  --preset NAME   limits and wording of that agent or chat model (default mini; smollm2-135m for --chat)
  --needed        also compare with all that an ideal reader of BABILong notes, not only with what gives the answer
  --limit N       first records of each file (default all; a judge takes seconds a record)
  --json FILE     also write the rows`;

const { values } = parseArgs({
  options: {
    data: { type: 'string', multiple: true },
    top: { type: 'string', default: '2,5,10' },
    judge: { type: 'string' },
    policy: { type: 'string' },
    chat: { type: 'string' },
    preset: { type: 'string' },
    needed: { type: 'boolean', default: false },
    limit: { type: 'string' },
    json: { type: 'string' },
    help: { type: 'boolean' },
  },
});

const load = (path) => import(new URL(`../packages/tamtrl/dist/${path}`, import.meta.url));
const tops = values.top.split(',').map(Number);

if (values.help) console.log(HELP);
else if (!values.data) throw new Error('Name at least one file of records: --data FILE.');
else await main(values.data);

async function main(files) {
  const { agreement, annotated } = await load('data/relevance.js');
  const { isAnnotated, loadRecords } = await load('data/records.js');
  const opened = [];
  const sources = [await byWords(), await byJudge(opened), await byAgent(opened), await byLikelihood(opened)].flat();
  const references = [{ name: 'annotation', of: annotated }];
  if (values.needed) references.push({ name: 'all that is noted', of: await neededMarks() });
  const rows = [];
  for (const file of files) {
    const { records } = await loadRecords(file);
    const marked = records.filter(isAnnotated).slice(0, values.limit === undefined ? undefined : Number(values.limit));
    for (const { names, marks } of sources) {
      const begun = performance.now();
      let told = begun;
      const found = [];
      for (const record of marked) {
        found.push({ record, marks: await marks(record) });
        const now = performance.now();
        if (now - told < TELL_EVERY && found.length < marked.length) continue;
        const left = ((now - begun) / 1000 / found.length) * (marked.length - found.length);
        console.error(`${basename(file)}, ${names[0]}: ${found.length} of ${marked.length}, ${left.toFixed(0)} s left`);
        told = now;
      }
      const seconds = (performance.now() - begun) / 1000 / found.length;
      for (const { name: reference, of } of references) {
        for (const [at, source] of names.entries()) {
          const agreed = found.map((one) => agreement(one.marks[at], of(one.record)));
          const [precision, recall, f1] = ['precision', 'recall', 'f1'].map((key) =>
            meanAndError(agreed.map((one) => one[key])),
          );
          rows.push({ data: basename(file), source, reference, records: found.length, precision, recall, f1, seconds });
        }
      }
    }
  }
  for (const policy of opened) await policy.close();
  const percent = ({ mean, error }) => `${(100 * mean).toFixed(1)} ± ${(196 * error).toFixed(1)}`;
  const cells = rows.map((row) => [
    ...[row.data, row.source, row.reference, String(row.records)],
    ...[row.precision, row.recall, row.f1].map(percent),
    (1000 * row.seconds).toFixed(1),
  ]);
  console.log(table(['records', 'marks', 'against', 'number', 'precision', 'recall', 'F1', 'ms a record'], cells));
  if (values.json) await writeFile(values.json, `${JSON.stringify({ rows }, undefined, 2)}\n`);
}

async function byWords() {
  const { lexical } = await load('data/relevance.js');
  return tops.map((topK) => ({
    names: [`lexical, ${topK} sentences`],
    marks: async (record) => [lexical(record, { topK })],
  }));
}

async function byJudge(opened) {
  if (values.judge === undefined) return [];
  const { judged } = await load('data/relevance.js');
  const { relevanceJudge } = await load('reward/relevance-judge.js');
  const ask = relevanceJudge(await openedModel(values.judge, opened));
  return { names: [`judge ${basename(values.judge)}`], marks: async (record) => [await judged(record, ask)] };
}

/** The memory agent's own marks; both kinds come from one reading. */
async function byAgent(opened) {
  if (values.policy === undefined) return [];
  const { changesOf, readSentences } = await load('reward/reading-relevance.js');
  const { answerPotentials } = await load('reward/answer-potential.js');
  const { mergeRanges } = await load('text/filter.js');
  const policy = await openedModel(values.policy, opened);
  const parts = await partsOf(policy, values.preset ?? 'mini');
  const name = basename(values.policy);
  const marks = async (record) => {
    const [reading] = await readSentences(policy, [record], parts);
    const group = { ...record, trajectories: [reading.trajectory] };
    const { phi } = await answerPotentials([group], { policy, ...parts, temperature: 1 }, 'the benchmark');
    const [of] = phi[0];
    return [changesOf(reading), mergeRanges(reading.sentences.filter((_, at) => of[at + 1] > of[at]))];
  };
  return { names: [`${name}: memory changes`, `${name}: and the answer is likelier`], marks };
}

/** The sentences after which a chat model finds the gold answer likeliest, each read alone. */
async function byLikelihood(opened) {
  if (values.chat === undefined) return [];
  const { sentencesOf } = await load('data/relevance.js');
  const { mergeRanges } = await load('text/filter.js');
  const policy = await openedModel(values.chat, opened);
  const { frames, budgets } = await partsOf(policy, values.preset ?? 'smollm2-135m');
  const ids = (text) => policy.tokenizer.encodeText(text);
  const marks = async (record) => {
    const sentences = sentencesOf(record);
    const question = ids(record.question);
    const completionIds = ids(frames.format.answerTarget(record.answers[0]));
    const scored = await policy.score(
      sentences.map(({ title, text }) => ({
        promptIds: frames.direct(
          question,
          ids(title === '' ? text : `${title}: ${text}`).slice(0, budgets.chunkTokens),
        ),
        completionIds,
      })),
      {},
    );
    const likelihood = scored.map(({ logProbabilities }) => logProbabilities.reduce((a, b) => a + b, 0));
    const order = sentences.map((_, at) => at).sort((a, b) => likelihood[b] - likelihood[a] || a - b);
    return tops.map((top) => mergeRanges(order.slice(0, top).map((at) => sentences[at])));
  };
  return { names: tops.map((top) => `${basename(values.chat)}: answer likeliest, ${top} sentences`), marks };
}

async function openedModel(name, opened) {
  const { openModel } = await load('models/open.js');
  const policy = await openModel(name);
  opened.push(policy);
  return policy;
}

/** Limits and wording of a preset. */
async function partsOf(policy, name) {
  const { findPreset } = await load('run/presets/presets.js');
  const { memorySchema } = await load('memory/settings.js');
  const { PromptFrames } = await load('memory/frames.js');
  const { promptFormatNamed } = await load('memory/prompts.js');
  const preset = findPreset(name);
  if (!preset?.train) throw new Error(`There is no preset "${name}" with settings of training.`);
  const budgets = memorySchema.parse(preset.train.memory);
  return { budgets, frames: new PromptFrames(policy, promptFormatNamed(budgets.prompts)) };
}

/** The facts at which an ideal reader changes its notes; sentences of books are none. */
async function neededMarks() {
  const { sentencesOf } = await load('data/relevance.js');
  const { idealReader } = await load('data/babi/ideal.js');
  const { memoryOf } = await load('data/babi/notes.js');
  return (record) => {
    const reader = idealReader(record.question);
    return sentencesOf(record).filter(({ text }) => {
      const before = memoryOf(reader.notes());
      reader.read(text);
      return memoryOf(reader.notes()) !== before;
    });
  };
}

/** Mean over records, and its standard error. */
function meanAndError(values) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, values.length - 1);
  return { mean, error: Math.sqrt(variance / values.length) };
}
