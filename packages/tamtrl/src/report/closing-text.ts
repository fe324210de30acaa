/** What a run ends with on a terminal: its numbers, where it is kept, and how to go on with it. */
import { alignedTable, count, duration } from '../base/format.js';
import { RunFolder } from '../run/folder.js';
import type { SavedRun } from '../run/read.js';
import { examplesText } from './examples.js';
import { beforeAndAfter, comparisonRows, costRows, INTERVAL_NOTE, stepsOf } from './summary.js';

/** @param resume the command that continues the run, shown if it was stopped */
export function closingText(run: SavedRun, resume: string): string {
  const { folder, summary } = run;
  const cost = costRows(stepsOf(run.metrics));
  const { step } = summary.state;
  const place = new RunFolder(folder);
  const parts = [
    `${alignedTable(comparisonRows(run))}${beforeAndAfter(run).after ? `${INTERVAL_NOTE}\n` : ''}`,
    ...examplesText(run.readings),
    `${count(step)} ${step === 1 ? 'step' : 'steps'} in ${duration(summary.seconds)}, evaluation included\n`,
    ...(step > 0 ? [alignedTable(cost.seconds), alignedTable(cost.tokens)] : []),
    `Checkpoint  ${place.checkpoint('final')}\nReport      ${place.file('report')}\n`,
    ...(summary.reason === 'watchdog' ? ['Stopped early, as `watchdog: stop` asks: the warnings say why.\n'] : []),
    ...(summary.reason === 'stopped' || summary.reason === 'watchdog' ? [`Continue with  ${resume}\n`] : []),
  ];
  return parts.join('\n');
}
