/** The tokens of texts that are read together, each once: texts that begin alike share their first tokens. */

/** B rows of up to `length` tokens, N different tokens in all. */
export interface SharedRows {
  /** The tokens, and then those that only fill up to `least`. [N] */
  ids: Int32Array;
  /** Where each token stands in its rows. [N] */
  positions: Int32Array;
  /** The longest row, padding included. */
  length: number;
  /** Which of the N tokens is token t of row b, and 0 for padding. [B x length] */
  tokens: Int32Array;
  /** The first place that has a token, b x length + t. [N] */
  places: Int32Array;
}

/**
 * @param rows at least one token each
 * @param length at least the longest row
 * @param least number of tokens to return, at least
 * @param vocabularySize above every token
 */
export function sharedRows(
  rows: readonly (readonly number[])[],
  length: number,
  least: number,
  vocabularySize: number,
): SharedRows {
  const most = Math.max(
    least,
    rows.reduce((sum, row) => sum + row.length, 0),
  );
  const [ids, positions, places] = [new Int32Array(most), new Int32Array(most), new Int32Array(most)];
  const tokens = new Int32Array(rows.length * length);
  // Tokens by the one before them in the row (0 for none, else its number + 1) and their id: a tree of the rows.
  const known = new Map<number, number>();
  let count = 0;
  rows.forEach((row, b) => {
    let before = 0;
    row.forEach((id, t) => {
      const key = before * vocabularySize + id;
      let token = known.get(key);
      if (token === undefined) {
        token = count++;
        known.set(key, token);
        ids[token] = id;
        positions[token] = t;
        places[token] = b * length + t;
      }
      tokens[b * length + t] = token;
      before = token + 1;
    });
  });
  const total = Math.max(count, least);
  return {
    ids: ids.subarray(0, total),
    positions: positions.subarray(0, total),
    length,
    tokens,
    places: places.subarray(0, total),
  };
}
