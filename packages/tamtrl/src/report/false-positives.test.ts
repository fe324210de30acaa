/** The tables that people read, on methods without a true difference: at most 6 % of them show a p below 0.05. */
import { expect, it } from 'vitest';
import { Simulation } from './simulation.test-support.js';

it.each([3, 5, 10])('the table of results, with %i seeds', (seeds) => {
  const simulation = new Simulation({ seeds, spread: 0.05, others: 1 });
  expect(simulation.share(() => simulation.results())).toBeLessThanOrEqual(0.06);
});

it('the table at equal budgets', () => {
  const simulation = new Simulation({ seeds: 5, spread: 0.02, others: 1 });
  expect(simulation.share(() => simulation.budgets(100))).toBeLessThanOrEqual(0.06);
});

it('shows no p with two seeds', () => {
  const simulation = new Simulation({ seeds: 2, spread: 0.05, others: 1 });
  expect(simulation.share(() => simulation.results())).toBe(0);
});
