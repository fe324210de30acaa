/** The simulator against whole published files, where TAMTRL_BABI names a folder of them. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isBabiTask } from './events.js';
import { idealReader } from './ideal.js';
import { readStories } from './read.js';
import { STATISTICS, storyStatistics, totalVariation } from './statistics.js';
import { type BabiQuestion, babiStories } from './stories.js';

const folder = process.env.TAMTRL_BABI;

describe.skipIf(folder === undefined)('published stories', () => {
  const files =
    folder === undefined ? [] : readdirSync(folder).filter((name) => /train\.(txt|jsonl)(\.gz)?$/.test(name));

  it.each(files)('%s', async (name) => {
    const questions: BabiQuestion[] = [];
    for await (const question of readStories(join(folder!, name))) questions.push(question);
    const [{ task = '' }] = questions;
    if (!isBabiTask(task)) return;
    // Version 1.1 of qa3 takes where a person was before as an object's place, even if the person did not hold it then.
    const mean = questions.reduce((sum, { sentences }) => sum + sentences.length, 0) / questions.length;
    if (task === 'qa3' && mean < 40) return;
    const simulated: BabiQuestion[] = [];
    for (const question of babiStories({ task, seed: 1 })) if (simulated.push(question) === questions.length) break;
    const [theirs, own] = [storyStatistics(questions), storyStatistics(simulated)];
    for (const statistic of STATISTICS) {
      const limit = task === 'qa3' ? 0.13 : 0.045;
      expect(totalVariation(theirs[statistic], own[statistic]), statistic).toBeLessThan(limit);
    }
    const right = questions.filter(({ question, sentences, answer }) => {
      const reader = idealReader(question);
      for (const sentence of sentences) reader.read(sentence);
      return reader.answer() === answer;
    });
    // 0.2 % of qa5's questions have two answers.
    expect(right.length / questions.length).toBeGreaterThanOrEqual(task === 'qa5' ? 0.997 : 1);
  });
});
