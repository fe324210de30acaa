/** One reading from its arguments to its answer. */
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { count, counted, duration } from '../../base/format.js';
import { LockError, lockFile } from '../../base/lock.js';
import { given } from '../../base/objects.js';
import type { Budgets } from '../../memory/frames.js';
import { readerSettings, readingDifferences, readingFrom } from '../../memory/reading-settings.js';
import { savedReading } from '../../models/reading-file.js';
import { moneyText, namesForPrices, Prices } from '../../policy/prices.js';
import { checkEncoding } from '../../reader/decoding.js';
import { ReaderError } from '../../reader/errors.js';
import { estimateReading } from '../../reader/estimate-reading.js';
import { charactersOf, documentsNamed } from '../../reader/files/named.js';
import { isAddress } from '../../reader/files/page.js';
import { textOfFiles } from '../../reader/files/several.js';
import { planReading, type ReadingPlan } from '../../reader/plan.js';
import { pieceText } from '../../reader/provenance.js';
import { type Answer, MemoryReader } from '../../reader/reader.js';
import { loadState, saveState } from '../../reader/saved-state.js';
import { stateFileAt } from '../../reader/state-folder.js';
import type { Unread } from '../../reader/survey.js';
import { loadPrices } from '../../run/prices-file.js';
import { EXIT, UsageError } from '../terminal/errors.js';
import type { Io } from '../terminal/io.js';
import { MemoryView } from '../terminal/memory-view.js';
import { type ModelFlags, namedModel, noteOn, openForCommand } from '../terminal/models.js';
import { tellDryRun, tellEstimate, unreadText } from './ask-bill.js';

export interface AskFlags extends ModelFlags {
  question?: string[];
  model?: string;
  questionTokens?: number;
  chunkTokens?: number;
  memoryTokens?: number;
  answerTokens?: number;
  state?: string;
  encoding?: string;
  budget?: number;
  prices?: string;
  dryRun?: boolean;
  quiet?: boolean;
  json?: boolean;
}

export async function runAsk(...[inputs, flags, ...rest]: Parameters<typeof askOnce>): Promise<number> {
  if (flags.state === undefined) return askOnce(inputs, flags, ...rest);
  const state = await stateFileAt(flags.state, {
    inputs: flags.question ? inputs : inputs.slice(0, -1),
    questions: flags.question ?? [await lastQuestion(inputs)],
    model: flags.model ?? process.env.TAMTRL_MODEL ?? '',
  });
  const unlock = await lockState(state);
  try {
    return await askOnce(inputs, { ...flags, state }, ...rest);
  } finally {
    await unlock();
  }
}

/** Two readings that save to one file would each go on from the other's. */
async function lockState(path: string): Promise<() => Promise<void>> {
  try {
    return await lockFile(path);
  } catch (error) {
    if (LockError.isInstance(error)) throw error;
    throw new UsageError(`--state: cannot write to ${dirname(path)}: ${(error as Error).message}.`);
  }
}

async function askOnce(
  inputs: readonly string[],
  flags: AskFlags,
  io: Io,
  signal: AbortSignal,
  started: () => void,
): Promise<number> {
  const questions = flags.question ?? [await lastQuestion(inputs)];
  const tell = noteOn(io);
  const named = flags.question ? inputs : inputs.slice(0, -1);
  if (named.length === 0)
    throw new UsageError(
      'There is nothing to read: name files (or - for stdin) before the question, as in tamtrl ask book.txt "Who did it?"',
    );
  const paths = await documentsNamed(named, (text) => tell(`${text}.`));
  const address = flags.model ?? (process.env.TAMTRL_MODEL || undefined);
  if (address === undefined)
    throw new UsageError(
      'No model is named. Give --model (or set TAMTRL_MODEL): a .gguf file or model folder on this machine, hf:owner/name to download one, or openai:URL#MODEL for a server.',
    );
  if (flags.encoding !== undefined) checkEncoding(flags.encoding);
  const state = flags.state === undefined ? undefined : await loadState(flags.state);
  const total = await charactersOf(paths);
  const model = await namedModel(address, noteOn(io));
  const trained = readingFrom(await savedReading(model));
  const { questionTokens, chunkTokens, memoryTokens, answerTokens } = flags;
  const limits = { questionTokens, chunkTokens, memoryTokens, answerTokens };
  const table = flags.prices === undefined ? undefined : await loadPrices(flags.prices);
  const prices = table && new Prices(table, namesForPrices(address), flags.prices);
  for (const line of readingDifferences({ ...limits, thinking: flags.thinking }, trained)) io.err(`${line}\n`);
  if (trained?.parallel)
    tell(`${model} was trained to read side by side (readSideBySide in programs); ask reads one chunk after another.`);
  const opening = { ...flags, thinking: flags.thinking ?? trained?.thinking };
  let view: MemoryView | undefined;
  const note = (text: string) => {
    view?.end();
    tell(text);
  };
  const loading = { signal, ...given({ encoding: flags.encoding }), onNote: (text: string) => note(`${text}.`) };
  if (flags.dryRun) {
    const { tokenizer, contextLength, budget } = flags;
    const asked = given({ tokenizer, contextLength, thinking: opening.thinking, budget, state, prices: table });
    const found = await estimateReading({
      ...given(limits),
      ...asked,
      model,
      question: questions,
      document: textOfFiles(paths, loading),
    });
    tellDryRun(found, flags.json === true, io);
    return EXIT.success;
  }
  const policy = await openForCommand(model, opening, { note, signal });
  try {
    const reader = new MemoryReader({
      ...readerSettings(trained, limits),
      model: policy,
      question: questions,
      state,
      signal,
      onNote: loading.onNote,
    });
    if (state && reader.turns > 0)
      io.err(`Continuing after ${counted(reader.turns, 'chunk')}, ${count(state.position)} characters\n`);
    view = new MemoryView(io, flags.quiet === true, questions.length, state?.position ?? 0, total);
    const memory: string[] = [];
    let empty = 0;
    const isWhole = flags.budget !== undefined || (total !== undefined && !paths.some(({ path }) => path === '-'));
    const planning = { whole: true, ...given({ budget: flags.budget, prices, characters: total }) };
    const text = textOfFiles(paths, loading);
    const plan: ReadingPlan = isWhole ? await planReading(reader, text, planning) : { text };
    tellEstimate(plan, io);
    for await (const event of reader.read(plan.text, { whole: true, ...given({ only: plan.only }) })) {
      started();
      memory.push(event.memories[0].memory);
      if (event.memories.some((each) => each.empty)) empty++;
      if (flags.state !== undefined) await saveState(flags.state, reader.state(), paths);
      view.show(event);
    }
    started();
    // What was skipped because it stayed as it was has no turn of its own.
    if (flags.state !== undefined) await saveState(flags.state, reader.state(), paths);
    const waiting = reader.state().pending.trim() !== '';
    const answers = await reader.answer();
    if (waiting) memory.push(answers[0].memory);
    view.end();
    const told = { memory, reader, turns: reader.turns + Number(waiting), json: flags.json === true };
    tellAnswers(answers, { ...told, unread: plan.unread, prices }, io);
    const problem = nothingIn(answers, reader.budgets, empty);
    if (problem !== undefined) io.err(`tamtrl: ${problem}\n`);
    return problem === undefined ? EXIT.success : EXIT.failure;
  } catch (error) {
    if (ReaderError.isInstance(error, 'interrupted') && flags.state !== undefined && error.state) {
      await saveState(flags.state, error.state, paths);
      throw new ReaderError(
        'interrupted',
        `${error.message} ${counted(error.state.turns, 'chunk')} saved in ${flags.state}; the same command continues from there.`,
        { cause: error.cause, state: error.state },
      );
    }
    throw error;
  } finally {
    await policy.close();
  }
}

