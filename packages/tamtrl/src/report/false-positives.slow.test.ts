/**
 * Tables without a true difference show a p below 0.05 in at most 6 % of them: the settings that the fast test leaves
 * out.
 */
import { expect, it } from 'vitest';
import { type Setting, Simulation } from './simulation.test-support.js';

it.each<Setting>([
  { seeds: 5, spread: 0.05, others: 1 },
  { seeds: 10, spread: 0.05, others: 1 },
  { seeds: 3, spread: 0.01, others: 1 },
  { seeds: 5, spread: 0.02, others: 1 },
  { seeds: 10, spread: 0.01, others: 1 },
  { seeds: 5, spread: 0.03, others: 4 },
  { seeds: 5, spread: 0.03, others: 1, trained: false },
])('the table of results: %o', (setting) => {
  const simulation = new Simulation(setting);
  expect(simulation.share(() => simulation.results())).toBeLessThanOrEqual(0.06);
});

it.each<Setting & { questions: number }>([
  { seeds: 5, spread: 0.02, others: 1, questions: 100 },
  { seeds: 3, spread: 0.05, others: 1, questions: 100 },
  { seeds: 10, spread: 0.02, others: 1, questions: 100 },
  { seeds: 3, spread: 0, others: 1, questions: 16 },
])('the table at equal budgets: %o', ({ questions, ...setting }) => {
  const simulation = new Simulation(setting);
  expect(simulation.share(() => simulation.budgets(questions))).toBeLessThanOrEqual(0.06);
});
