/**
 * The prompts of training and evaluation. Both share this module: if their prompts differed by a single space, accuracy
 * would drop and no metric would explain why.
 */
import { MemoryError } from './errors.js';

export interface UpdateSlots {
  question: string;
  memory: string;
  chunk: string;
}

export type AnswerSlots = Omit<UpdateSlots, 'chunk'>;

/** For a question after the reading: notes for other questions, and what was asked and answered before. */
export interface FollowUpSlots extends AnswerSlots {
  conversation: string;
}

/** The wording of a memory agent. Each text must contain each of its slots exactly once. */
export interface PromptFormat {
  readonly name: string;
  /** Content of the user's message that asks for a new memory. */
  update(slots: UpdateSlots): string;
  /** Content of the user's message that asks for the answer. */
  answer(slots: AnswerSlots): string;
  /**
   * Content of the user's message that asks for one memory in the place of several: `memory` and, in the place of
   * `chunk`, those that follow it in the text. Absent: that of an update.
   */
  merge?(slots: UpdateSlots): string;
  /**
   * Content that asks for the answer with the text in the prompt, for reading without memory. Absent if the format has
   * none.
   */
  direct?(slots: Omit<UpdateSlots, 'memory'>): string;
  /** Content that asks for the answer to a later question; absent: `answer` asks for it. */
  followUp?(slots: FollowUpSlots): string;
  /** The answer to `followUp` if the notes do not hold one. */
  readonly notInNotes?: string;
  /** The memory before the first chunk. */
  initialMemory(question: string): string;
  /** The line that the teacher reads if nothing in the chunk is relevant. */
  readonly nothingRelevant: string;
  /** The whole output of an update that leaves the memory as it is; absent: the memory is written anew each time. */
  readonly unchanged?: string;
  /**
   * The end of an output of an update after which no more is read: the memory holds all that the question needs. What
   * is written before it is the memory as usual; nothing but it leaves the memory as it is. Absent: all is read. For
   * questions whose answer no later text can change.
   */
  readonly exit?: string;
  /** Writes a correct answer in the expected form: the target of supervised warm-up. */
  answerTarget(answer: string): string;
  /** Answers are given in `\boxed{…}`; otherwise the whole output is the answer. */
  readonly boxed: boolean;
}

const CHAT_TASK = `You are working through a long text one section at a time in order to answer a question at the end. Sections do \
not come back: only your notes stay with you.`;

const NOT_IN_NOTES = 'not in the notes';

const CHAT_REQUEST = `Write the notes anew. Carry over every earlier fact that may still matter, add what this section says that \
bears on the question, names and numbers exactly as written, and leave everything else out. If the section has nothing of use, \
repeat the notes as they are. Reply with the notes alone.`;

const CHAT_MERGE = `These are notes from parts of a long text that follow one another. Write them as one set of notes: keep every fact \
that may matter for the question, names and numbers exactly as written; where they contradict each other, the later part counts. Reply \
with the notes alone.`;

const tagged = (tag: string, content: string) => `<${tag}>\n${content}\n</${tag}>`;

/** For chat models: instructions in words, the parts in tags, the answer in a box. */
export const chatPrompts: PromptFormat = {
  name: 'chat',
  update: ({ question, memory, chunk }) =>
    [CHAT_TASK, tagged('question', question), tagged('notes', memory), tagged('section', chunk), CHAT_REQUEST].join(
      '\n\n',
    ),
  answer: ({ question, memory }) =>
    `You have finished a long text and can no longer see it. Answer the question from your notes alone.

<question>
${question}
</question>

<notes>
${memory}
</notes>

Give the shortest answer that is complete, inside \\boxed{}.`,
  merge: ({ question, memory, chunk }) =>
    [tagged('question', question), tagged('notes', memory), tagged('later', chunk), CHAT_MERGE].join('\n\n'),
  direct: ({ question, chunk }) =>
    `Answer the question from the text.

<text>
${chunk}
</text>

<question>
${question}
</question>

Give the shortest answer that is complete, inside \\boxed{}.`,
  followUp: ({ question, memory, conversation }) =>
    `You have finished a long text and can no longer see it. Your notes on it were taken for earlier questions. Answer the new question \
from your notes alone.

${tagged('notes', memory)}

The conversation so far:

${tagged('text', conversation)}

${tagged('question', question)}

If the notes hold the answer, give the shortest one that is complete, inside \\boxed{}. If they do not, do not guess: reply with \
\\boxed{${NOT_IN_NOTES}}.`,
  notInNotes: NOT_IN_NOTES,
  initialMemory: () => 'No notes yet.',
  nothingRelevant: '(Nothing in this section bears on the question.)',
  answerTarget: (answer) => `\\boxed{${answer}}`,
  boxed: true,
};

