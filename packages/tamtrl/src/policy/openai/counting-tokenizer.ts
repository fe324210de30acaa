/**
 * Replaces the tokenizer of a model that is known only by its address. It cuts text into at least as many pieces as
 * common tokenizers do, so that a budget counted in pieces holds. It also carries messages through code that knows only
 * ids.
 */
import type { ChatFormat, ChatMessage } from '../../text/chat.js';
import { BREAK, breaksIn, mended } from '../../text/control-marks.js';
import type { Tokenizer } from '../../text/tokenizer.js';

const ROLES = ['system', 'user', 'assistant'] as const satisfies readonly ChatMessage['role'][];

/**
 * Begins a message in a rendered conversation. Only `encode` recognises it: the structure is in its id, not in its
 * text.
 */
const MARK = '\ue100';
const markOf = (role: ChatMessage['role']) => `${MARK}${role}\n`;
const ANY_MARK = new RegExp(`(${MARK}(?:${ROLES.join('|')})\n)`);

/**
 * Up to four letters of plain text with the space before them, or one digit, or one other character. Byte-pair
 * tokenizers of today's models use 4 to 5 characters of English for each token, and fewer, down to one, for names and
 * other alphabets.
 */
const PIECE = / ?[A-Za-z]{1,4}|[\s\S]/gu;

/** UTF-16 code units of a piece. */
const LONGEST_PIECE = 5;

/** Breaks up text that a server would treat as a control token. It is sent and counted, but is not part of the text. */
const BREAK_ID = ROLES.length;

/**
 * Every text has one list of ids, and decoding restores the text. Ids are assigned as pieces come, so they mean nothing
 * in other instances.
 */
export class CountingTokenizer implements Tokenizer {
  /** The role marks have the first ids; no piece of text is as long as a mark. */
  readonly controlTokens: ReadonlyMap<string, number> = new Map(ROLES.map((role, id) => [markOf(role), id]));
  readonly #pieces: string[] = [...ROLES.map(markOf), ''];
  readonly #ids = new Map<string, number>();

  encode(text: string): number[] {
    return text.split(ANY_MARK).flatMap((part) => this.controlTokens.get(part) ?? this.encodeText(part));
  }

  encodeText(text: string): number[] {
    const ids: number[] = [];
    let from = 0;
    for (const at of breaksIn(text)) {
      for (const id of this.#idsOf(text.slice(from, at))) ids.push(id);
      ids.push(BREAK_ID);
      from = at;
    }
    for (const id of this.#idsOf(text.slice(from))) ids.push(id);
    return ids;
  }

  /**
   * The first ids of a server's reply, without breaks that its model has copied from the prompt.
   * @param most ids that are needed (default: all): a reply can be much longer than what was asked for
   */
  encodeReply(text: string, most = Number.POSITIVE_INFINITY): number[] {
    return this.encodeText(mended(text).slice(0, LONGEST_PIECE * most)).slice(0, most);
  }

  #idsOf(text: string): number[] {
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

  /**
   * The messages of a prompt in the form that is sent. They are separated by the prompt's ids, not by its text. Text
   * before the first mark belongs to the user.
   */
  messages(ids: readonly number[]): ChatMessage[] {
    const messages: ChatMessage[] = [];
    for (const id of ids) {
      if (id < ROLES.length) messages.push({ role: ROLES[id], content: '' });
      else {
        if (messages.length === 0) messages.push({ role: 'user', content: '' });
        messages[messages.length - 1].content += id === BREAK_ID ? BREAK : (this.#pieces[id] ?? '');
      }
    }
    return messages;
  }

  get vocabularySize(): number {
    return this.#pieces.length;
  }

  idOf(): undefined {
    return undefined;
  }
}

/**
 * Renders messages so that `encode` and `messages` of a CountingTokenizer restore them. The server applies the model's
 * own template. Marks written in a message are removed here too, for callers that do not use `encodeChat`.
 */
export const messageFormat: ChatFormat = {
  stopIds: [],
  render: (messages) => messages.map(({ role, content }) => markOf(role) + withoutMarks(content)).join(''),
};

/** Removes a whole run of marks together, because the marks before it could otherwise form a new one. */
const FORGED = new RegExp(`(?<!${MARK})${MARK}+(?=(?:${ROLES.join('|')})\n)`, 'g');
const withoutMarks = (text: string) => text.replaceAll(FORGED, '');
