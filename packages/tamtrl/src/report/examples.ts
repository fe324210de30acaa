/** Examples for people: held-out questions, section by section, with the memory that was kept after each. */
import { type HeldOutReadings, type Reading, shortened } from '../run/readings.js';

/** The most telling question before and after training, in parts; none if nothing was read. */
export function examplesText(readings: HeldOutReadings): string[] {
  const { before, after } = readings;
  const [at] = tellingExamples(readings, 1);
  if (at === undefined) return [];
  const shown = [`Example. ${selectionText(readings)}\n`, `Before training\n${exampleText(before[at])}`];
  if (after) shown.push(`After training\n${exampleText(after[at])}`);
  return shown;
}

/** Indices of the most telling questions: those that training turned right, then the others that it changed. */
export function tellingExamples({ before, after }: HeldOutReadings, count: number): number[] {
  const rank = (at: number) => {
    const now = after?.[at];
    if (!now) return 0;
    if (now.right !== before[at].right) return now.right ? 3 : 2;
    return now.right ? 1 : 0;
  };
  const order = before.map((_, at) => at).sort((a, b) => rank(b) - rank(a) || a - b);
  return order.slice(0, count);
}

/** Says how the shown questions were chosen: they are not a random sample. */
export function selectionText({ before, after }: HeldOutReadings): string {
  const right = (readings: readonly Reading[]) => readings.filter((reading) => reading.right).length;
  const now = after ? `, ${right(after)} after` : '';
  return `From ${before.length} held-out questions (${right(before)} right before training${now}), those that training changed first.`;
}

/** Turn by turn, for a terminal or a code block. Long documents lose their middle turns. */
export function exampleText(reading: Reading, { sectionCharacters = 240, maxTurns = 24 } = {}): string {
  const { question, turns, answer, output, answers, right } = reading;
  const flat = (text: string) => text.replace(/\s+/g, ' ').trim();
  const left = Math.max(0, turns.length - maxTurns);
  const lines = [`Question  ${flat(question)}`];
  turns.forEach(({ section, memory, tokens, cut }, at) => {
    const head = Math.ceil(maxTurns / 2);
    if (left > 0 && at === head) lines.push(`  ... ${left} sections left out ...`);
    if (left > 0 && at >= head && at < head + left) return;
    lines.push(`  Section ${at + 1}  ${flat(shortened(section, sectionCharacters))}`);
    lines.push(`  Memory ${at + 1}   ${flat(memory) || '(empty)'}  [${tokens} tokens${cut ? ', cut off' : ''}]`);
  });
  const said = flat(answer) || (flat(output) === '' ? '(empty)' : `(none in: ${flat(shortened(output, 120))})`);
  const gold = answers.map(flat).join(' / ');
  lines.push(`Answer    ${said}  ${right ? 'right' : `wrong, expected ${gold}`}`);
  return `${lines.join('\n')}\n`;
}
