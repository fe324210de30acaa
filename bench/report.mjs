/** Results as a Markdown table, and the place in the documentation that it goes to. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const DOCS = fileURLToPath(new URL('../docs/engine.md', import.meta.url));
const BEGIN = '<!-- bench:engine -->';
const END = '<!-- /bench:engine -->';

export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** A number with three significant digits and separated thousands. */
function short(value, unit = '') {
  if (value === null) return 'n/a';
  return Number(value.toPrecision(3)).toLocaleString('en-US', { maximumFractionDigits: 3 }) + unit;
}

/** A Markdown table with padded columns, as the formatter leaves it; all but the first two columns are numbers. */
export function table(header, rows) {
  const widths = header.map((_, column) => Math.max(3, ...[header, ...rows].map((cells) => cells[column].length)));
  const left = (column) => column < 2;
  const pad = (cell, column) => (left(column) ? cell.padEnd(widths[column]) : cell.padStart(widths[column]));
  const rule = widths.map((width, column) => (left(column) ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [header.map(pad), rule, ...rows.map((row) => row.map(pad))]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}

export function toMarkdown({ rows, runs, machine, versions, date, command }) {
  const versionNames = Object.entries(versions).filter(([, version]) => version !== null);
  const cold = runs.filter((run) => run.cold);
  return [
    `\`${command}\`, ${date}. ${machine.processor}, ${machine.threads} threads, ${short(machine.memory_gb)} GB, ` +
      `${machine.platform}, load ${machine.load_before.toFixed(1)} before; SGEMM ${short(machine.sgemm_gflops)} GFLOP/s. ` +
      `${versionNames.map(([name, version]) => `${name} ${version}`).join(', ')}.`,
    table(
      ['case', 'what', 'tokens/s', 'PyTorch, tokens/s', 'ratio', 'share of SGEMM'],
      rows.map((row) => [
        row.case,
        row.what,
        short(row.tokens_per_second),
        short(row.pytorch_tokens_per_second),
        short(row.ratio),
        short(100 * row.sgemm_share, ' %'),
      ]),
    ),
    ...cold.map(
      ({ case: name, what, seconds, peak_resident_gb }) =>
        `${name}, ${what}: the first repetition, compiling included, took ${short(seconds[0])} s; ` +
        `the process held at most ${short(peak_resident_gb)} GB.`,
    ),
    LEGEND,
  ].join('\n\n');
}

const LEGEND = `The engine and PyTorch take turns within one run, one repetition each, while the other is idle. Tokens per second are medians, and
the ratio is the median of the rounds' ratios. A training step is forward, backward, clipping and AdamW, with the loss on the last
tokens of each sequence. Training and scoring count all tokens that the model reads; \`generate\` counts new tokens (sampled at
temperature 1, with different prompts). The share of SGEMM is 6 (training) or 2 x parameters x tokens / time, divided by the rate of
a 1024 x 1024 x 1024 float32 product on the same runtime in the same run. Here the layers' parameters count for every token read
(prompts included), the unembedding's only for tokens that it predicts, and embeddings and attention scores do not count. PyTorch
runs eagerly, with fused attention and fused AdamW.`;

/** Replaces the text between the markers of docs/engine.md. */
export function replaceBetweenMarkers(text, content) {
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (begin < 0 || end < begin) {
    throw new Error(`docs/engine.md has no place for the table: it needs a line ${BEGIN} and after it a line ${END}.`);
  }
  return `${text.slice(0, begin + BEGIN.length)}\n${content}\n${text.slice(end)}`;
}

export function writeDocs(markdown) {
  writeFileSync(DOCS, replaceBetweenMarkers(readFileSync(DOCS, 'utf8'), markdown));
}