/** @throws UsageError if it is a file, a folder or an address: the question was forgotten. */
async function lastQuestion(inputs: readonly string[]): Promise<string> {
  const last = inputs[inputs.length - 1];
  const found = await stat(last).catch(() => undefined);
  const isPage = isAddress(last) && !/\s/.test(last);
  if (!isPage && !found?.isFile() && !found?.isDirectory()) return last;
  throw new UsageError(
    `${last} is ${isPage ? 'an address' : found?.isFile() ? 'a file' : 'a folder'}, but the last argument is the question. Add the question after it, or give it with -q.`,
  );
}

/** Why there is no answer; undefined if there is one to each question. */
function nothingIn(answers: readonly Answer[], { answerTokens }: Budgets, empty: number): string | undefined {
  const missing = answers.filter(({ answer }) => answer === '');
  if (missing.length === 0) return undefined;
  const [{ question, truncated }] = missing;
  const which = answers.length === 1 ? 'the question' : JSON.stringify(question);
  const why = truncated
    ? `It used up ${count(answerTokens)} tokens without one, as models do that think: raise --answer-tokens, or use --no-thinking.`
    : 'If the model can think, use --no-thinking. Also check that it is a chat model.';
  const chunks = empty === 0 ? '' : ` It wrote no memory after ${counted(empty, 'chunk')} either.`;
  return `The model wrote nothing in answer to ${which}. ${why}${chunks}`;
}

interface Told {
  memory: string[];
  reader: MemoryReader;
  turns: number;
  json: boolean;
  unread?: Unread;
  prices?: Prices;
}

function tellAnswers(answers: readonly Answer[], { memory, reader, turns, json, unread, prices }: Told, io: Io): void {
  const { prompt, output, cached } = reader.tokens;
  const cost = prices?.of(reader.tokens);
  const own = reader.chunksRead + turns - reader.turns;
  const [first] = answers;
  if (json) {
    const each = answers.map(({ output: _, truncated: __, ...told }) => told);
    const several = answers.length > 1 ? { answers: each } : {};
    const tokens = { prompt, output, ...given({ cached }), total: prompt + output };
    io.out(
      `${JSON.stringify({ answer: first.answer, turns, memory, provenance: first.provenance, tokens, seconds: reader.seconds, ...(own !== turns && { chunksRead: own }), ...several, ...given({ cost, unread }) })}\n`,
    );
    return;
  }
  for (const { question, answer, provenance, truncated } of answers) {
    if (answers.length > 1) io.out(`${question}\n`);
    io.out(`${answer === '' ? '(no answer)' : answer}${truncated ? ' (cut off at the limit)' : ''}\n`);
    io.err(`${provenance.map((piece) => `  ${pieceText(piece)}\n`).join('')}`);
  }
  if (unread && unread.chunks > 0) io.err(unreadText(unread));
  const again = own === turns ? '' : ` (${count(own)} of them read now)`;
  const kept = cached === undefined ? '' : ` (${count(cached)} from the cache)`;
  const money = cost ? `, ${moneyText(cost)}` : '';
  io.err(
    `${counted(turns, 'chunk')}${again}, ${count(prompt)} tokens read${kept}, ${count(output)} written, ${duration(reader.seconds)} in the model${money}\n`,
  );
}
