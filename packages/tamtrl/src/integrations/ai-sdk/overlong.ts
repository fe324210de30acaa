/** Finds the part of a prompt that is too long and the question about it, and counts the prompt's tokens. */
import type { LanguageModelV3CallOptions, LanguageModelV3Prompt } from '@ai-sdk/provider';
import { broken } from '../../text/control-marks.js';
import type { Tokenizer } from '../../text/tokenizer.js';
import { textOfPart } from './file-parts.js';

/** Tokens that a message costs in addition to its text. */
const MESSAGE_TOKENS = 8;
/** The question may be the last paragraph of the long text itself, up to this many characters. */
const LONGEST_QUESTION = 2000;

/** Place of a text part: the message, and the part within it. */
export interface PartPlace {
  message: number;
  part: number;
}

export interface OverlongPart {
  place: PartPlace;
  /** The text to read with a memory. */
  document: string;
  /** The question to read it for. */
  question: string;
  /** The rest of the part, which stays after the notes: a question at its end. */
  rest: string;
}

/**
 * Tokens of the whole call: messages of every role with their text files, tools and the response format. Images and
 * other files are not counted.
 */
export function promptTokens(
  { prompt, tools, responseFormat }: LanguageModelV3CallOptions,
  tokenizer: Tokenizer,
): number {
  const count = (value: unknown) =>
    value === undefined ? 0 : tokenizer.encodeText(typeof value === 'string' ? value : JSON.stringify(value)).length;
  const messages = prompt.reduce((sum, { content }) => {
    const parts =
      typeof content === 'string'
        ? [content]
        : content.map((part) => {
            if ('text' in part) return part.text;
            return part.type === 'file' ? (textOfPart(part) ?? '') : JSON.stringify(part);
          });
    return sum + MESSAGE_TOKENS + parts.reduce((total, part) => total + count(part), 0);
  }, 0);
  return messages + count(tools) + (responseFormat?.type === 'json' ? count(responseFormat) : 0);
}

/**
 * The longest text of a user that is longer than `least` characters and has not been read yet; undefined if there is
 * none. System prompt, tools, answers and tool results are left alone.
 */
export function overlongPart(
  prompt: LanguageModelV3Prompt,
  least: number,
  read: readonly PartPlace[],
): OverlongPart | undefined {
  let best: { place: PartPlace; text: string } | undefined;
  prompt.forEach((message, at) => {
    if (message.role !== 'user') return;
    message.content.forEach((part, number) => {
      if (part.type !== 'text' || part.text.length <= least) return;
      if (read.some((place) => place.message === at && place.part === number)) return;
      if (!best || part.text.length > best.text.length)
        best = { place: { message: at, part: number }, text: part.text };
    });
  });
  if (!best) return undefined;
  const { place, text } = best;
  const question = questionBeside(prompt, place);
  if (question !== '') return { place, document: text, question, rest: '' };
  // The text contains the question: use its last paragraph.
  const paragraphs = text.trimEnd().split(/\n\s*\n/);
  const last = paragraphs.length > 1 ? paragraphs[paragraphs.length - 1] : text.trimEnd().split('\n').at(-1)!;
  const rest = last.length <= LONGEST_QUESTION ? last : last.slice(-LONGEST_QUESTION);
  return { place, document: text.slice(0, text.lastIndexOf(rest)), question: rest, rest };
}

/** The other text of the last user message that has any. */
function questionBeside(prompt: LanguageModelV3Prompt, { message, part }: PartPlace): string {
  for (let at = prompt.length - 1; at >= 0; at--) {
    const candidate = prompt[at];
    if (candidate.role !== 'user') continue;
    const texts = candidate.content.flatMap((each, number) =>
      each.type === 'text' && !(at === message && number === part) ? [each.text] : [],
    );
    const question = texts
      .filter((text) => text.length <= LONGEST_QUESTION)
      .join('\n')
      .trim();
    if (question !== '') return question.slice(-LONGEST_QUESTION);
    if (at === message) return '';
  }
  return '';
}

export function withNotes(
  prompt: LanguageModelV3Prompt,
  { place, rest, document }: OverlongPart,
  notes: string,
  isWhole: boolean,
): LanguageModelV3Prompt {
  const read = isWhole ? 'all of it' : 'those parts of it that a search for the question found';
  return prompt.map((message, at) => {
    if (at !== place.message || message.role !== 'user') return message;
    const text = `[A text of ${document.length.toLocaleString('en-US')} characters stood here. Notes taken while reading ${read}:]\n${broken(notes)}\n[End of the notes]${rest === '' ? '' : `\n\n${rest}`}`;
    return {
      ...message,
      content: message.content.map((part, number) =>
        number === place.part ? { ...part, type: 'text' as const, text } : part,
      ),
    };
  });
}
