/** Finds the name that a mistyped one probably means. */

/** Changes (insert, delete, replace, swap neighbours) that turn `a` into `b`, ignoring case. */
export function editDistance(a: string, b: string): number {
  const from = a.toLowerCase();
  const to = b.toLowerCase();
  const rows: number[][] = [Array.from({ length: to.length + 1 }, (_, column) => column)];
  for (let row = 1; row <= from.length; row++) {
    rows.push([row]);
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1];
      let best = Math.min(
        rows[row - 1][column] + 1,
        rows[row][column - 1] + 1,
        rows[row - 1][column - 1] + (same ? 0 : 1),
      );
      const swapped = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      if (swapped) best = Math.min(best, rows[row - 2][column - 2] + 1);
      rows[row].push(best);
    }
  }
  return rows[from.length][to.length];
}

/**
 * The nearest name, if it is near enough to be the intended one: a third of its letters (or two, if that is more) may
 * differ.
 */
export function nearest(name: string, known: readonly string[]): string | undefined {
  let best: { name: string; distance: number } | undefined;
  for (const candidate of known) {
    const allowed = Math.max(2, Math.floor(candidate.length / 3));
    // The time is that of both lengths multiplied, and a name in a file may be long.
    if (name.length > candidate.length + allowed) continue;
    const distance = editDistance(name, candidate);
    if (distance <= allowed && distance < candidate.length && (!best || distance < best.distance)) {
      best = { name: candidate, distance };
    }
  }
  return best?.name;
}

/** `Did you mean "x"?`, or a list of all names. */
export function suggestion(name: string, known: readonly string[]): string {
  const near = nearest(name, known);
  return near === undefined ? `Expected one of: ${known.join(', ')}.` : `Did you mean "${near}"?`;
}
