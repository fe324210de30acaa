/** `tamtrl demo`, within this process: what it shows, and what it refuses. */
import { expect, it } from 'vitest';
import { changesText } from '../eval/story.js';
import { runQuietly } from './program.test-support.js';

const short = ['demo', '--tokens', '500', '--task', 'qa1'];

it('shows the question, each change of the memory with its cause, and the answer beside the right one', async () => {
  const { code, out } = await runQuietly([...short, '--model', 'babi-random', '--json']);
  expect(code).toBe(0);
  const shown = JSON.parse(out);
  expect(shown.question).toMatch(/^Where is \w+\?$/);
  expect(shown).toMatchObject({ correct: shown.answer.includes(shown.expected), turns: expect.any(Number) });
  expect(shown.tokens).toBeGreaterThan(150);
  expect(shown.tokens).toBeLessThanOrEqual(500);
  // Untrained, it writes whatever comes.
  expect(shown.changes.length).toBeGreaterThan(0);
  const told = await runQuietly([...short, '--model', 'babi-random']);
  expect(told.out).toContain(shown.question);
  for (const fact of shown.changes.flatMap(({ facts }: { facts: string[] }) => facts)) expect(told.out).toContain(fact);
  expect(told.out).toContain(`Read in `);
});

it('says whether the story was the cause of every change', () => {
  const [seen, idle] = [
    { turn: 1, facts: ['Mary left.'], memory: 'a' },
    { turn: 2, facts: [], memory: 'b' },
  ];
  expect(changesText([])).toBe('0 times');
  expect(changesText([seen])).toBe('1 time, always at sentences of the story');
  expect(changesText([seen, idle])).toBe('2 times, 1 of them without a sentence of the story');
});

it('refuses a model that reads something else, and a task or book that there is not', async () => {
  expect(await runQuietly([...short, '--model', 'mini'])).toMatchObject({
    code: 2,
    err: 'tamtrl: --model: mini does not read such stories; expected babi, or a model trained from it.\n',
  });
  const wrong = await runQuietly(['demo', '--task', 'qa11', '--model', 'babi-random']);
  expect(wrong.code).toBe(2);
  expect(wrong.err).toContain("argument 'qa11' is invalid. Allowed choices are qa1, qa2,");
  const missing = await runQuietly([...short, '--model', 'babi-random', '--books', 'no/such.txt']);
  expect(missing).toMatchObject({ code: 2, err: expect.stringContaining('There is no book at no/such.txt') });
});
