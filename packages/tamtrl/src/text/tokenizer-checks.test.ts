/** A tokenizer.json that is damaged, or made to harm, is refused in a sentence. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { HuggingFaceTokenizer } from './hugging-face-tokenizer.js';

const contents = await readFile(
  fileURLToPath(new URL('../../fixtures/tokenizers/bpe/tokenizer.json', import.meta.url)),
  'utf8',
);

/** Encodes and decodes with `value` in the place that the path names; undefined takes out what is there. */
function use(path: string, value: unknown): void {
  const tokenizer = JSON.parse(contents);
  const keys = path.split('.');
  const last = keys.pop()!;
  const place = keys.reduce((inner, key) => inner[key], tokenizer);
  if (value === undefined) delete place[last];
  else place[last] = value;
  const built = new HuggingFaceTokenizer({ tokenizer });
  built.decode(built.encodeText('anna oslo 1'));
}

const sequence = (...pretokenizers: unknown[]) => ({ type: 'Sequence', pretokenizers });
const nested = (depth: number): object =>
  depth === 0 ? { type: 'NFC' } : { type: 'Sequence', normalizers: [nested(depth - 1)] };

it.each<[string, string, unknown, RegExp]>([
  ['a huge id', 'added_tokens.0.id', 2 ** 31, /added token .* whole number from 0 to 16777215; found 2147483648/],
  ['a huge id of a word', 'model.vocab.a', 2 ** 40, /the id of the word "a" should be/],
  ['an id below 0', 'model.vocab.a', -1, /found -1/],
  ['an id that is no number', 'model.vocab.a', '7', /found "7"/],
  ['a token without text', 'added_tokens.0.content', undefined, /content should be a text; found nothing/],
  ['added tokens that are no list', 'added_tokens', {}, /"added_tokens" should be a list; found an object/],
  ['another vocabulary', 'model.vocab', 'x', /"model\.vocab" should be an object/],
  ['a merge of one word', 'model.merges.0', ['a'], /"model\.merges" should be a list of pairs/],
  ['another behaviour', 'pre_tokenizer', { type: 'Punctuation', behavior: 'Gone' }, /"behavior" of "pre_tokenizer"/],
  ['another one within', 'pre_tokenizer', sequence({ type: 'Punctuation', behavior: 7 }), /a part of "pre_tokenizer"/],
  ['a split without a pattern', 'pre_tokenizer', sequence({ type: 'Split' }), /"pattern" of a part of/],
  ['parts that are no list', 'normalizer', { type: 'Sequence', normalizers: 1 }, /"normalizers" of "normalizer"/],
  ['parts nested deep', 'normalizer', nested(5000), /nests a part of "normalizer" more than 32 deep/],
  ['a part of no kind', 'decoder', { type: 7 }, /"decoder"\.type should be a text; found 7/],
  ['a token that counts as a whole word only', 'added_tokens.0.single_word', true, /which is not supported/],
  ['a replacement without one', 'normalizer', { type: 'Replace' }, /"pattern" of "normalizer" should be a/],
])('%s', (_, path, value, message) => {
  const refusal = { kind: 'tokenizer', message: expect.stringMatching(message) };
  expect(() => use(path, value)).toThrow(expect.objectContaining(refusal));
});

it('is used as it is', () => {
  expect(() => use('version', '1.0')).not.toThrow();
});
