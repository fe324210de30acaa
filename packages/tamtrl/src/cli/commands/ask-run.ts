/** One reading from its arguments to its answer. */
import { count, counted } from '../../base/format.js';
import { given } from '../../base/objects.js';
import { gatedPromptsFor } from '../../memory/asking.js';
import { readerSettings, readingDifferences, readingFrom } from '../../memory/reading-settings.js';
import { savedReading } from '../../models/reading-file.js';
import { Conversation } from '../../reader/conversation.js';
import { checkEncoding } from '../../reader/decoding.js';
import { estimateReading, estimateReadings } from '../../reader/estimate-reading.js';
import { unreadAfter } from '../../reader/extent.js';
import { STDIN } from '../../reader/files/document-place.js';
import { charactersOf, documentsNamed, lastQuestion, problemOf } from '../../reader/files/named.js';
import { textOfFiles } from '../../reader/files/several.js';
import { keptReadings } from '../../reader/kept-readings.js';
import { planReading, type ReadingPlan } from '../../reader/plan.js';
import { pieceText } from '../../reader/provenance.js';
import { type MemoryEvent, MemoryReader } from '../../reader/reader.js';
import { documentsOf, loadState, saveInterrupted, saveState } from '../../reader/saved-state.js';
import { isSameReading } from '../../reader/state.js';
import { withStateFile } from '../../reader/state-folder.js';
import {
  answerText,
  dryRunTexts,
  estimateTold,
  jsonReading,
  noAnswerText,
  readingText,
  type Told,
  unreadText,
} from '../../reader/told.js';
import { loadPrices, pricesOf } from '../../run/prices-file.js';
import { EXIT, UsageError } from '../terminal/errors.js';
import type { Io } from '../terminal/io.js';
import { MemoryView } from '../terminal/memory-view.js';
import { type ModelFlags, namedModel, noteOn, openForCommand, requiredModel } from '../terminal/models.js';
import { askEach } from './ask-each.js';
import { askFurther, type FurtherFlags } from './ask-further.js';

export interface AskFlags extends ModelFlags, FurtherFlags {
  question?: string[];
  model?: string;
  questionTokens?: number;
  chunkTokens?: number;
  memoryTokens?: number;
  answerTokens?: number;
  state?: string;
  encoding?: string;
  budget?: number;
  each?: boolean;
  prices?: string;
  dryRun?: boolean;
  quiet?: boolean;
  json?: boolean;
}

export async function runAsk(...[inputs, flags, ...rest]: Parameters<typeof askOnce>): Promise<number> {
  if (flags.state === undefined || flags.each) return askOnce(inputs, flags, ...rest);
  const name = {
    inputs: flags.question ? inputs : inputs.slice(0, -1),
    questions: flags.question ?? [await lastQuestion(inputs)],
    model: flags.model ?? process.env.TAMTRL_MODEL ?? '',
  };
  return withStateFile(flags.state, name, (state) => askOnce(inputs, { ...flags, state }, ...rest));
}

