/**
 * Prompts as token ids. The fixed text around the slots is rendered and tokenized once. The slots are filled with ids,
 * unchanged, so a memory never changes its length by being decoded and tokenized again.
 */
import type { ChatFormat } from '../text/chat.js';
import type { Tokenizer } from '../text/tokenizer.js';
import { MemoryError } from './errors.js';
import type { PromptFormat } from './prompts.js';
import { tagsIn, withoutTags } from './tags.js';

/** Hard limits in tokens of the model's own tokenizer. */
export interface Budgets {
  questionTokens: number;
  chunkTokens: number;
  /** Limit for what an update generates, thoughts and stop token included. */
  memoryTokens: number;
  /** Limit for the generated answer. */
  answerTokens: number;
}

type Slot = 'question' | 'memory' | 'chunk';
type SlotIds = Partial<Record<Slot, readonly number[]>>;

/** Tokens of the fixed text, with slots in between. */
type Frame = readonly (readonly number[] | Slot)[];

/** Private-use characters, which no template or instruction contains. */
const MARK: Record<Slot, string> = { question: '\ue0f0', memory: '\ue0f1', chunk: '\ue0f2' };
const SLOT_OF = new Map(Object.entries(MARK).map(([slot, mark]) => [mark, slot as Slot]));

/** Shorter beginnings cost more in a run of their own than they save (measured: docs/speed.md). */
const LEAST_SHARED = 64;

export class PromptFrames {
  readonly format: PromptFormat;
  readonly tokenizer: Tokenizer;
  /** The whole output of an update that leaves the memory as it is; absent if the format has none. */
  readonly unchanged: readonly number[] | undefined;
  /** The end of an output of an update after which no more is read; absent if the format has none. */
  readonly exit: readonly number[] | undefined;
  readonly #update: Frame;
  readonly #merge: Frame;
  readonly #answer: Frame;
  readonly #direct: Frame | undefined;
  readonly #followUp: Frame | undefined;
  /** Ids that no memory carries into the next prompt. */
  readonly #notCarried: ReadonlySet<number>;
  /** Tags of the wording that a text must not contain. */
  readonly #tags: RegExp | undefined;
  /** The ids that stand for a text in a prompt; most texts are read in many prompts. */
  readonly #withoutTags = new WeakMap<readonly number[], readonly number[]>();

  /** @throws MemoryError `prompt-format` if the format or the chat template drops or repeats a slot. */
  constructor(model: { tokenizer: Tokenizer; chat: ChatFormat }, format: PromptFormat) {
    this.format = format;
    this.tokenizer = model.tokenizer;
    const said = (words: string | undefined) => (words === undefined ? undefined : model.tokenizer.encode(words));
    this.unchanged = said(format.unchanged);
    this.exit = said(format.exit);
    const frame = (content: string, name: string, slots: readonly Slot[]) =>
      compile(model.chat.render([{ role: 'user', content }]), model.tokenizer, `${format.name} ${name}`, slots);
    this.#update = frame(format.update(MARK), 'update', ['question', 'memory', 'chunk']);
    this.#merge = format.merge ? frame(format.merge(MARK), 'merge', ['question', 'memory', 'chunk']) : this.#update;
    this.#answer = frame(format.answer(MARK), 'answer', ['question', 'memory']);
    this.#direct = format.direct && frame(format.direct(MARK), 'direct', ['question', 'chunk']);
    const marks = { ...MARK, conversation: MARK.chunk };
    this.#followUp = format.followUp && frame(format.followUp(marks), 'followUp', ['question', 'memory', 'chunk']);
    const wording = [format.update(MARK), format.merge?.(MARK) ?? '', format.answer(MARK), format.direct?.(MARK) ?? ''];
    this.#notCarried = notCarried(model, wording);
    this.#tags = tagsIn(wording.join('\n'), model.tokenizer);
  }

