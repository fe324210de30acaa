import { expect, it } from 'vitest';
import { SeededRandom } from '../base/random.js';
import { LogisticRegression } from './logistic-regression.js';

it('finds the probabilities that a single feature has', () => {
  // Of the rows with x = 1, 80 % are true; of those with x = 0, 20 %. Of many rows the penalty changes little.
  const rows = Array.from({ length: 2000 }, (_, at) => [at < 1000 ? 1 : 0]);
  const labels = rows.map(([x], at) => at % 10 < (x === 1 ? 8 : 2));
  const model = new LogisticRegression(rows, labels);
  expect(model.probability([1])).toBeCloseTo(0.8, 2);
  expect(model.probability([0])).toBeCloseTo(0.2, 2);
  expect(model.probability([1]) + model.probability([0])).toBeCloseTo(1, 10);
});

it('gives 0.5 to uninformative rows, however rare a label is, and tolerates a constant feature', () => {
  const random = new SeededRandom('logistic', 1);
  const rows = Array.from({ length: 1000 }, () => [random.next(), 7]);
  const model = new LogisticRegression(
    rows,
    rows.map((_, at) => at % 10 === 0),
  );
  expect(model.probability([0.5, 7])).toBeCloseTo(0.5, 1);
});

it('stays finite if a feature separates the labels, and is reproducible', () => {
  const rows = Array.from({ length: 400 }, (_, at) => [at < 200 ? 0 : 1, at % 7, (at * at) % 11]);
  const labels = rows.map(([x]) => x === 1);
  const model = new LogisticRegression(rows, labels);
  const probabilities = rows.map((row) => model.probability(row));
  for (const [at, p] of probabilities.entries()) expect(labels[at] ? p : 1 - p).toBeGreaterThan(0.9);
  expect(probabilities.every((p) => p > 0 && p < 1)).toBe(true);
  const again = new LogisticRegression(rows, labels);
  expect(rows.map((row) => again.probability(row))).toEqual(probabilities);
});
