/**
 * Which sentences of books a model of BABILong takes for facts: every chunk that has a word of the stories, though no
 * story is hidden there, and the probability that it changes one of several memories. Usage: --help.
 */
import { parseArgs } from 'node:util';

const load = (path) => import(new URL(`../packages/tamtrl/dist/${path}`, import.meta.url));
const { openModel } = await load('models/open.js');
const { Books, EMBEDDED_BOOKS } = await load('data/babi/books.js');
const { WORLD_WORDS } = await load('data/babi/events.js');
const { fittingBudgets, promptsFor } = await load('memory/asking.js');
const { PromptFrames } = await load('memory/frames.js');
const { chunkStream } = await load('text/chunks.js');

const HELP = `npm run bench:alarms -- [options]
  --model MODEL       babi, a model folder, … (default babi)
  --books PATH        text file or folder, once for each (default: those of the package)
  --probability P     least probability of a change that counts (default 0.5)
  --show N            print so many of the likeliest (default 20)
  --json              one line instead`;

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'babi' },
    books: { type: 'string', multiple: true },
    probability: { type: 'string', default: '0.5' },
    show: { type: 'string', default: '20' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean' },
  },
});

/** Questions, each with a memory that a text about other things must not change. */
const STATES = [
  ['Where is Mary?', 'nothing'],
  ['Where is John?', 'John kitchen'],
  ['Where is the apple?', 'Daniel garden; Daniel has apple'],
  ['Where is the milk?', 'Mary office; John hallway; Sandra bedroom'],
  ['Where was the football before the garden?', 'football office before garden'],
  ['What is north of the kitchen?', 'nothing'],
  ['Who gave the apple to Fred?', 'nothing'],
];
const WORDS = new RegExp(`\\b(?:${Object.values(WORLD_WORDS).flat().join('|')})\\b`);
/** Rows of one call. */
const ROWS = 1024;

async function main() {
  const policy = await openModel(values.model);
  try {
    const frames = new PromptFrames(policy, promptsFor(policy.tokenizer));
    if (!frames.unchanged) throw new Error(`--model: ${values.model} has no token that keeps a memory.`);
    const { chunkTokens } = fittingBudgets(frames, policy.contextLength);
    const chunks = await chunksWithWords(policy.tokenizer, chunkTokens);
    const found = await likelyChanges(policy, frames, chunks);
    tell(chunks.length, found);
  } finally {
    await policy.close();
  }
}

async function chunksWithWords(tokenizer, chunkTokens) {
  const books = await Books.open(values.books ?? [EMBEDDED_BOOKS], { anyWords: true });
  function* sentences() {
    for (let at = 0; at < books.size; at++) yield `${at === 0 ? '' : ' '}${books.sentence(at)}`;
  }
  const chunks = [];
  for await (const chunk of chunkStream(sentences(), tokenizer, { chunkTokens, align: 'sentence' }))
    if (WORDS.test(chunk.text)) chunks.push(chunk);
  return chunks;
}

/** What has at least the wanted probability of being changed, likeliest first. */
async function likelyChanges(policy, frames, chunks) {
  const { tokenizer } = policy;
  const cases = STATES.flatMap(([question, memory]) => chunks.map((chunk) => ({ question, memory, chunk })));
  const found = [];
  for (let from = 0; from < cases.length; from += ROWS) {
    const some = cases.slice(from, from + ROWS);
    const rows = some.map(({ question, memory, chunk }) => ({
      promptIds: frames.update(tokenizer.encodeText(question), tokenizer.encodeText(memory), chunk.ids),
      completionIds: frames.unchanged,
    }));
    const scores = await policy.score(rows);
    for (const [at, { logProbabilities }] of scores.entries()) {
      const probability = 1 - Math.exp(logProbabilities.reduce((sum, one) => sum + one, 0));
      if (probability >= Number(values.probability)) found.push({ ...some[at], probability });
    }
    if (!values.json) process.stderr.write(`\r${from + some.length} of ${cases.length} read`);
  }
  if (!values.json) process.stderr.write('\n');
  return found.sort((one, other) => other.probability - one.probability);
}

function tell(chunks, found) {
  const distinct = new Set(found.map(({ chunk }) => chunk)).size;
  if (values.json) {
    const { probability } = values;
    console.log(JSON.stringify({ chunks, states: STATES.length, probability, changes: found.length, distinct }));
    return;
  }
  console.log(
    `${found.length} changes with a probability of at least ${values.probability}, in ${distinct} of ${chunks.toLocaleString('en')} chunks with a word of the stories, each read with ${STATES.length} memories`,
  );
  for (const { question, memory, chunk, probability } of found.slice(0, Number(values.show)))
    console.log(`\n${probability.toFixed(2)}  ${question}  ${memory}\n      ${chunk.text.trim()}`);
}

if (values.help) console.log(HELP);
else await main();
