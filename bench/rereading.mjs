/**
 * How much of a text is read again after one of its lines has changed: npm run bench:rereading. The text is a book of a
 * megabyte with facts in it, the model is `babi`.
 */
import { createMemoryReader } from 'tamtrl';

const PLACES = ['kitchen', 'garden', 'office', 'hallway', 'bathroom', 'bedroom'];
const PEOPLE = ['Mary', 'John', 'Sandra', 'Daniel'];
const WORDS =
  'the old ship lay in the harbour while the wind came over the hills and nobody on the shore could say when it would leave'.split(
    ' ',
  );
const EVERY = 97;
const SIZE = 1_000_000;

/** Lines of words in changing order; every 97th is a fact. */
function book() {
  const lines = [];
  for (let size = 0; size < SIZE; size += lines[lines.length - 1].length + 1) {
    const at = lines.length;
    const fact = Math.floor(at / EVERY);
    const words = WORDS.map((_, word) => WORDS[(word * ((at % 11) + 2) + at) % WORDS.length]);
    lines.push(
      at % EVERY === 50
        ? `${PEOPLE[fact % PEOPLE.length]} went to the ${PLACES[(fact * 5 + (fact >> 2)) % PLACES.length]}.`
        : `${words.join(' ')}.`,
    );
  }
  return lines;
}

async function read(text, state) {
  const reader = await createMemoryReader({ model: 'babi', question: 'Where is Mary?', ...(state && { state }) });
  const started = performance.now();
  await reader.readAll(text, { whole: true });
  const seconds = (performance.now() - started) / 1000;
  const { chunksRead, turns, memory } = reader;
  const saved = JSON.parse(JSON.stringify(reader.state()));
  await reader.close();
  return { chunksRead, turns, memory, seconds, state: saved };
}

const lines = book();
const text = lines.join('\n');
const first = await read(text);
console.log(`${text.length} characters, state of ${JSON.stringify(first.state).length} characters`);
const rows = [['as it is, from the beginning', first, undefined]];
for (const share of [0.1, 0.5, 0.9]) {
  const at = Math.floor(share * lines.length);
  const changed = lines.with(at, 'Something else stands here now, and it is of no account.').join('\n');
  rows.push([`another line at ${100 * share} %`, await read(changed, first.state), await read(changed)]);
}
const fact = lines.findIndex((line, at) => at > lines.length / 2 && line.startsWith('Mary went'));
const changed = lines.with(fact, 'Mary went to the cellar.').join('\n');
rows.push(['another fact at 50 %', await read(changed, first.state), await read(changed)]);
for (const [what, { chunksRead, turns, memory, seconds }, fresh] of rows)
  console.log(
    `| ${what} | ${chunksRead} of ${turns} | ${seconds.toFixed(1)} s | ${fresh ? `${fresh.seconds.toFixed(1)} s, ${fresh.memory === memory ? 'the same memory' : `another memory: ${fresh.memory} / ${memory}`}` : ''} |`,
  );
