/** The one evaluation: what it scores, and that its users come to the same numbers. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fnv1a } from '../base/hash.js';
import { miniSource } from '../data/examples.js';
import { miniExample, toRecord } from '../data/mini/task.js';
import { PromptFrames } from '../memory/frames.js';
import { chatPrompts, miniPrompts } from '../memory/prompts.js';
import { EMBEDDED_MINI } from '../models/embedded.js';
import { type LocalPolicy, openLocalPolicy } from '../policy/local.js';
import { metricsFor, SCORER_VERSION } from '../reward/outcome.js';
import { plainRenderer } from '../text/documents.js';
import { answered, scoresOf } from './answered.js';
import { evaluate } from './evaluate.js';
import { recordReader } from './readers.js';

let policy: LocalPolicy;

beforeAll(async () => {
  policy = await openLocalPolicy(EMBEDDED_MINI);
});

afterAll(() => policy.close());

it('scores the answer in the box; RULER looks at the whole output', () => {
  const output = 'Oslo is in Norway: \\boxed{The city of Bern}';
  const { answer, scores } = scoresOf(output, { answers: ['Bern', 'Norway'] }, chatPrompts);
  expect(answer).toBe('The city of Bern');
  const words = { exact_match: 0, f1: 0.5, sub_exact_match: 1 };
  expect(scores).toMatchObject({ ...words, string_match_part: 1, string_match_all: 1 });
  expect(scoresOf(output, { answers: ['rome', 'oslo'] }, chatPrompts).scores).toMatchObject({
    string_match_part: 1,
    string_match_all: 0.5,
    f1: 0,
  });
  const asked = { answers: ['Oslo'] };
  expect(scoresOf(' oslo ', asked, miniPrompts)).toMatchObject({ answer: 'oslo', scores: { exact_match: 1 } });
  const thought = '<think>Oslo or Rome?</think>Rome';
  expect(scoresOf(thought, asked, chatPrompts).scores.string_match_part).toBe(0);
  expect(Object.keys(scores)).toEqual(metricsFor(asked));
  expect(Object.keys(scores)).not.toContain('babilong');
});

it('has a version that rises with every change of a score', () => {
  const fixture = new URL('../../fixtures/metrics/published.json', import.meta.url);
  const { pairs } = JSON.parse(readFileSync(fixture, 'utf8')) as { pairs: { prediction: string; gold: string }[] };
  const scores = pairs.flatMap(({ prediction, gold }) =>
    [prediction, `I say \\boxed{\\text{${prediction}}}`].flatMap((output) =>
      (['any', 'all'] as const).map((answersWanted) => {
        const reference = { answers: [gold, 'Paris'], answersWanted, question: 'Q', source: 'babilong/qa6' };
        return Object.entries(scoresOf(output, reference, chatPrompts).scores).map(
          ([metric, score]) => `${metric} ${score.toFixed(9)}`,
        );
      }),
    ),
  );
  // If this hash changes, scores have: raise SCORER_VERSION in reward/outcome.ts, then write both down here.
  expect({ version: SCORER_VERSION, scores: fnv1a(scores.flat().join('\n')) }).toEqual({
    version: 2,
    scores: -1940963303,
  });
});

it('gives training and records the same numbers for the same questions', async () => {
  const frames = new PromptFrames(policy, miniPrompts);
  const budgets = { questionTokens: 5, chunkTokens: 12, memoryTokens: 10, answerTokens: 6 };
  const questions = 12;
  const source = miniSource({}, 99, policy.tokenizer);
  const progress: number[] = [];
  const onProgress = ({ finished, total }: { finished: number; total: number }) => progress.push(finished / total);
  const options = { frames, budgets, questions, seed: 0, batch: 6, onProgress };
  const training = await evaluate(policy, source, options);
  const records = Array.from({ length: questions }, (_, index) => toRecord(miniExample({}, 99, index)));
  const read = recordReader('agent', policy, {
    frames,
    budgets,
    renderer: plainRenderer,
    temperature: 0,
    topP: 1,
    seed: 0,
  });
  const results = (await answered(records, read, miniPrompts)).flat();
  const mean = (metric: 'exact_match' | 'f1' | 'sub_exact_match') =>
    results.reduce((sum, { scores }) => sum + scores[metric], 0) / questions;
  expect(training.exact_match).toBeGreaterThan(0);
  for (const metric of ['exact_match', 'f1', 'sub_exact_match'] as const)
    expect(training[metric]).toBeCloseTo(mean(metric), 12);
  const sampled = results.flatMap(({ trajectory }) => trajectory.turns.map(({ outputTokens }) => outputTokens));
  expect(training.tokens.sampled).toBe(sampled.reduce((a, b) => a + b, 0));
  expect(progress).toEqual([0.5, 1]);
});
