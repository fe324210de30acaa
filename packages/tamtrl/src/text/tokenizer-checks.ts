/** What a tokenizer.json may hold: the library uses ids as sizes, and its own errors do not name the place. */
import { MAX_TOKENIZER_NESTING, MAX_VOCABULARY } from '../base/limits.js';
import { TextError } from './errors.js';
import { isJsonObject, type JsonObject } from './model-files.js';

const BEHAVIORS = ['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous'];
/** Parts that process text, one after another. */
const PARTS = ['normalizer', 'pre_tokenizer', 'post_processor', 'decoder'];

/** @throws TextError `tokenizer` naming the part, what was expected and what was found. */
export function checkTokenizer(tokenizer: JsonObject): void {
  checkAddedTokens(tokenizer.added_tokens ?? []);
  const { vocab, merges } = tokenizer.model as JsonObject;
  if (isJsonObject(vocab)) for (const [token, id] of Object.entries(vocab)) checkId(id, `the word ${show(token)}`);
  else if (Array.isArray(vocab)) checkPieces(vocab);
  // Without any, the library refuses the kind of model.
  else if (vocab !== undefined) throw wrong('"model.vocab"', 'an object, or a list for Unigram', vocab);
  if (merges !== undefined && !(Array.isArray(merges) && merges.every(isMerge))) {
    throw wrong('"model.merges"', 'a list of pairs of words', merges);
  }
  for (const part of PARTS) checkPart(tokenizer[part], `"${part}"`, 0);
}

function checkAddedTokens(tokens: unknown): void {
  if (!Array.isArray(tokens)) throw wrong('"added_tokens"', 'a list', tokens);
  for (const [at, token] of tokens.entries()) {
    const place = `"added_tokens[${at}]"`;
    if (!isJsonObject(token)) throw wrong(place, 'an object', token);
    if (typeof token.content !== 'string') throw wrong(`${place}.content`, 'a text', token.content);
    checkId(token.id, `the added token ${show(token.content)}`);
    if (token.single_word === true) {
      throw new TextError(
        'tokenizer',
        `tokenizer.json has an added token ${show(token.content)} that counts only as a whole word ("single_word"), which is not supported: it would be cut out of longer words. Set "single_word" to false if the token is never written within a word.`,
      );
    }
  }
}

/** Unigram's vocabulary: pairs of a text and its score; the place is the id. */
function checkPieces(pieces: readonly unknown[]): void {
  if (pieces.length > MAX_VOCABULARY) throw wrong('"model.vocab"', `at most ${MAX_VOCABULARY} pieces`, pieces.length);
  for (const [at, piece] of pieces.entries()) {
    if (Array.isArray(piece) && typeof piece[0] === 'string' && typeof piece[1] === 'number') continue;
    throw wrong(`"model.vocab[${at}]"`, 'a text and its score', piece);
  }
}

function checkId(id: unknown, owner: string): void {
  if (Number.isInteger(id) && Number(id) >= 0 && Number(id) < MAX_VOCABULARY) return;
  throw wrong(`the id of ${owner}`, `a whole number from 0 to ${MAX_VOCABULARY - 1}`, id);
}

const isMerge = (merge: unknown) =>
  typeof merge === 'string' ||
  (Array.isArray(merge) && merge.length === 2 && merge.every((part) => typeof part === 'string'));

const isPattern = (value: unknown) =>
  isJsonObject(value) && (typeof value.String === 'string' || typeof value.Regex === 'string');

function checkPart(part: unknown, root: string, depth: number): void {
  const place = depth === 0 ? root : `a part of ${root}`;
  if (part === undefined || part === null) return;
  if (!isJsonObject(part)) throw wrong(place, 'an object', part);
  if (typeof part.type !== 'string') throw wrong(`${place}.type`, 'a text', part.type);
  if (depth >= MAX_TOKENIZER_NESTING) {
    throw new TextError('tokenizer', `tokenizer.json nests ${place} more than ${MAX_TOKENIZER_NESTING} deep.`);
  }
  if (part.behavior !== undefined && !BEHAVIORS.some((known) => known === part.behavior)) {
    throw wrong(`"behavior" of ${place}`, BEHAVIORS.join(', '), part.behavior);
  }
  if ((part.type === 'Split' || part.type === 'Replace') && !isPattern(part.pattern)) {
    throw wrong(`"pattern" of ${place}`, 'a "String" or a "Regex"', part.pattern);
  }
  for (const list of ['normalizers', 'pretokenizers', 'processors', 'decoders']) {
    const inner = part[list];
    if (inner === undefined) continue;
    if (!Array.isArray(inner)) throw wrong(`"${list}" of ${place}`, 'a list', inner);
    for (const each of inner) checkPart(each, root, depth + 1);
  }
}

function wrong(place: string, expected: string, found: unknown): TextError {
  return new TextError(
    'tokenizer',
    `In tokenizer.json, ${place} should be ${expected}; found ${show(found)}. The file is damaged: download it again.`,
  );
}

function show(value: unknown): string {
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'an object';
  return (JSON.stringify(value) ?? 'nothing').slice(0, 80);
}
