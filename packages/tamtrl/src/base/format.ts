/** Formats numbers for people. */

/** With a comma between thousands: "12,345". */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** With its noun, which takes an s but for one: "1 chunk", "2,048 chunks". */
export function counted(value: number, noun: string): string {
  return `${count(value)} ${noun}${Math.round(value) === 1 ? '' : 's'}`;
}

/** A share in [0, 1]: "19.1%". */
export function percent(share: number): string {
  return `${(100 * share).toFixed(1)}%`;
}

/** "0.4 s", "42 s", "3 min 5 s", "2 h 10 min" */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(whole / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** "20261126-220452" of "2026-11-26T22:04:52.123Z", for names of folders. */
export function timeStamp(isoTime: string): string {
  return isoTime.slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
}

/** "1.3 GiB" */
export function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}

/** Columns as wide as their longest cell; the first is left-aligned, the others right-aligned. */
export function alignedTable(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const lines = rows.map((row) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))).join('  '),
  );
  return `${lines.join('\n')}\n`;
}

/** The same rows as a Markdown table. */
export function markdownTable(rows: readonly (readonly string[])[]): string {
  const cells = (row: readonly string[]) => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const rule = rows[0].map((_, column) => (column === 0 ? '---' : '--:'));
  return `${[cells(rows[0]), cells(rule), ...rows.slice(1).map(cells)].join('\n')}\n`;
}
