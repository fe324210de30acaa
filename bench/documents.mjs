/**
 * Several documents with the embedded models: one after the other, and side by side in one batch. Usage: --help.
 */
import { parseArgs } from 'node:util';

const HELP = `npm run bench:documents -- [options]
  --documents N   how many (default 16)
  --lines N       facts in each document (default 400)
  --side N        read at a time (default 16)`;

const { values } = parseArgs({
  options: {
    documents: { type: 'string', default: '16' },
    lines: { type: 'string', default: '400' },
    side: { type: 'string', default: '16' },
    help: { type: 'boolean' },
  },
});

const load = (path) => import(new URL(`../packages/tamtrl/dist/${path}`, import.meta.url));

if (values.help) console.log(HELP);
else await run(Number(values.documents), Number(values.lines), Number(values.side));

async function run(count, lines, sideBySide) {
  const { miniExample, openModel, readDocument, readDocuments } = await load('index.js');
  const inputs = {
    mini: { question: 'anna ben emma', document: (at) => factsOf(miniExample, lines, at) },
    babi: { question: 'Where is Mary?', document: (at) => storyOf(lines, at) },
  };
  for (const [name, { question, document }] of Object.entries(inputs)) {
    const model = await openModel(name);
    const documents = Array.from({ length: count }, (_, at) => document(at));
    await readDocument({ model, question, document: documents[0] });
    const single = await timed(async () => {
      const readings = [];
      for (const each of documents) readings.push(await readDocument({ model, question, document: each }));
      return readings;
    });
    const together = await timed(async () => {
      const outcomes = await readDocuments({ model, question, documents, sideBySide });
      return outcomes.map(({ reading, error }) => {
        if (error) throw error;
        return reading;
      });
    });
    const same = single.value.every(({ memory, answer }, at) => {
      const other = together.value[at];
      return answer === other.answer && memory.join('\n') === other.memory.join('\n');
    });
    const turns = single.value.reduce((sum, reading) => sum + reading.turns, 0);
    console.log(
      `${name}: ${count} documents, ${turns} turns; one after the other ${single.seconds.toFixed(1)} s, ${sideBySide} side by side ${together.seconds.toFixed(1)} s, ${same ? 'the same memories and answers' : 'DIFFERENT'}`,
    );
    await model.close();
  }
}

function factsOf(miniExample, lines, seed) {
  const { chunks } = miniExample({ chunks: Math.ceil(lines / 6), factsPerChunk: 6 }, 7, seed);
  return chunks
    .flat()
    .map(({ key, value }) => `${key} ${value}`)
    .join('\n');
}

/** Moves of people, so that a memory changes now and then. */
function storyOf(lines, seed) {
  const people = ['Mary', 'John', 'Daniel', 'Sandra'];
  const places = ['kitchen', 'garden', 'office', 'bathroom', 'hallway', 'bedroom'];
  const sentences = Array.from({ length: lines }, (_, at) => {
    const number = (at * 7919 + seed * 104729) % 9973;
    return `${people[number % people.length]} moved to the ${places[(number >> 2) % places.length]}.`;
  });
  return sentences.join(' ');
}

async function timed(work) {
  const started = performance.now();
  const value = await work();
  return { value, seconds: (performance.now() - started) / 1000 };
}
