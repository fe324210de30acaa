/** A draft, and how much of it was accepted. */

/**
 * The part of a draft that is worth reading: nothing follows a stop token, or the last token that the limit allows.
 */
export function readableDraft(
  draft: readonly number[],
  maxTokens: number,
  stops: ReadonlySet<number>,
): readonly number[] {
  const stop = draft.findIndex((token) => stops.has(token));
  return draft.slice(0, Math.min(maxTokens - 1, stop < 0 ? draft.length : stop));
}

/** Number of tokens that agree with the draft before the first that does not. */
export function acceptedTokens(tokens: readonly number[], draft: readonly number[]): number {
  const most = Math.min(tokens.length, draft.length);
  let accepted = 0;
  while (accepted < most && tokens[accepted] === draft[accepted]) accepted++;
  return accepted;
}
