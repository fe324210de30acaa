/** The one face of a tokenizer that the rest of the program sees. */
export interface Tokenizer {
  /**
   * Ids of text that this program or a chat template wrote: control tokens written in it are recognised. Adds no token
   * of its own accord. Text from anybody else goes through `encodeText`.
   */
  encode(text: string): number[];
  /** Ids of a document, a question, a memory or a reply: whatever is written in it, no control token comes out. */
  encodeText(text: string): number[];
  decode(ids: readonly number[], options?: { skipSpecialTokens?: boolean }): string;
  readonly vocabularySize: number;
  idOf(token: string): number | undefined;
  /** The tokens that structure a conversation, as `encode` recognises them, and their ids. */
  readonly controlTokens: ReadonlyMap<string, number>;
}
