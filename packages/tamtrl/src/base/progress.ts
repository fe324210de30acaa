/** What long calls report while they work. */
export interface Progress {
  finished: number;
  total: number;
  /** Tokens written so far. */
  tokens: number;
}
