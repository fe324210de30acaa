/** Turns a conversation into the text that a model reads. */
export interface ChatMessage {
  role: 'system' | 'user' | 'assistant';
  content: string;
}

export interface ChatFormat {
  /** Text of the conversation, ending where the assistant begins to write. */
  render(messages: readonly ChatMessage[]): string;
  /** Ids that end the assistant's turn. */
  readonly stopIds: readonly number[];
}
