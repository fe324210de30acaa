/**
 * What reading costs as documents grow: seconds, tokens and resident memory of the embedded model over generated
 * documents, each in a separate process. The text is generated as it is read. Usage: --help.
 */
import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const HELP = `npm run bench:reading -- [options]
  --lengths LIST  tokens (default 8000,32000,128000,512000,1000000,3500000)
  --chunk N       tokens of a chunk (default 192)
  --json          one JSON object at the end instead of a table
  --write-docs    also write the table into docs/results.md and docs/reading-cost.svg`;

const { values } = parseArgs({
  options: {
    lengths: { type: 'string', default: '8000,32000,128000,512000,1000000,3500000' },
    chunk: { type: 'string', default: '192' },
    run: { type: 'string' },
    json: { type: 'boolean', default: false },
    'write-docs': { type: 'boolean', default: false },
    help: { type: 'boolean' },
  },
});

const load = (path) => import(new URL(`../packages/tamtrl/dist/${path}`, import.meta.url));

if (values.help) console.log(HELP);
else if (values.run) await readOne(Number(values.run), Number(values.chunk));
else await all();

/** Child process: one document. */
async function readOne(length, chunkTokens) {
  const { openLocalPolicy, runAgent, PromptFrames, miniPrompts, miniExample, EMBEDDED_MINI } = await load('index.js');
  const policy = await openLocalPolicy(EMBEDDED_MINI);
  const budgets = { questionTokens: 5, chunkTokens, memoryTokens: 10, answerTokens: 6 };
  const frames = new PromptFrames(policy, miniPrompts);
  async function* chunks() {
    for (let index = 0; index * chunkTokens < length; index++) {
      // Facts of another example for each chunk.
      const { chunks: facts } = miniExample({ chunks: 1, factsPerChunk: chunkTokens / 2 }, 1, index);
      const ids = policy.tokenizer.encode(facts[0].map(({ key, value }) => `${key} ${value}`).join('\n'));
      yield { index, ids, start: index, end: index + 1 };
    }
  }
  const task = { id: 'long', question: 'anna ben emma', chunks: chunks() };
  const started = performance.now();
  let peak = 0;
  const [[trajectory]] = await runAgent(policy, [task], {
    frames,
    budgets,
    temperature: 0,
    seed: 0,
    keep: 'counts',
    onTurn: () => {
      peak = Math.max(peak, process.memoryUsage.rss());
    },
  });
  const seconds = (performance.now() - started) / 1000;
  await policy.close();
  const turns = trajectory.turns.length;
  console.log(JSON.stringify({ length, turns, seconds, peak_mib: peak / 2 ** 20 }));
}

async function all() {
  const rows = [];
  for (const length of values.lengths.split(',').map(Number)) {
    const args = [fileURLToPath(import.meta.url), '--run', String(length), '--chunk', values.chunk];
    rows.push(JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })));
    console.error(`${length} tokens: ${rows.at(-1).seconds.toFixed(1)} s`);
  }
  if (values.json) console.log(JSON.stringify({ chunk: Number(values.chunk), rows }));
  const cells = rows.map(({ length, turns, seconds, peak_mib: peak }) => [
    length.toLocaleString('en-US'),
    turns.toLocaleString('en-US'),
    seconds.toFixed(1),
    Math.round(length / seconds).toLocaleString('en-US'),
    peak.toFixed(0),
  ]);
  const head = ['tokens', 'turns', 'seconds', 'tokens a second', 'peak resident memory, MiB'];
  const line = (row) => `| ${row.join(' | ')} |`;
  const table = [line(head), line(head.map(() => '--:')), ...cells.map(line)].join('\n');
  if (!values.json) console.log(table);
  if (!values['write-docs']) return;
  const { plotLines } = await load('report/plot/plot-lines.js');
  const points = rows.map(({ length, seconds }) => ({ x: length / 1e6, y: seconds }));
  const figure = plotLines({
    title: 'Reading time of the embedded model',
    xLabel: 'million tokens',
    yLabel: 'seconds',
    series: [{ name: `chunks of ${values.chunk} tokens`, points, markers: true }],
  });
  await writeFile(new URL('../docs/reading-cost.svg', import.meta.url), figure);
  const path = new URL('../docs/results.md', import.meta.url);
  const page = await readFile(path, 'utf8');
  const [begin, end] = ['<!-- bench:reading -->', '<!-- /bench:reading -->'];
  await writeFile(
    path,
    `${page.slice(0, page.indexOf(begin))}${begin}\n\n${table}\n\n${page.slice(page.indexOf(end))}`,
  );
}
