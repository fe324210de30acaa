/** Encodes conversations as ids. Only the chat template gives structure; messages are encoded as text. */
import type { ChatFormat, ChatMessage } from './chat.js';
import type { Tokenizer } from './tokenizer.js';

/** A thought in an earlier message of the assistant. Templates look for its marks and cut it off. */
const THOUGHT_MARKS: readonly string[] = ['<think>', '</think>'];

/**
 * Ids of the conversation, ending where the assistant begins to write. Control tokens written in a message are encoded
 * as plain text. Without them, the ids are those of the rendered text.
 * @throws TextError `chat-template` if the template refuses the messages.
 */
export function encodeChat(
  { tokenizer, chat }: { tokenizer: Tokenizer; chat: ChatFormat },
  messages: readonly ChatMessage[],
): number[] {
  const written = [...tokenizer.controlTokens.keys()].filter((token) =>
    messages.some((message) => message.content.includes(token) && isText(token, message)),
  );
  if (written.length === 0) {
    const rendered = chat.render(messages);
    const ids = tokenizer.encode(rendered);
    return sameControls(ids, rendered, tokenizer) ? ids : encodeAround(rendered, tokenizer);
  }
  const placeholders = placeholdersFor(written, messages);
  const hidden = messages.map((message) => ({
    ...message,
    content: replaceAny(message.content, written, (token) =>
      isText(token, message) ? placeholders.get(token)! : token,
    ),
  }));
  const hiding = new Map([...placeholders].map(([token, placeholder]) => [placeholder, token]));
  const restored = (text: string) => replaceAny(text, [...hiding.keys()], (placeholder) => hiding.get(placeholder)!);
  return encodeAround(chat.render(hidden), tokenizer, restored);
}

/** Ids of a rendered text in which only what is written as a control token is one. */
function encodeAround(rendered: string, tokenizer: Tokenizer, restored = (text: string) => text): number[] {
  const { controlTokens } = tokenizer;
  return splitAround(rendered, [...controlTokens.keys()]).flatMap(
    (part) => controlTokens.get(part) ?? tokenizer.encodeText(restored(part)),
  );
}

/**
 * Whether the ids have the control tokens that are written in the text and no others. A tokenizer that normalises (wide
 * letters become narrow ones, capitals small ones) finds some in what is not written like them, and an unknown token
 * may also end a turn.
 */
function sameControls(ids: readonly number[], rendered: string, { controlTokens }: Tokenizer): boolean {
  const control = new Set(controlTokens.values());
  const written = splitAround(rendered, [...controlTokens.keys()]).flatMap((part) => controlTokens.get(part) ?? []);
  const found = ids.filter((id) => control.has(id));
  return found.length === written.length && found.every((id, at) => id === written[at]);
}

const isText = (token: string, { role }: ChatMessage) => role !== 'assistant' || !THOUGHT_MARKS.includes(token);

/**
 * For each token, a string that no message contains: a number between private-use characters, higher than any that
 * occurs.
 */
function placeholdersFor(tokens: readonly string[], messages: readonly ChatMessage[]): Map<string, string> {
  let free = 0;
  for (const { content } of messages) {
    for (const [, number] of content.matchAll(/\ue000(\d{1,15})\ue001/g)) free = Math.max(free, Number(number) + 1);
  }
  return new Map(tokens.map((token, at) => [token, `\ue000${free + at}\ue001`]));
}

/** `text` split at the tokens. The tokens are separate parts of the result. */
function splitAround(text: string, tokens: readonly string[]): string[] {
  return text.split(new RegExp(`(${anyOf(tokens)})`, 'u')).filter((part) => part !== '');
}

function replaceAny(text: string, tokens: readonly string[], by: (token: string) => string): string {
  return text.replaceAll(new RegExp(anyOf(tokens), 'gu'), by);
}

/** If one token begins with another, match the longer one. */
function anyOf(tokens: readonly string[]): string {
  const longestFirst = [...tokens].sort((a, b) => b.length - a.length);
  return longestFirst.map((token) => token.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&')).join('|');
}
