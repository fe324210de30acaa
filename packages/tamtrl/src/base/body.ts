/** Bodies of HTTP replies: no server decides how much memory it gets. */

/** A body is longer than it may be, unpacked. */
export class BodyTooLong extends Error {
  /** In bytes. */
  readonly limit: number;

  constructor(limit: number) {
    super(`more than ${limit / 2 ** 20} MiB`);
    this.limit = limit;
  }
}

/**
 * The bytes of a body, unpacked; none if a reply has no body (status 204). Nothing beyond the limit is read.
 * @param limit in bytes
 * @throws BodyTooLong; whatever reading throws.
 */
export async function bodyWithin(response: Response, limit: number): Promise<Uint8Array> {
  const reader = response.body?.getReader();
  if (reader === undefined) return new Uint8Array(0);
  const pieces: Uint8Array[] = [];
  let size = 0;
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      size += next.value.length;
      if (size > limit) throw new BodyTooLong(limit);
      pieces.push(next.value);
    }
  } finally {
    // Also ends the connection of a server that would send more.
    await reader.cancel().catch(() => undefined);
  }
  const all = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
