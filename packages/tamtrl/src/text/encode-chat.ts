/** Conversations as ids: what the chat template writes is structure, what stands in the messages is text. */
import type { ChatFormat, ChatMessage } from './chat.js';
import type { Tokenizer } from './tokenizer.js';

/** A thought in the assistant's own earlier message: templates look for its marks and cut it off. */
const THOUGHT_MARKS: readonly string[] = ['<think>', '</think>'];

/**
 * Ids of the conversation, ending where the assistant begins to write. A control token written in a message is encoded
 * as the text that it is. Without one, the ids are those of the rendered text.
 * @throws TextError `chat-template` if the template refuses the messages.
 */
export function encodeChat(
  { tokenizer, chat }: { tokenizer: Tokenizer; chat: ChatFormat },
  messages: readonly ChatMessage[],
): number[] {
  const written = [...tokenizer.controlTokens.keys()].filter((token) =>
    messages.some((message) => message.content.includes(token) && isText(token, message)),
  );
  if (written.length === 0) return tokenizer.encode(chat.render(messages));
  const placeholders = placeholdersFor(written, messages);
  const hidden = messages.map((message) => ({
    ...message,
    content: replaceAny(message.content, written, (token) =>
      isText(token, message) ? placeholders.get(token)! : token,
    ),
  }));
  const tokens = new Map([...placeholders].map(([token, placeholder]) => [placeholder, token]));
  const restored = (text: string) => replaceAny(text, [...tokens.keys()], (placeholder) => tokens.get(placeholder)!);
  return splitAround(chat.render(hidden), [...tokenizer.controlTokens.keys()]).flatMap(
    (part) => tokenizer.controlTokens.get(part) ?? tokenizer.encodeText(restored(part)),
  );
}

const isText = (token: string, { role }: ChatMessage) => role !== 'assistant' || !THOUGHT_MARKS.includes(token);

/** A string for each token that no message contains: a number between private-use characters, higher than any there. */
function placeholdersFor(tokens: readonly string[], messages: readonly ChatMessage[]): Map<string, string> {
  let free = 0;
  for (const { content } of messages) {
    for (const [, number] of content.matchAll(/\ue000(\d{1,15})\ue001/g)) free = Math.max(free, Number(number) + 1);
  }
  return new Map(tokens.map((token, at) => [token, `\ue000${free + at}\ue001`]));
}

/** `text` cut at each of the tokens, which are parts of their own. */
function splitAround(text: string, tokens: readonly string[]): string[] {
  return text.split(new RegExp(`(${anyOf(tokens)})`, 'u')).filter((part) => part !== '');
}

function replaceAny(text: string, tokens: readonly string[], by: (token: string) => string): string {
  return text.replaceAll(new RegExp(anyOf(tokens), 'gu'), by);
}

/** Where one token begins with another, the longer one is meant. */
function anyOf(tokens: readonly string[]): string {
  const longestFirst = [...tokens].sort((a, b) => b.length - a.length);
  return longestFirst.map((token) => token.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&')).join('|');
}
