/** report.md and its figures: what a run did, for people, in the run's own folder. */
import { writeFile } from 'node:fs/promises';
import { count, duration, markdownTable, percent } from '../base/format.js';
import { RUN_FILES, RunFolder } from '../run/folder.js';
import type { SavedRun } from '../run/read.js';
import type { HeldOutReadings } from '../run/readings.js';
import { Watchdog } from '../train/watchdog.js';
import { learningCurve, lossCurve } from './curves.js';
import { exampleText, selectionText, tellingExamples } from './examples.js';
import {
  beforeAndAfter,
  comparisonRows,
  costRows,
  INTERVAL_NOTE,
  metricOf,
  type StepLine,
  stepsOf,
} from './summary.js';

const TRAJECTORIES = 3;
/** Rows of the table of steps; longer runs are thinned out. */
const STEP_ROWS = 20;

type Figure = 'learningCurve' | 'loss';

export async function writeReport(run: SavedRun): Promise<void> {
  const folder = new RunFolder(run.folder);
  const figures = { learningCurve: learningCurve(run.metrics), loss: lossCurve(run.metrics) };
  const drawn: Figure[] = [];
  for (const [name, svg] of Object.entries(figures) as [Figure, string | undefined][]) {
    if (svg === undefined) continue;
    await writeFile(folder.file(name), svg);
    drawn.push(name);
  }
  await writeFile(folder.file('report'), reportText(run, drawn));
}

export function reportText(run: SavedRun, figures: readonly Figure[]): string {
  const { info, config, readings, summary } = run;
  const { config: settings, metrics, trajectories } = RUN_FILES;
  const steps = stepsOf(run.metrics);
  const cost = costRows(steps);
  const { best, step } = summary.state;
  const metric = metricOf(run.metrics);
  const ended = {
    steps: 'It completed all its steps.',
    stopped: 'It was interrupted; "--resume" continues it.',
    patience: `It stopped early: ${metric} no longer improved.`,
    target: `It stopped early: ${metric} reached its target.`,
    watchdog:
      'It stopped early: its numbers show that it goes wrong, as the warnings say. "--resume" continues it all the same.',
  }[summary.reason];
  const title = info.command === 'sft' ? 'Supervised warm-up' : `Training with ${info.method}`;
  const parts = [
    `# ${title}, preset ${info.preset}, seed ${config.seed}`,
    `${count(step)} ${step === 1 ? 'step' : 'steps'} in ${duration(summary.seconds)}. ${ended}`,
    markdownTable(comparisonRows(run)).trimEnd(),
    beforeAndAfter(run).after ? INTERVAL_NOTE : '',
    ...warningParts(run),
    best
      ? `The best evaluation was ${percent(best.score)} ${best.metric} after step ${best.step}. It was chosen by this score, so on other questions expect less.`
      : '',
    ...figures.map((name) => `![${name === 'loss' ? 'Loss' : metric} by step](${RUN_FILES[name]})`),
    '## Time and tokens',
    ...(steps.length > 0
      ? [cost.seconds, cost.tokens, stepRows(steps, metric)].map((rows) => markdownTable(rows).trimEnd())
      : ['No step was done.']),
    info.command === 'sft' ? '' : LOSS_NOTE,
    '## Trajectories',
    'The model read greedily. Each section is followed by the memory that was kept.',
    ...trajectoryParts(readings),
    '## Files',
    `\`${settings}\` holds every setting, \`${metrics}\` all numbers of each step and evaluation, \`${trajectories}\` sampled rollouts with their rewards, \`checkpoints/\` the weights.`,
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

/** People take such a loss for a fault. */
const LOSS_NOTE =
  'A loss near 0 is normal: advantages add up to about 0 over the rollouts of a question, and before the first update the ratios are 1. It says nothing about learning; reward and held-out scores do. "advantage 0" is the share of trained turns that only the KL term moves.';

/** What the steps show that the owner of the run should know; the run has also reported it while training. */
function warningParts({ command, config, metrics }: SavedRun): string[] {
  if (command !== 'train') return [];
  const steps = metrics.filter((line) => line.kind === 'step');
  const watchdog = new Watchdog(config);
  const told = steps.flatMap((step) => watchdog.observe(step));
  const idle = steps.filter(({ updates }) => updates === 0).length;
  if (idle === steps.length && idle > 0) told.unshift('No step changed the weights: this run learned nothing.');
  else if (idle > 0) told.push(`${idle} of ${steps.length} steps had no gradient and changed nothing.`);
  return told.length === 0 ? [] : ['## Warnings', told.map((text) => `- ${text}`).join('\n')];
}

function trajectoryParts(readings: HeldOutReadings): string[] {
  const { before, after } = readings;
  const numbers = tellingExamples(readings, TRAJECTORIES);
  if (numbers.length === 0) return ['None was read.'];
  const block = (when: string, text: string) => [`${when}:`, `\`\`\`text\n${text.trimEnd()}\n\`\`\``];
  const parts = numbers.flatMap((at) => {
    const options = { sectionCharacters: 2000, maxTurns: 40 };
    return [
      `### ${before[at].id}`,
      ...block('Before training', exampleText(before[at], options)),
      ...(after ? block('After training', exampleText(after[at], options)) : []),
    ];
  });
  return [selectionText(readings), ...parts];
}

/** Servers may leave numbers out; NaN becomes null in JSON. */
function known(value: number | null, digits: number): string {
  return value === null || Number.isNaN(value) ? '-' : value.toFixed(digits);
}

function stepRows(steps: readonly StepLine[], metric: string): string[][] {
  const every = Math.ceil(steps.length / STEP_ROWS);
  const chosen = steps.filter((_, at) => at % every === 0 || at === steps.length - 1);
  const supervised = steps[0].kind === 'sft';
  const head = supervised
    ? ['loss']
    : [`reward (${metric})`, 'exact_match', 'memory tokens', 'loss', 'advantage 0', 'entropy', 'KL'];
  return [
    ['step', ...head, 'seconds', 'prompt', 'sampled', 'scored', 'trained'],
    ...chosen.map((line) => [
      String(line.step),
      ...(line.kind === 'sft'
        ? [line.loss.toFixed(4)]
        : [
            line.reward.toFixed(3),
            percent(line.exact_match),
            line.memory_tokens.toFixed(1),
            known(line.loss, 4),
            line.zero_advantage_rate === undefined ? '-' : percent(line.zero_advantage_rate),
            known(line.entropy, 3),
            known(line.kl, 4),
          ]),
      Object.values(line.seconds)
        .reduce((a, b) => a + b, 0)
        .toFixed(2),
      ...[line.tokens.prompt, line.tokens.sampled, line.tokens.scored, line.tokens.trained].map(count),
    ]),
  ];
}
