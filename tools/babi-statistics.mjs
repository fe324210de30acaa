// Compares simulated stories with published bAbI files, or records the statistics that the tests compare with.
//
//   npm run build
//   node tools/babi-statistics.mjs FILE...                 prints a table; the files' names say their tasks
//   node tools/babi-statistics.mjs --record OUT FILE...    writes the published statistics as JSON
//
// For each statistic, the table shows the total variation distance between the published and the simulated stories, and
// in brackets the 95th percentile of the distance between two simulated sets of that size, which is chance alone.
import { writeFileSync } from 'node:fs';
import { readStories } from '../packages/tamtrl/dist/data/babi/read.js';
import { STATISTICS, storyStatistics, totalVariation } from '../packages/tamtrl/dist/data/babi/statistics.js';
import { babiStories } from '../packages/tamtrl/dist/data/babi/stories.js';

const PAIRS = 20;

const args = process.argv.slice(2);
const out = args[0] === '--record' ? args.splice(0, 2)[1] : undefined;
const byTask = new Map();
for (const file of args) {
  for await (const question of readStories(file)) {
    if (question.task === undefined) throw new Error(`${file}: its name does not say the task`);
    if (!byTask.has(question.task)) byTask.set(question.task, []);
    byTask.get(question.task).push(question);
  }
}
const tasks = [...byTask.keys()].sort((a, b) => Number(a.slice(2)) - Number(b.slice(2)));
const published = Object.fromEntries(tasks.map((task) => [task, storyStatistics(byTask.get(task))]));
if (out !== undefined) {
  writeFileSync(out, `${JSON.stringify(published)}\n`);
} else {
  const simulated = (task, seed, count) => {
    const questions = [];
    for (const question of babiStories({ task, seed })) {
      if (questions.length === count) break;
      questions.push(question);
    }
    return storyStatistics(questions);
  };
  const mean = ({ facts, questions }) =>
    (Object.entries(facts).reduce((sum, [value, count]) => sum + value * count, 0) / questions).toFixed(1);
  console.log(`| task | questions | facts, mean | ${STATISTICS.join(' | ')} |`);
  console.log(`| --- | --: | --: | ${STATISTICS.map(() => '--:').join(' | ')} |`);
  for (const task of tasks) {
    const { questions } = published[task];
    const own = simulated(task, 0, questions);
    const chance = STATISTICS.map(() => []);
    for (let pair = 0; pair < PAIRS; pair++) {
      const one = simulated(task, 2 * pair + 1, questions);
      const other = simulated(task, 2 * pair + 2, questions);
      for (const [at, name] of STATISTICS.entries()) chance[at].push(totalVariation(one[name], other[name]));
    }
    const cells = STATISTICS.map((name, at) => {
      const limit = chance[at].sort((a, b) => a - b)[Math.floor(0.95 * (PAIRS - 1))];
      return `${totalVariation(published[task][name], own[name]).toFixed(3)} (${limit.toFixed(3)})`;
    });
    console.log(`| ${task} | ${questions} | ${mean(published[task])}, ${mean(own)} | ${cells.join(' | ')} |`);
  }
}