/**
 * For the mini tokenizer: markers instead of words, because its model knows only the task. The question is a list of
 * keys, and the first memory holds an open slot for each.
 */
export const miniPrompts: PromptFormat = {
  name: 'mini',
  update: ({ question, memory, chunk }) => `<question> ${question} <memory> ${memory} <section> ${chunk} <update>`,
  answer: ({ question, memory }) => `<question> ${question} <memory> ${memory} <answer>`,
  initialMemory: (question) =>
    question
      .split(/\s+/)
      .filter((key) => key !== '')
      .map((key) => `${key} ?`)
      .join(' '),
  nothingRelevant: '-',
  answerTarget: (answer) => answer,
  boxed: false,
};

/**
 * The same wordings with the chunk first and the memory last. All rollouts of a question, and all questions about a
 * document, then begin their prompts with the same tokens, which the engine and caches of servers compute once.
 */
export const chatChunkFirstPrompts: PromptFormat = {
  ...chatPrompts,
  name: 'chat-chunk-first',
  update: ({ question, memory, chunk }) =>
    [CHAT_TASK, tagged('section', chunk), tagged('question', question), tagged('notes', memory), CHAT_REQUEST].join(
      '\n\n',
    ),
};

export const miniChunkFirstPrompts: PromptFormat = {
  ...miniPrompts,
  name: 'mini-chunk-first',
  update: ({ question, memory, chunk }) => `<section> ${chunk} <question> ${question} <memory> ${memory} <update>`,
};

/**
 * The mini prompts with gates, as words of the mini tokenizer: `=` keeps the memory, and `.` at the end of an update
 * stops the reading.
 */
export const miniGatedPrompts: PromptFormat = { ...miniPrompts, name: 'mini-gated', unchanged: '=', exit: '.' };

const CHAT_GATES = `Write the notes anew. Carry over every earlier fact that may still matter, add what this section says that \
bears on the question, names and numbers exactly as written, and leave everything else out. Reply with the notes alone. If the \
section has nothing of use, reply SAME instead of the notes. If the notes hold everything that the answer needs, so that no later \
section can matter, write DONE as the last line.`;

/** For chat models: notes that may stay as they are (SAME), and an end of the reading (DONE). */
export const chatGatedPrompts: PromptFormat = {
  ...chatPrompts,
  name: 'chat-gated',
  update: ({ question, memory, chunk }) =>
    [CHAT_TASK, tagged('question', question), tagged('notes', memory), tagged('section', chunk), CHAT_GATES].join(
      '\n\n',
    ),
  unchanged: 'SAME',
  exit: 'DONE',
};

/**
 * For the model `babi`: marks as in the mini prompts, a memory in words, and one token that keeps the memory as it is.
 * Over thousands of chunks without news, that is the difference between one memory and a chain of copies.
 */
export const babiPrompts: PromptFormat = {
  name: 'babi',
  update: ({ question, memory, chunk }) => `<question>${question}<section>${chunk}<memory>${memory}<update>`,
  answer: ({ question, memory }) => `<question>${question}<memory>${memory}<answer>`,
  initialMemory: () => 'nothing',
  nothingRelevant: '-',
  unchanged: '<same>',
  answerTarget: (answer) => answer,
  boxed: false,
};

/** The same without that token: every update writes the memory. */
export const babiCopyPrompts: PromptFormat = { ...babiPrompts, name: 'babi-copy', unchanged: undefined };

const FORMATS: readonly PromptFormat[] = [
  chatPrompts,
  chatChunkFirstPrompts,
  chatGatedPrompts,
  miniPrompts,
  miniChunkFirstPrompts,
  miniGatedPrompts,
  babiPrompts,
  babiCopyPrompts,
];

/** @throws MemoryError `prompt-format` naming the known formats. */
export function promptFormatNamed(name: string): PromptFormat {
  const found = FORMATS.find((format) => format.name === name);
  if (found) return found;
  const known = FORMATS.map((format) => format.name).join(', ');
  throw new MemoryError('prompt-format', `There is no prompt format "${name}"; expected one of: ${known}.`);
}
