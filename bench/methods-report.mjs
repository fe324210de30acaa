/** Statistics, table and figure of bench/methods.mjs. */

/** 97.5 % quantile of Student's t by degrees of freedom 1 to 9: intervals over a handful of seeds. */
const T_QUANTILE = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];

const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;

/** Mean and half of its 95 % interval. */
function interval(values) {
  const centre = mean(values);
  if (values.length < 2) return { centre, half: Number.NaN };
  const variance = values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1);
  const quantile = T_QUANTILE[values.length - 2] ?? 1.96;
  return { centre, half: quantile * Math.sqrt(variance / values.length) };
}

const points = (value) => (100 * value).toFixed(1);
const range = ({ centre, half }) => (Number.isNaN(half) ? points(centre) : `${points(centre)} ± ${points(half)}`);

export function methodsReport({ steps, seeds, runs }, plotLines) {
  const methods = [...new Set(runs.map(({ method }) => method))];
  const of = (method) => runs.filter((run) => run.method === method);
  const final = ({ evaluations }) => evaluations.at(-1).exact_match;
  const baseline = of('memagent');
  const rows = methods.map((method) => {
    const mine = of(method);
    // Paired by seed: the same questions in the same order.
    const differences =
      method === 'memagent'
        ? []
        : mine.flatMap((run) => {
            const other = baseline.find(({ seed }) => seed === run.seed);
            return other ? [final(run) - final(other)] : [];
          });
    return [
      method,
      String(mine.length),
      range(interval(mine.map(({ evaluations }) => evaluations[0].exact_match))).split(' ')[0],
      range(interval(mine.map(final))),
      differences.length > 0 ? range(interval(differences)) : '',
      mine.map((run) => points(final(run))).join(', '),
      mean(mine.map(({ seconds }) => seconds)).toFixed(0),
      (mean(mine.map(({ tokens }) => tokens)) / 1e6).toFixed(2),
      mean(mine.map(({ memoryTokens }) => memoryTokens)).toFixed(1),
    ];
  });
  const header = [
    ...['method', 'seeds', 'start', `after ${steps} steps`, 'against memagent, paired', 'by seed'],
    ...['seconds', 'million tokens', 'memory tokens at the end'],
  ];
  const table = [
    `\`npm run bench:methods -- --seeds ${seeds} --steps ${steps}\`: held-out exact match in percent, mean and 95 % interval over seeds.`,
    '',
    ...aligned([header, ...rows]),
  ].join('\n');
  const series = methods.map((method) => ({
    name: method,
    points: Array.from({ length: steps }, (_, step) => {
      const { centre, half } = interval(of(method).map(({ training }) => training[step]));
      return { x: step + 1, y: centre, ...(Number.isNaN(half) ? {} : { low: centre - half, high: centre + half }) };
    }),
  }));
  const figure = plotLines({
    ...{ title: `Exact match of rollouts on new questions, ${seeds} seeds`, xLabel: 'step', yLabel: 'exact match' },
    ...{ series: series.slice(0, 4), yRange: [0, 0.5], height: 440 },
  });
  return { table, figure };
}

/** A Markdown table with columns of equal width, as the formatter leaves it. */
function aligned([header, ...rows]) {
  const widths = header.map((_, column) => Math.max(3, ...[header, ...rows].map((row) => row[column].length)));
  const line = (cells) => `| ${cells.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
  return [line(header), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...rows.map(line)];
}
