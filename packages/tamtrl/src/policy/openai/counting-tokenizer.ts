/**
 * Stands in for the tokenizer of a model that is only known by its address: it cuts text into pieces that no common tokenizer cuts
 * into fewer, so that a budget counted in them holds. And it carries messages through code that knows nothing but ids.
 */
import type { ChatFormat, ChatMessage } from '../../text/chat.js';
import type { Tokenizer } from '../../text/tokenizer.js';

/** Marks the beginning of a message in a rendered conversation; a private-use character, which no text holds. */
const MESSAGE = '\ue100';

/**
 * Up to four letters of plain text with the space before them, one digit, one character of anything else. Byte-pair tokenizers of today's
 * models take 4 to 5 characters of English a token; names and other alphabets take fewer, down to one.
 */
const PIECE = /\ue100(?:system|user|assistant)\n| ?[A-Za-z]{1,4}|[\s\S]/gu;

/** Every text has one list of ids, and decoding gives it back. Ids are handed out as pieces come, so they mean nothing elsewhere. */
export class CountingTokenizer implements Tokenizer {
  readonly #ids = new Map<string, number>();
  readonly #pieces: string[] = [];

  encode(text: string): number[] {
    return (text.match(PIECE) ?? []).map((piece) => {
      let id = this.#ids.get(piece);
      if (id === undefined) {
        id = this.#pieces.length;
        this.#ids.set(piece, id);
        this.#pieces.push(piece);
      }
      return id;
    });
  }

  decode(ids: readonly number[]): string {
    return ids.map((id) => this.#pieces[id] ?? '').join('');
  }

  get vocabularySize(): number {
    return this.#pieces.length;
  }

  idOf(): undefined {
    return undefined;
  }
}

/** Renders messages so that `parseMessages` gets them back. The server applies the model's own template. */
export const messageFormat: ChatFormat = {
  stopIds: [],
  render: (messages) =>
    messages.map(({ role, content }) => `${MESSAGE}${role}\n${content.replaceAll(MESSAGE, '')}`).join(''),
};

export function parseMessages(text: string): ChatMessage[] {
  return text
    .split(MESSAGE)
    .slice(1)
    .map((part) => {
      const end = part.indexOf('\n');
      return { role: part.slice(0, end) as ChatMessage['role'], content: part.slice(end + 1) };
    });
}