async function askOnce(
  inputs: readonly string[],
  flags: AskFlags,
  io: Io,
  signal: AbortSignal,
  started: () => void,
): Promise<number> {
  const tell = noteOn(io);
  const state = flags.state === undefined || flags.each ? undefined : await loadState(flags.state);
  // Further questions about a saved reading need nothing else.
  const isOver = state !== undefined && inputs.length === 0 && flags.question === undefined;
  const questions =
    flags.question ?? (isOver ? state.questions.map(({ question }) => question) : [await lastQuestion(inputs)]);
  const named = flags.question ? inputs : inputs.slice(0, -1);
  const problem = isOver ? undefined : problemOf(named, flags);
  if (problem !== undefined) throw new UsageError(problem);
  const paths = isOver ? documentsOf(state) : await documentsNamed(named, (text) => tell(`${text}.`));
  const address = requiredModel(flags);
  if (flags.encoding !== undefined) checkEncoding(flags.encoding);
  const total = await charactersOf(paths);
  const model = await namedModel(address, noteOn(io));
  const trained = readingFrom(await savedReading(model));
  const { questionTokens, chunkTokens, memoryTokens, answerTokens } = flags;
  const limits = { questionTokens, chunkTokens, memoryTokens, answerTokens };
  const prices = await pricesOf(flags.prices, address);
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
  const kept = { question: questions, model: address, documents: paths };
  const each = {
    question: questions,
    documents: paths.map((place) => ({ [Symbol.asyncIterator]: () => textOfFiles([place], loading) })),
    ...(flags.each && flags.state !== undefined && { states: await keptReadings(flags.state, kept) }),
  };
  if (flags.dryRun) {
    const { tokenizer, contextLength, budget } = flags;
    const table = flags.prices === undefined ? undefined : await loadPrices(flags.prices);
    const asked = given({ tokenizer, contextLength, thinking: opening.thinking, budget, state, prices: table });
    const plan = { ...given(limits), ...asked, model };
    const onError = ({ message }: Error) => io.err(`tamtrl: ${message}\n`);
    const found = await (flags.each
      ? estimateReadings({ ...plan, ...each, onError })
      : estimateReading({ ...plan, question: questions, document: textOfFiles(paths, loading) }));
    const texts = dryRunTexts(found);
    io.out(flags.json ? `${JSON.stringify(found)}\n` : texts.found);
    if (!flags.json) io.err(texts.assumed);
    return EXIT.success;
  }
  const policy = await openForCommand(model, opening, { note, signal });
  try {
    const gate = flags.gate ? { prompts: gatedPromptsFor(policy.tokenizer) } : {};
    const settings = { ...readerSettings(trained, limits), ...gate, model: policy, signal, onNote: loading.onNote };
    if (flags.each) {
      started();
      const { onNote: _, ...reading } = { ...settings, ...each, ...given({ budget: flags.budget }) };
      const told = { places: paths, prices, json: flags.json === true, quiet: flags.quiet === true };
      return await askEach({ ...reading, ...told }, io);
    }
    const reader = new MemoryReader({ ...settings, question: questions, state });
    if (state && reader.turns > 0 && !isOver)
      io.err(`Continuing after ${counted(reader.turns, 'chunk')}, ${count(state.position)} characters\n`);
    view = new MemoryView(io, flags.quiet === true, questions.length, state?.position ?? 0, total);
    const memory: string[] = [];
    let empty = 0;
    const isWhole = flags.budget !== undefined || (total !== undefined && !paths.some(({ path }) => path === '-'));
    const planning = { whole: true, ...given({ budget: flags.budget, prices, characters: total }) };
    const text = textOfFiles(paths, loading);
    const plan: ReadingPlan = isWhole && !isOver ? await planReading(reader, text, planning) : { text };
    io.err(estimateTold(plan));
    if (!isOver)
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
    const read = reader.state();
    const known = isSameReading(state, read) ? state?.conversation : undefined;
    const talk = new Conversation({
      ...settings,
      ...reader.budgets,
      ...given({ budget: flags.budget, state: known }),
      document: paths.some(({ path }) => path === STDIN) ? undefined : () => textOfFiles(paths, loading),
    });
    const isAnswered = isOver && known !== undefined;
    const waiting = !isAnswered && read.pending.trim() !== '';
    const answers = isAnswered ? [] : await reader.answer();
    if (waiting) memory.push(answers[0].memory);
    if (!known) talk.begin(answers);
    view.end();
    const save = async () => {
      if (flags.state !== undefined) await saveState(flags.state, read, paths, { conversation: talk.state() });
    };
    await save();
    const left = unreadAfter(reader.unread, plan.unread);
    const unread = plan.unread || left.chunks > 0 ? left : undefined;
    const own = given({ unread, before: state?.tokens });
    const told: Told = { answers, memory, reader, turns: reader.turns + Number(waiting), ...own, prices };
    if (!flags.json && isOver) io.err(unreadText(unread));
    else if (!flags.json) tellAnswers(told, io);
    const again = new MemoryView(io, flags.quiet === true, 1, 0, total);
    const onEvent = (event: MemoryEvent) => again.show(event);
    const followUps = await askFurther(
      talk,
      { ...flags, prices, json: flags.json === true, signal, onEvent, save },
      io,
    );
    if (flags.json) io.out(`${JSON.stringify(jsonReading({ ...told, followUps, further: talk.tokens }))}\n`);
    const failure = noAnswerText(answers, reader.budgets, empty);
    if (failure !== undefined) io.err(`tamtrl: ${failure}\n`);
    const isMissing = failure !== undefined || (flags.chat !== true && followUps.some(({ missing }) => missing));
    return isMissing ? EXIT.failure : EXIT.success;
  } catch (error) {
    if (flags.state !== undefined) await saveInterrupted(error, flags.state, paths);
    throw error;
  } finally {
    await policy.close();
  }
}

function tellAnswers(told: Told, io: Io): void {
  const { answers } = told;
  for (const answer of answers) {
    if (answers.length > 1) io.out(`${answer.question}\n`);
    io.out(answerText(answer));
    io.err(answer.provenance.map((piece) => `  ${pieceText(piece)}\n`).join(''));
  }
  io.err(unreadText(told.unread));
  io.err(readingText(told));
}
