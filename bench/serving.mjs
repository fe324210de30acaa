/**
 * A book read on a server: what the order of the prompts leaves to its cache. Usage: --help.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';

const HELP = `npm run bench:serving -- --model openai:URL#MODEL [options]
  --book FILE       text to read, without what Project Gutenberg adds to it (default: The Man Who Was Thursday)
  --question TEXT   three times, the questions about it
  --characters N    of the book (default: all)
  --memory-tokens N longest memory (default 64)
  --cases LIST      some of one-memory,one-chunk,next-chunk,one-gated,three-memory,three-chunk
                    (default: all but one-gated)
  --pid N           process of the server on this machine, for its processor time (Linux)`;

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    book: { type: 'string' },
    question: {
      type: 'string',
      multiple: true,
      default: ['Who is Gabriel Syme?', 'What does Gregory want?', 'Who is Sunday?'],
    },
    characters: { type: 'string' },
    'memory-tokens': { type: 'string', default: '64' },
    cases: { type: 'string', default: 'one-memory,one-chunk,next-chunk,three-memory,three-chunk' },
    pid: { type: 'string' },
    help: { type: 'boolean' },
  },
});
const questions = values.question;

/** In this order: the second question finds the chunks of the first one if the server keeps prompts that long. */
const CASES = {
  'one-memory': { order: 'chat', questions: questions.slice(0, 1) },
  'one-chunk': { order: 'chat-chunk-first', questions: questions.slice(0, 1) },
  'next-chunk': { order: 'chat-chunk-first', questions: questions.slice(1, 2), as: 'one-chunk' },
  'one-gated': { order: 'chat-gated', questions: questions.slice(0, 1) },
  'three-memory': { order: 'chat', questions },
  'three-chunk': { order: 'chat-chunk-first', questions },
};

const load = (path) => import(new URL(`../packages/tamtrl/dist/${path}`, import.meta.url));

if (values.help || !values.model) console.log(HELP);
else await run();

async function run() {
  const { openModel, readDocument } = await load('index.js');
  const { promptFormatNamed } = await load('memory/prompts.js');
  const document = book().slice(0, Number(values.characters ?? Infinity));
  console.log(`${document.length} characters\n`);
  console.log('| case | turns | requests | prompt tokens | in the cache | written | seconds | processor |');
  console.log('| --- | --- | --- | --- | --- | --- | --- | --- |');
  for (const name of values.cases.split(',')) {
    const { order, questions, as = name } = CASES[name];
    const model = await openModel(values.model, { note: (text) => console.error(text) });
    const before = processorSeconds();
    const started = performance.now();
    const { turns } = await readDocument({
      model,
      question: questions,
      document,
      prompts: marked(promptFormatNamed(order), as),
      memoryTokens: Number(values['memory-tokens']),
      answerTokens: 48,
    });
    const seconds = (performance.now() - started) / 1000;
    const { requests, promptTokens, cachedTokens, completionTokens } = model.usage;
    const share = `${cachedTokens} (${((100 * cachedTokens) / promptTokens).toFixed(1)} %)`;
    const processor = before === undefined ? '' : (processorSeconds() - before).toFixed(1);
    const cells = [name, turns, requests, promptTokens, share, completionTokens, seconds.toFixed(0), processor];
    console.log(`| ${cells.join(' | ')} |`);
    await model.close();
  }
}

function book() {
  const thursday = new URL('../packages/tamtrl/books/chesterton-thursday.txt.gz', import.meta.url);
  if (values.book === undefined) return gunzipSync(readFileSync(thursday)).toString();
  const text = readFileSync(values.book, 'utf8').replaceAll('\r\n', '\n');
  return /\*\*\* START OF .*\n([\s\S]*)\*\*\* END OF /.exec(text)?.[1].trim() ?? text;
}

/** The prompts begin otherwise in each case, so that none finds those of another in the cache. */
function marked(format, name) {
  return { ...format, update: (slots) => `Reading ${name}.\n\n${format.update(slots)}` };
}

function processorSeconds() {
  if (values.pid === undefined) return undefined;
  const fields = readFileSync(`/proc/${values.pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
