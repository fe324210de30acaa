/** The tables that people read, on methods without a true difference: at most 6 % of them show a p below 0.05. */
import { expect, it } from 'vitest';
import { Simulation } from './simulation.test-support.js';

it('the table of results, with three seeds', () => {
  const simulation = new Simulation({ seeds: 3, spread: 0.05, others: 1 });
  expect(simulation.share(() => simulation.results())).toBeLessThanOrEqual(0.06);
});

it('shows no p with two seeds', () => {
  const simulation = new Simulation({ seeds: 2, spread: 0.05, others: 1 });
  expect(simulation.share(() => simulation.results())).toBe(0);
});
