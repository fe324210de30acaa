/**
 * Makes the tokenizer of the model `babi` from the books and stories that come with the package:
 * `npm run make:babi-tokenizer -- [FOLDER]`.
 */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { EMBEDDED_BOOKS } from '../packages/tamtrl/dist/data/babi/books.js';
import { BABI_TASKS } from '../packages/tamtrl/dist/data/babi/events.js';
import { BABI_MARKS, BABI_VOCABULARY_SIZE } from '../packages/tamtrl/dist/data/babi/marks.js';
import { babiStory } from '../packages/tamtrl/dist/data/babi/stories.js';
import { byteCharacters, trainMerges } from './byte-pair-encoding.mjs';

/** Stories of each task: enough for every word of theirs to become a token. */
const STORIES = 400;

const folder = process.argv[2] ?? fileURLToPath(new URL('../packages/tamtrl/models/babi', import.meta.url));
const special = Object.values(BABI_MARKS);
const merges = trainMerges(await texts(), BABI_VOCABULARY_SIZE - special.length - 256);
const tokens = [...special, ...byteCharacters(), ...merges.map((pair) => pair.join(''))];
if (tokens.length !== BABI_VOCABULARY_SIZE) throw new Error(`The texts give ${tokens.length} tokens only.`);
const tokenizer = {
  version: '1.0',
  truncation: null,
  padding: null,
  added_tokens: special.map((content, id) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  })),
  normalizer: null,
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
  post_processor: null,
  decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
  model: {
    type: 'BPE',
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: false,
    ignore_merges: false,
    vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
    merges: merges.map((pair) => pair.join(' ')),
  },
};
const config = {
  tokenizer_class: 'PreTrainedTokenizerFast',
  pad_token: BABI_MARKS.pad,
  eos_token: BABI_MARKS.eos,
  clean_up_tokenization_spaces: false,
  model_max_length: 2048,
  chat_template: `{% for message in messages %}{{ message['content'] }}{% if message['role'] == 'assistant' %}${BABI_MARKS.eos}{% endif %}{% endfor %}`,
};
await mkdir(folder, { recursive: true });
await writeFile(join(folder, 'tokenizer.json'), `${JSON.stringify(tokenizer)}\n`);
await writeFile(join(folder, 'tokenizer_config.json'), `${JSON.stringify(config)}\n`);
console.error(`Written to ${folder}`);

async function texts() {
  const books = (await readdir(EMBEDDED_BOOKS)).filter((name) => name.endsWith('.txt.gz')).sort();
  const read = await Promise.all(books.map((name) => readFile(join(EMBEDDED_BOOKS, name))));
  // Every question and answer as well, and each sentence after a blank, as inside a text.
  const stories = BABI_TASKS.flatMap((task) =>
    Array.from({ length: STORIES }, (_, index) => babiStory({ task, seed: 1, index })).flatMap((questions) =>
      questions.flatMap(({ question, answer, sentences }) => [question, answer, sentences.slice(-8).join(' ')]),
    ),
  );
  return [...read.map((bytes) => gunzipSync(bytes).toString('utf8').replaceAll(/\s+/g, ' ')), ...stories];
}
