/** Reads documents of one length side by side, and saves where it is, so that hours of reading survive a stop. */
import { appendFile, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

const load = (path) => import(new URL(`../../packages/tamtrl/dist/${path}`, import.meta.url));
const { writeWhole } = await load('base/files.js');
const { runAgent } = await load('memory/agent.js');
const { fittingBudgets, promptsFor } = await load('memory/asking.js');
const { PromptFrames } = await load('memory/frames.js');
const { recordReader } = await load('eval/readers.js');
const { gathered } = await load('data/files/writer.js');
const { scoreAnswer } = await load('reward/outcome.js');
const { chunkStream } = await load('text/chunks.js');
const { RENDERERS } = await load('text/documents.js');

/** Milliseconds between two saved states, and between two lines of progress. */
const SAVE_EVERY = 60_000;
const TELL_EVERY = 10_000;
/** Half a fact is none. */
const ALIGN = 'sentence';

/** All finished questions. */
export async function savedResults(out) {
  const text = await readFile(join(out, 'results.jsonl'), 'utf8').catch(() => '');
  return text.split('\n').filter(Boolean).map(JSON.parse);
}

/** Adds results that are not there yet. */
export async function addResults(out, results) {
  const done = new Set((await savedResults(out)).map(keyOf));
  const fresh = results.filter((result) => !done.has(keyOf(result)));
  await appendFile(join(out, 'results.jsonl'), fresh.map((result) => `${JSON.stringify(result)}\n`).join(''));
}

const keyOf = ({ reader, length, id }) => `${reader} ${length} ${id}`;

/** Reads what of `questions` has no result yet. */
export async function readLength(out, length, questions, { policy, reader, sideBySide }) {
  const done = new Set((await savedResults(out)).map(keyOf));
  const open = questions
    .map((question) => ({ ...question, record: question.make() }))
    .filter(({ record: { id } }) => !done.has(keyOf({ reader, length, id })));
  for (let from = 0; from < open.length; from += sideBySide) {
    const batch = open.slice(from, from + sideBySide);
    const title = `${length}, ${from + 1} to ${from + batch.length} of ${open.length}`;
    const settings = readingOf(policy);
    const results =
      reader === 'agent'
        ? await new Reading(batch, policy, settings, { place: join(out, `state-${length}.json`), title }).read()
        : await readContexts(batch, policy, settings, reader);
    const lines = results.map(({ question: { task, record }, ...result }) => {
      const { id, answers, question, source } = record;
      const correct = scoreAnswer(result.output, { answers, question, source }, { metric: 'babilong' }) === 1;
      return { id, length, task, reader, question, answer: answers[0], correct, ...result };
    });
    await appendFile(join(out, 'results.jsonl'), lines.map((result) => `${JSON.stringify(result)}\n`).join(''));
    console.error(`${title}: ${lines.filter(({ correct }) => correct).length} of ${lines.length} right`);
  }
}

function readingOf(policy) {
  const frames = new PromptFrames(policy, promptsFor(policy.tokenizer));
  return { frames, budgets: fittingBudgets(frames, policy.contextLength) };
}

/** The model sees one chunk of the text: its beginning and end, or what search finds. */
async function readContexts(batch, policy, settings, reader) {
  const read = recordReader(reader, policy, {
    ...settings,
    align: ALIGN,
    renderer: RENDERERS.plain,
    temperature: 0,
    topP: 1,
    seed: 0,
  });
  const started = performance.now();
  const groups = await read(batch.map(({ record }) => gathered(record)));
  const seconds = (performance.now() - started) / 1000 / batch.length;
  return groups.map(([{ trajectory }], at) => ({ question: batch[at], output: trajectory.output, seconds }));
}

/** The agent over a batch of texts as they are made, from where it was stopped. */
class Reading {
  #batch;
  #policy;
  #settings;
  #place;
  #title;
  #states;
  #saving = Promise.resolve();
  #begun = performance.now();
  #told = this.#begun;
  #saved = this.#begun;
  #tokens = 0;
  #characters = 0;

  constructor(batch, policy, settings, { place, title }) {
    this.#batch = batch;
    this.#policy = policy;
    this.#settings = settings;
    this.#place = place;
    this.#title = title;
  }

  async read() {
    const saved = JSON.parse(await readFile(this.#place, 'utf8').catch(() => '{}'));
    const { frames, budgets } = this.#settings;
    this.#states = this.#batch.map(
      ({ record }) =>
        saved[record.id] ?? {
          turn: 0,
          offset: 0,
          memory: frames.initialMemory(record.question),
          quiet: 0,
          changed: 0,
          longest: 0,
          seconds: 0,
        },
    );
    const starts = this.#states.map(({ offset }) => offset);
    const tasks = this.#batch.map(({ record }, at) => {
      const { memory, turn, offset } = this.#states[at];
      const text = without(record.text, offset);
      const chunks = chunkStream(text, this.#policy.tokenizer, { chunkTokens: budgets.chunkTokens, align: ALIGN });
      return { id: record.id, question: record.question, chunks, from: { memoryIds: memory, turn } };
    });
    const groups = await runAgent(this.#policy, tasks, {
      frames,
      budgets,
      temperature: 0,
      seed: 0,
      keep: 'counts',
      onTurn: (turn, { task }) => turn.kind === 'memory' && this.#take(turn, task, starts[task]),
    });
    await this.#saving;
    await rm(this.#place, { force: true });
    return groups.map(([{ output }], at) => {
      const { turn: turns, quiet, changed, longest, memory, offset, seconds } = this.#states[at];
      const told = this.#policy.tokenizer.decode(memory);
      return {
        question: this.#batch[at],
        output,
        turns,
        quiet,
        changed,
        longest,
        memory: told,
        characters: offset,
        seconds,
      };
    });
  }

  #take({ chunk, memoryIds, promptTokens, outputTokens, seconds }, at, start) {
    const state = this.#states[at];
    const [from, to] = [start + chunk.start, start + chunk.end];
    const facts = this.#batch[at].record.facts();
    if (!facts.some((fact) => fact.start < to && fact.end > from)) {
      state.quiet++;
      if (memoryIds.join() !== state.memory.join()) state.changed++;
    }
    state.memory = memoryIds;
    state.turn++;
    state.offset = to;
    state.longest = Math.max(state.longest, memoryIds.length);
    state.seconds += seconds / this.#batch.length;
    this.#tokens += promptTokens + outputTokens;
    this.#characters += chunk.end - chunk.start;
    if (at === this.#batch.length - 1) this.#tell(state);
  }

  #tell({ turn }) {
    const now = performance.now();
    if (now - this.#told > TELL_EVERY) {
      this.#told = now;
      const each = (count) => Math.round((1000 * count) / (now - this.#begun)).toLocaleString('en');
      console.error(
        `${this.#title}: turn ${turn}, ${each(this.#tokens)} tokens and ${each(this.#characters)} characters a second`,
      );
    }
    if (now - this.#saved > SAVE_EVERY) {
      this.#saved = now;
      const states = Object.fromEntries(this.#batch.map(({ record }, at) => [record.id, { ...this.#states[at] }]));
      this.#saving = this.#saving.then(() => writeWhole(this.#place, states));
    }
  }
}

/** A text without its first `count` characters. */
async function* without(text, count) {
  let left = count;
  for (const piece of text) {
    if (left < piece.length) yield left === 0 ? piece : piece.slice(left);
    left = Math.max(0, left - piece.length);
  }
}
