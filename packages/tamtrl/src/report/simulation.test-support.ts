/**
 * Comparisons of methods without a true difference. Each seed of each method has its own accuracy, and each record
 * a difficulty that all share.
 */
import { SeededRandom } from '../base/random.js';
import { atEqualBudgets, budgetTable, type Course } from './budgets.js';
import { type Cell, scoreTable } from './comparison.js';

const TRIALS = 1000;
const IDS = Array.from({ length: 60 }, (_, at) => `r${at}`);

/** Smallest p that a table shows; 1 if none. */
function smallestP(rows: readonly (readonly string[])[]): number {
  const shown = rows.flat().flatMap((cell) => cell.match(/p [<=] (\d\.\d+)/)?.[1] ?? []);
  return Math.min(1, ...shown.map(Number));
}

export interface Setting {
  seeds: number;
  /** Standard deviation of a seed's accuracy. */
  spread: number;
  /** Number of methods besides the reference. */
  others: number;
  /** Whether the reference is trained; else it answers the same for every seed. */
  trained?: boolean;
}

export class Simulation {
  readonly #random: SeededRandom;
  readonly #setting: Setting;

  constructor(setting: Setting) {
    this.#setting = setting;
    this.#random = new SeededRandom('no true difference', JSON.stringify(setting));
  }

  /** Share of tables with a p below 0.05. */
  share(table: () => string[][]): number {
    return Array.from({ length: TRIALS }, () => Number(smallestP(table()) < 0.05)).reduce((a, b) => a + b) / TRIALS;
  }

  results(): string[][] {
    const { others, trained = true } = this.#setting;
    const difficulty = IDS.map(() => 0.15 * this.#normal());
    const cells = this.#methods(others).flatMap((method): Cell[] => {
      const isFixed = method === 'reference' && !trained;
      return (isFixed ? [undefined] : this.#seeds()).map((seed) => {
        // The reference's only answers are those of a model of average accuracy.
        const accuracy = 0.45 + (isFixed ? 0 : this.#setting.spread * this.#normal());
        const scores = difficulty.map(
          (record, at) => [IDS[at], Number(this.#random.next() < accuracy + record)] as const,
        );
        return { method, seed, benchmark: 'b', scores: new Map(scores), seconds: 0, tokens: 0, memoryTokens: 0 };
      });
    });
    const comparison = { methods: this.#methods(others), benchmarks: ['b'], cells, training: [] };
    return scoreTable(comparison, comparison.methods, 'reference');
  }

  /** Held-out means of few questions, so that equal differences are frequent. */
  budgets(questions: number): string[][] {
    const methods = this.#methods(this.#setting.others);
    const courses = methods.flatMap((method) =>
      this.#seeds().map((seed): Course => {
        const accuracy = 0.45 + this.#setting.spread * this.#normal();
        const right = Array.from({ length: questions }, () => Number(this.#random.next() < accuracy));
        const cost = { step: 10, tokens: 1000, seconds: 10 };
        const score = right.reduce((a, b) => a + b) / questions;
        return { method, seed, costs: [cost], evaluations: [{ ...cost, score, questions }] };
      }),
    );
    return budgetTable(atEqualBudgets(courses, methods, 'reference')!, 'reference');
  }

  #methods(others: number): string[] {
    return ['reference', ...Array.from({ length: others }, (_, at) => `m${at}`)];
  }

  #seeds(): number[] {
    return Array.from({ length: this.#setting.seeds }, (_, at) => at + 1);
  }

  #normal(): number {
    const [a, b] = [this.#random.next(), this.#random.next()];
    return Math.sqrt(-2 * Math.log(1 - a)) * Math.cos(2 * Math.PI * b);
  }
}
