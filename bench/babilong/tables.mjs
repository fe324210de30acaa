/** The table and the figure of what was read, with published results beside it. */
import { readFileSync } from 'node:fs';
import { wilsonInterval } from '../../packages/tamtrl/dist/eval/crossed.js';
import { plotLines } from '../../packages/tamtrl/dist/report/plot/plot-lines.js';
import { tokensOf } from './questions.mjs';

/** Accuracy of other models on qa1 to qa5, by length, and where it is from. */
const PUBLISHED = JSON.parse(readFileSync(new URL('published.json', import.meta.url), 'utf8'));
const TASKS = ['qa1', 'qa2', 'qa3', 'qa4', 'qa5'];

const percent = (share) => (100 * share).toFixed(1);
const mean = (numbers) => numbers.reduce((a, b) => a + b, 0) / numbers.length;
const line = (cells) => `| ${cells.join(' | ')} |`;
const table = (head, rows) =>
  [line(head), line(head.map((_, at) => (at < 2 ? '---' : '--:'))), ...rows.map(line)].join('\n');

/** Results by reader and length, lengths rising. */
function grouped(results) {
  const groups = new Map();
  for (const result of results) {
    const key = `${result.reader} ${result.length}`;
    if (!groups.has(key)) groups.set(key, { reader: result.reader, length: result.length, results: [] });
    groups.get(key).results.push(result);
  }
  return [...groups.values()].sort(
    (a, b) => tokensOf(a.length) - tokensOf(b.length) || a.reader.localeCompare(b.reader),
  );
}

const byTask = (results) =>
  TASKS.map((task) => {
    const own = results.filter((result) => result.task === task);
    return own.length === 0 ? undefined : { right: own.filter(({ correct }) => correct).length, all: own.length };
  });

/** Mean over the tasks, each with the same weight; undefined while a task is missing. */
function meanOfTasks(results) {
  const tasks = byTask(results);
  return tasks.includes(undefined) ? undefined : mean(tasks.map(({ right, all }) => right / all));
}

export function pageOf(results, { model, tokenizer, books, stories }) {
  const rows = grouped(results).map(({ reader, length, results: own }) => [
    length,
    reader,
    ...byTask(own).map((found) => {
      if (!found) return '-';
      const { low, high } = wilsonInterval(found.right, found.all);
      return `${percent(found.right / found.all)} (${percent(low)} to ${percent(high)}) of ${found.all}`;
    }),
    meanOfTasks(own) === undefined ? '-' : percent(meanOfTasks(own)),
  ]);
  const lengths = [...new Set(results.map(({ length }) => length))].sort((a, b) => tokensOf(a) - tokensOf(b));
  const others = PUBLISHED.map(({ model: name, accuracy }) => [
    name,
    '',
    ...lengths.map((length) => (accuracy[length] ? percent(mean(accuracy[length])) : '-')),
  ]);
  const agent = results.filter(({ reader }) => reader === 'agent');
  const ours = lengths.map((length) => meanOfTasks(agent.filter((result) => result.length === length)));
  const own = [
    `**tamtrl, ${model}**`,
    '',
    ...ours.map((share) => (share === undefined ? '-' : `**${percent(share)}**`)),
  ];
  const quiet = lengths.flatMap((length) => {
    const read = agent.filter((result) => result.length === length && result.turns > 0);
    if (read.length === 0) return [];
    const sum = (key) => read.reduce((total, result) => total + result[key], 0);
    return [
      [
        length,
        '',
        sum('turns').toLocaleString('en'),
        sum('quiet').toLocaleString('en'),
        sum('changed').toLocaleString('en'),
        ((10_000 * sum('changed')) / Math.max(1, sum('quiet'))).toFixed(2),
        (sum('characters') / 1e6).toFixed(1),
        sum('seconds').toFixed(0),
      ],
    ];
  });
  const from = stories ? `stories of ${stories.map((file) => file.split('/').at(-1)).join(', ')}` : 'simulated stories';
  const between = books ? 'books given with --books' : "the package's books";
  return `Accuracy in percent by BABILong's rule, with 95 % intervals (Wilson) over questions: ${from}, ${between}, lengths in tokens of ${tokenizer ? tokenizer.split('/').at(-1) : 'the model'}.

${table(['length', 'reader', ...TASKS, 'mean'], rows)}

Mean of qa1 to qa5 beside published results:

${table(['model', '', ...lengths], [own, ...others])}

${PUBLISHED.map(({ model: name, source }) => `- ${name}: ${source}.`).join('\n')}

What the agent did to its memory in turns without any fact of the story:

${table(['length', '', 'turns', 'without a fact', 'memory changed', 'changes in 10,000', 'million characters', 'seconds'], quiet)}
`;
}

export function figureOf(results) {
  const agent = results.filter(({ reader }) => reader === 'agent');
  const all = ['0k', '4k', '16k', '32k', '64k', '128k', '1M', '10M'];
  const place = (length) => all.indexOf(length);
  const ours = all.flatMap((length) => {
    const own = agent.filter((result) => result.length === length);
    const share = meanOfTasks(own);
    if (share === undefined) return [];
    const { low, high } = wilsonInterval(own.filter(({ correct }) => correct).length, own.length);
    return [{ x: place(length), y: 100 * share, low: 100 * low, high: 100 * high }];
  });
  const baselines = [...new Set(results.map(({ reader }) => reader))].filter((reader) => reader !== 'agent');
  const series = [
    { name: 'tamtrl, 1.4M parameters', points: ours },
    ...PUBLISHED.filter(({ accuracy }) => Object.keys(accuracy).length > 2).map(({ model, accuracy }) => ({
      name: model,
      points: Object.entries(accuracy).map(([length, shares]) => ({ x: place(length), y: 100 * mean(shares) })),
    })),
    ...baselines.map((reader) => ({
      name: `the same model, ${reader}`,
      points: all.flatMap((length) => {
        const share = meanOfTasks(results.filter((result) => result.reader === reader && result.length === length));
        return share === undefined ? [] : [{ x: place(length), y: 100 * share }];
      }),
    })),
  ].filter(({ points }) => points.length > 0);
  return plotLines({
    title: 'BABILong, mean of qa1 to qa5',
    xLabel: 'length of the text in tokens',
    yLabel: 'accuracy, %',
    xTicks: all.map((text, x) => ({ x, text })),
    xRange: [0, all.length - 1],
    yRange: [0, 100],
    series: series.map((one) => ({ ...one, markers: true })),
    height: 480,
  });
}
