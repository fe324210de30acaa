/** The one face of a tokenizer that the rest of the program sees. */
export interface Tokenizer {
  /** Without special tokens of its own accord; special tokens written in `text` are recognised. */
  encode(text: string): number[];
  decode(ids: readonly number[], options?: { skipSpecialTokens?: boolean }): string;
  readonly vocabularySize: number;
  idOf(token: string): number | undefined;
}
