/** The numbers of a comparison for programs. */
import type { BudgetComparison } from './budgets.js';
import { type Comparison, cellMean, entries } from './comparison.js';
import type { Difference, Score } from './differences.js';

/** What `tamtrl compare --json` prints in addition to the parts that it ran. Numbers that do not exist are null. */
export function comparisonSummary(
  comparison: Comparison,
  against: string,
  budgets: BudgetComparison | undefined,
): object {
  const { methods, cells } = comparison;
  const all = entries(comparison, methods, against);
  const results = methods.map((name) => ({
    method: name,
    benchmarks: Object.fromEntries(
      all
        .filter(({ method }) => method === name)
        .map(({ benchmark, score, difference }) => {
          const own = cells.filter((cell) => cell.method === name && cell.benchmark === benchmark);
          if (score === undefined) return [benchmark, null];
          const values = { ...scoreSummary(score), by_seed: own.map(cellMean) };
          return [benchmark, { ...values, difference: differenceSummary(difference) }];
        }),
    ),
  }));
  const equal = budgets && {
    ...budgets.limits,
    problems: budgets.problems,
    results: budgets.entries.map(({ method, budget, seeds, score, steps, interpolated = false, difference }) => ({
      method,
      budget,
      seeds,
      score: score ? scoreSummary(score) : null,
      evaluated_steps: steps ?? null,
      interpolated,
      difference: differenceSummary(difference),
    })),
  };
  return { against, results, equal_budgets: equal ?? null };
}

function scoreSummary({ interval: { mean, low, high }, recordsOnly }: Score): object {
  return { mean, low, high, records_only: recordsOnly };
}

/** `p` is Holm's over the table; `p_alone` that of this difference as if it were the only one. */
function differenceSummary(difference: Difference | undefined): object | null {
  if (difference === undefined) return null;
  const { estimate, p, untested } = difference;
  const { mean, low, high, seeds, records } = estimate;
  const test = { p: p ?? null, p_alone: estimate.p ?? null, untested: untested ?? null };
  return { mean, low, high, seeds, records, ...test };
}