  /**
   * A memory as the next prompt holds it: what the model wrote, without control tokens. A model can write the token
   * that opens a role, and in a prompt that token would open a role. The wording's own marks stay: they only divide a
   * message.
   */
  carried(memory: readonly number[]): number[] {
    return memory.filter((id) => !this.#notCarried.has(id));
  }

  /** Asks for a new memory. */
  update(question: readonly number[], memory: readonly number[], chunk: readonly number[]): number[] {
    return this.#fill(this.#update, { question, memory, chunk });
  }

  /** Asks for one memory in the place of several, which follow one another in the text. */
  merge(question: readonly number[], memory: readonly number[], later: readonly (readonly number[])[]): number[] {
    const between = later.length > 1 ? this.tokenizer.encodeText('\n') : [];
    const chunk = later.flatMap((ids, at) => (at === 0 ? ids : [...between, ...ids]));
    return this.#fill(this.#merge, { question, memory, chunk });
  }

  /**
   * Number of tokens before the memory in that prompt, with which every rollout begins, if the chunk is among them and
   * they are worth reading separately.
   */
  sharedTokens(question: readonly number[], chunk: readonly number[]): number | undefined {
    const before = this.#update.slice(0, this.#update.indexOf('memory'));
    const count = before.includes('chunk') ? this.#fill(before, { question, chunk }).length : 0;
    return count >= LEAST_SHARED ? count : undefined;
  }

  /** Asks for the answer. */
  answer(question: readonly number[], memory: readonly number[]): number[] {
    return this.#fill(this.#answer, { question, memory });
  }

  /** Asks for the answer with the text in the prompt; undefined if the format has no such prompt. */
  direct(question: readonly number[], text: readonly number[]): number[] | undefined {
    return this.#direct && this.#fill(this.#direct, { question, chunk: text });
  }

  /** Asks for the answer to a later question; formats without a prompt of their own for that leave the rest out. */
  followUp(question: readonly number[], memory: readonly number[], conversation: readonly number[]): number[] {
    if (!this.#followUp) return this.answer(question, memory);
    return this.#fill(this.#followUp, { question, memory, chunk: conversation });
  }

  /** Whatever a text says, it neither ends its part of the prompt nor begins another. */
  #fill(frame: Frame, slots: SlotIds): number[] {
    const tags = this.#tags;
    if (tags === undefined) return fill(frame, slots);
    const safe = (ids: readonly number[]) => {
      let known = this.#withoutTags.get(ids);
      if (known === undefined) {
        known = withoutTags(ids, tags, this.tokenizer);
        this.#withoutTags.set(ids, known);
      }
      return known;
    };
    return fill(frame, Object.fromEntries(Object.entries(slots).map(([slot, ids]) => [slot, safe(ids)])));
  }

  /**
   * Ids of the text that the teacher reads instead of a chunk; if nothing in the chunk is relevant, the format's fixed
   * line.
   */
  filteredChunk(text: string): number[] {
    return this.tokenizer.encodeText(text.trim() === '' ? this.format.nothingRelevant : text);
  }

  initialMemory(question: string): number[] {
    return this.tokenizer.encodeText(this.format.initialMemory(question));
  }

  /** Tokens of the fixed text of each prompt. */
  get frameTokens(): { update: number; answer: number } {
    return { update: fill(this.#update, {}).length, answer: fill(this.#answer, {}).length };
  }

  /** Maximum number of tokens of an update and of an answer, prompt and output together. */
  windowTokens(budgets: Budgets): { update: number; answer: number } {
    const { questionTokens, chunkTokens, memoryTokens, answerTokens } = budgets;
    const { update, answer } = this.frameTokens;
    return {
      update: update + questionTokens + memoryTokens + chunkTokens + memoryTokens,
      answer: answer + questionTokens + memoryTokens + answerTokens,
    };
  }

  /** @throws MemoryError `window` with all numbers if the budgets do not fit `contextLength` tokens. */
  checkWindow(budgets: Budgets, contextLength: number): void {
    const { questionTokens, chunkTokens, memoryTokens, answerTokens } = budgets;
    for (const [name, value] of Object.entries({ questionTokens, chunkTokens, memoryTokens, answerTokens })) {
      if (Number.isInteger(value) && value >= 1) continue;
      throw new MemoryError(
        'invalid-argument',
        `${name} is ${typeof value === 'number' ? value : JSON.stringify(value)}, expected a whole number of at least 1.`,
      );
    }
    const frame = this.frameTokens;
    const window = this.windowTokens(budgets);
    if (window.update > contextLength) {
      throw new MemoryError(
        'window',
        `A memory update needs up to ${window.update} tokens (fixed text ${frame.update} + question ${questionTokens} + memory ${memoryTokens} + chunk ${chunkTokens} + new memory ${memoryTokens}), but the model's window holds ${contextLength}. Lower chunkTokens to at most ${chunkTokens - (window.update - contextLength)}, or the other budgets.`,
      );
    }
    if (window.answer > contextLength) {
      throw new MemoryError(
        'window',
        `The answer needs up to ${window.answer} tokens (fixed text ${frame.answer} + question ${questionTokens} + memory ${memoryTokens} + answer ${answerTokens}), but the model's window holds ${contextLength}. Lower answerTokens or the other budgets.`,
      );
    }
  }

  /** @throws MemoryError `window` if a merge of `width` memories does not fit `contextLength` tokens. */
  checkMerge({ questionTokens, memoryTokens }: Budgets, width: number, contextLength: number): void {
    const frame = fill(this.#merge, {}).length;
    const between = width > 2 ? (width - 2) * this.tokenizer.encodeText('\n').length : 0;
    const needed = frame + questionTokens + width * memoryTokens + between + memoryTokens;
    if (needed <= contextLength) return;
    throw new MemoryError(
      'window',
      `Merging ${width} memories needs up to ${needed} tokens (fixed text ${frame} + question ${questionTokens} + ${width} memories of ${memoryTokens} + the new one), but the model's window holds ${contextLength}. Lower mergeWidth or memoryTokens.`,
    );
  }
}

/** Control tokens, except those that the wording uses as its own marks and the template does not use. */
function notCarried({ tokenizer, chat }: { tokenizer: Tokenizer; chat: ChatFormat }, wording: readonly string[]) {
  const fixedIds = (text: string) =>
    new Set(tokenizer.encode([...text].map((c) => (SLOT_OF.has(c) ? ' ' : c)).join('')));
  const marks = fixedIds(wording.join(' '));
  const roles = fixedIds(chat.render([{ role: 'user', content: MARK.question }]));
  const control = [...tokenizer.controlTokens.values()];
  return new Set([...control.filter((id) => roles.has(id) || !marks.has(id)), ...chat.stopIds]);
}

function compile(text: string, tokenizer: Tokenizer, name: string, slots: readonly Slot[]): Frame {
  const frame: (readonly number[] | Slot)[] = [];
  let fixed = '';
  const flush = () => {
    if (fixed !== '') frame.push(tokenizer.encode(fixed));
    fixed = '';
  };
  for (const character of text) {
    const slot = SLOT_OF.get(character);
    if (slot === undefined) fixed += character;
    else {
      flush();
      frame.push(slot);
    }
  }
  flush();
  for (const slot of slots) {
    const count = frame.filter((part) => part === slot).length;
    if (count === 1) continue;
    throw new MemoryError(
      'prompt-format',
      `The ${name} prompt, as the model's chat template renders it, contains the ${slot} ${count} times; expected once. Use another prompt format or chat template.`,
    );
  }
  return frame;
}

function fill(frame: Frame, slots: SlotIds): number[] {
  const ids: number[] = [];
  for (const part of frame) {
    // Not push(...part): a chunk may have more tokens than a call can take arguments.
    for (const id of typeof part === 'string' ? (slots[part] ?? []) : part) ids.push(id);
  }
  return ids;
}
