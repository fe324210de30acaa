/** Progress that long calls report. */
export interface Progress {
  finished: number;
  total: number;
  /** Tokens written so far. */
  tokens: number;
}
