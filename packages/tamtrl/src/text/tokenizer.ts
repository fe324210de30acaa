/** The interface through which the rest of the program uses a tokenizer. */
export interface Tokenizer {
  /**
   * Ids of text that this program or a chat template wrote. Recognises control tokens in it and adds no tokens by
   * itself. For text from anywhere else, use `encodeText`.
   */
  encode(text: string): number[];
  /** Ids of a document, a question, a memory or a reply. Never gives a control token, whatever the text contains. */
  encodeText(text: string): number[];
  decode(ids: readonly number[], options?: { skipSpecialTokens?: boolean }): string;
  readonly vocabularySize: number;
  idOf(token: string): number | undefined;
  /** The tokens that structure a conversation, as `encode` recognises them, and their ids. */
  readonly controlTokens: ReadonlyMap<string, number>;
}
