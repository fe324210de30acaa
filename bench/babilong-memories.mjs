/**
 * Where the memories of a model of BABILong leave those of an ideal reader: reads simulated stories hidden in the
 * package's books, and counts first deviations by what the chunk asked for. Usage: --help.
 */
import { parseArgs } from 'node:util';

const load = (path) => import(new URL(`../packages/tamtrl/dist/${path}`, import.meta.url));
const { openModel } = await load('models/open.js');
const { babilongSource } = await load('data/babi/task.js');
const { Books, EMBEDDED_BOOKS } = await load('data/babi/books.js');
const { notesIn } = await load('data/babi/notes.js');
const { runAgent } = await load('memory/agent.js');
const { fittingBudgets, promptsFor } = await load('memory/asking.js');
const { PromptFrames } = await load('memory/frames.js');
const { scoreAnswer } = await load('reward/outcome.js');

const HELP = `npm run bench:memories -- [options]
  --model MODEL     babi, a model folder, … (default babi)
  --tasks LIST      default qa1,qa2,qa3,qa4,qa5
  --questions N     of each task (default 60)
  --chunks N        chunks of a text, more if the story needs them (default 80)
  --chunk-tokens N  default 64
  --decoys SHARE    of the books' sentences that get names of the stories (default 0.1)
  --seed N          default 99
  --show            print each first deviation
  --json            one line for each task instead of the table`;

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'babi' },
    tasks: { type: 'string', default: 'qa1,qa2,qa3,qa4,qa5' },
    questions: { type: 'string', default: '60' },
    chunks: { type: 'string', default: '80' },
    'chunk-tokens': { type: 'string', default: '64' },
    decoys: { type: 'string', default: '0.1' },
    seed: { type: 'string', default: '99' },
    show: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean' },
  },
});

async function main() {
  const policy = await openModel(values.model);
  const books = await Books.open([EMBEDDED_BOOKS], { anyWords: true });
  try {
    for (const task of values.tasks.split(',')) tell(task, await readTask(policy, books, task));
  } finally {
    await policy.close();
  }
}

async function readTask(policy, books, task) {
  const chunks = Number(values.chunks);
  const source = babilongSource(
    {
      tasks: [task],
      chunks: [chunks, chunks],
      chunkTokens: Number(values['chunk-tokens']),
      decoys: Number(values.decoys),
      books,
    },
    Number(values.seed),
    policy.tokenizer,
  );
  const examples = await Promise.all(Array.from({ length: Number(values.questions) }, (_, index) => source.get(index)));
  const readings = examples.map((example) => new Reading(example, policy.tokenizer));
  const frames = new PromptFrames(policy, promptsFor(policy.tokenizer));
  const groups = await runAgent(
    policy,
    examples.map(({ id, question, chunks }) => ({ id, question, chunks })),
    {
      frames,
      budgets: { ...fittingBudgets(frames, policy.contextLength), chunkTokens: Number(values['chunk-tokens']) },
      temperature: 0,
      seed: 0,
      onTurn: (turn, { task: at }) => turn.kind === 'memory' && readings[at].take(turn),
    },
  );
  return groups.map(([{ output }], at) => readings[at].result(output));
}

/** One text: follows the memory until it first differs from the ideal one. */
class Reading {
  #example;
  #tokenizer;
  #before;
  #deviation;
  /** Turns read with the ideal memory, by kind of change. */
  #turns = {};

  constructor(example, tokenizer) {
    this.#example = example;
    this.#tokenizer = tokenizer;
    this.#before = example.idealMemories[0];
  }

  take({ chunk: { index }, memoryIds }) {
    if (this.#deviation) return;
    const { idealMemories, changeKinds, chunks } = this.#example;
    const ideal = idealMemories[index + 1];
    const kind = changeKinds[index] ?? 'nothing told';
    this.#turns[kind] = (this.#turns[kind] ?? 0) + 1;
    const memory = this.#tokenizer.decode(memoryIds);
    const inOrder = (notes) => notesIn(notes).sort().join('; ');
    if (inOrder(memory) !== inOrder(ideal)) {
      const text = this.#tokenizer.decode(chunks[index].ids);
      this.#deviation = { kind, text, before: this.#before, wrote: memory, ideal };
    }
    this.#before = memory;
  }

  result(output) {
    const { answers, question, source } = this.#example;
    const right = scoreAnswer(output, { answers, question, source }, { metric: 'babilong' }) === 1;
    return { question, right, deviation: this.#deviation, turns: this.#turns };
  }
}

function tell(task, results) {
  const kinds = {};
  for (const { turns, deviation } of results) {
    for (const [kind, count] of Object.entries(turns)) {
      kinds[kind] ??= { turns: 0, wrong: 0 };
      kinds[kind].turns += count;
    }
    if (deviation) kinds[deviation.kind].wrong++;
  }
  const right = results.filter((result) => result.right).length;
  const deviated = results.filter(({ deviation }) => deviation);
  if (values.show) deviated.forEach(show);
  if (values.json) {
    console.log(JSON.stringify({ task, questions: results.length, right, deviated: deviated.length, kinds }));
    return;
  }
  console.log(
    `\n${task}: ${right} of ${results.length} right; the memories of ${deviated.length} leave the ideal ones, first at\n`,
  );
  const rows = Object.entries(kinds).sort(([, one], [, other]) => other.wrong - one.wrong || other.turns - one.turns);
  console.log('| ideal memory | turns | wrong |\n| --- | ---: | ---: |');
  for (const [kind, { turns, wrong }] of rows) console.log(`| ${kind} | ${turns.toLocaleString('en')} | ${wrong} |`);
}

function show({ question, right, deviation: { kind, text, before, wrote, ideal } }) {
  console.log(
    `${question} (answer ${right ? 'right' : 'wrong'}; ${kind})\n  chunk  ${text.trim()}\n  before ${before}\n  wrote  ${wrote}\n  ideal  ${ideal}\n`,
  );
}

if (values.help) console.log(HELP);
else await main();
