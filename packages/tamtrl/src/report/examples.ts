/** Examples for people: held-out questions, section by section, with the memory that was kept after each. */
import { counted, percent } from '../base/format.js';
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

const scoreOf = ({ score, right }: Reading) => score ?? Number(right);

/** Indices of the most telling questions: those that training made better, then the others that it changed. */
export function tellingExamples({ before, after }: HeldOutReadings, count: number): number[] {
  const rank = (at: number) => {
    const now = after?.[at];
    if (!now) return 0;
    const change = scoreOf(now) - scoreOf(before[at]);
    if (change !== 0) return change > 0 ? 3 : 2;
    return scoreOf(now) > 0 ? 1 : 0;
  };
  const order = before.map((_, at) => at).sort((a, b) => rank(b) - rank(a) || a - b);
  return order.slice(0, count);
}

/** Says how the shown questions were chosen: they are not a random sample. */
export function selectionText({ before, after }: HeldOutReadings): string {
  const { metric = 'exact_match' } = before[0] ?? {};
  const total = (readings: readonly Reading[]) => readings.reduce((sum, reading) => sum + scoreOf(reading), 0);
  const of = (readings: readonly Reading[]) =>
    metric === 'exact_match' ? `${total(readings)} right` : `${metric} ${percent(total(readings) / readings.length)}`;
  const now = after ? `, ${of(after)} after` : '';
  return `From ${before.length} held-out questions (${of(before)} before training${now}), those that training changed first.`;
}

/** Turn by turn, for a terminal or a code block. Long documents lose their middle turns. */
export function exampleText(reading: Reading, { sectionCharacters = 240, maxTurns = 24 } = {}): string {
  const { question, turns, answer, output, answers, right, metric = 'exact_match' } = reading;
  const flat = (text: string) => text.replace(/\s+/g, ' ').trim();
  const left = Math.max(0, turns.length - maxTurns);
  const lines = [`Question  ${flat(question)}`];
  turns.forEach(({ section, memory, tokens, cut }, at) => {
    const head = Math.ceil(maxTurns / 2);
    if (left > 0 && at === head) lines.push(`  ... ${left} sections left out ...`);
    if (left > 0 && at >= head && at < head + left) return;
    lines.push(`  Section ${at + 1}  ${flat(shortened(section, sectionCharacters))}`);
    lines.push(
      `  Memory ${at + 1}   ${flat(memory) || '(empty)'}  [${counted(tokens, 'token')}${cut ? ', cut off' : ''}]`,
    );
  });
  const said = flat(answer) || (flat(output) === '' ? '(empty)' : `(none in: ${flat(shortened(output, 120))})`);
  const gold = answers.map(flat).join(' / ');
  const verdict = metric === 'exact_match' ? 'wrong' : `${metric} ${percent(scoreOf(reading))}`;
  lines.push(`Answer    ${said}  ${right ? 'right' : `${verdict}, expected ${gold}`}`);
  return `${lines.join('\n')}\n`;
}
