/**
 * Rebuilds `tokenizer.json`, `tokenizer_config.json` and `generation_config.json` from the metadata of a GGUF file, for
 * byte-level BPE vocabularies (`tokenizer.ggml.model` = "gpt2") and for SentencePiece's BPE ("llama"; Gemma's and Llama
 * 2's), of which sentencepiece.ts makes merges. Keys:
 * https://github.com/ggml-org/ggml/blob/master/docs/gguf.md; meaning of the pre-tokenizer names: `src/llama-vocab.cpp`
 * of https://github.com/ggml-org/llama.cpp.
 */
import { EngineError } from '../errors.js';
import type { GgufMetadata } from './gguf-model.js';
import { sentencePieceParts } from './sentencepiece.js';

/** Kinds of tokens (`tokenizer.ggml.token_type`) that matter here. */
const CONTROL = 3;
const USER_DEFINED = 4;
const UNUSED = 5;

interface PreTokenizer {
  /**
   * Regular expressions whose matches are split off one after another; if absent, GPT-2's, which ByteLevel includes.
   */
  split?: string;
  /** Pieces that are split off before GPT-2's expression is applied. */
  isolate?: string;
  /** Unicode normalisation form C first. */
  nfc?: boolean;
  /** A word that is a token stays whole even if no merges lead to it. */
  ignoreMerges?: boolean;
  /** Text begins with the BOS token unless the file says otherwise. */
  addBos?: boolean;
}

const CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const REST = '| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';

const llama3: PreTokenizer = {
  split: `${CONTRACTIONS}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}${REST}`,
  ignoreMerges: true,
  addBos: true,
};

const PRE_TOKENIZERS: Readonly<Record<string, PreTokenizer>> = {
  'gpt-2': {},
  smollm: { isolate: '\\p{N}' },
  qwen2: { split: `${CONTRACTIONS}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}${REST}`, nfc: true },
  'llama-bpe': llama3,
  llama3,
  'llama-v3': llama3,
};

export interface AddedToken {
  id: number;
  content: string;
  single_word: boolean;
  lstrip: boolean;
  rstrip: boolean;
  normalized: boolean;
  special: boolean;
}

/** The parts of the format of Hugging Face's tokenizers library that BPE needs. */
export interface TokenizerJson {
  version: '1.0';
  truncation: null;
  padding: null;
  added_tokens: AddedToken[];
  normalizer: Record<string, unknown> | null;
  pre_tokenizer: Record<string, unknown> | null;
  post_processor: Record<string, unknown>;
  decoder: Record<string, unknown>;
  model: { type: 'BPE'; vocab: Record<string, number>; merges: [string, string][] } & Record<string, unknown>;
}

export interface GgufTokenizer {
  tokenizer: TokenizerJson;
  config: Record<string, unknown>;
  generationConfig: Record<string, number | number[]>;
  eosTokenIds: number[];
  bosTokenId?: number;
  padTokenId?: number;
}

/**
 * @throws EngineError 'unsupported' for other kinds of vocabulary or an unknown pre-tokenizer; 'file' if parts are
 *   missing or inconsistent.
 */
export function ggufTokenizer(metadata: GgufMetadata): GgufTokenizer {
  const kind = kindOf(metadata);
  const tokens = metadata.required('tokenizer.ggml.tokens', metadata.strings('tokenizer.ggml.tokens'));
  const types = listOf(metadata, 'token_type', 'token types', tokens) ?? tokens.map(() => 1);

  const id = (name: string) => tokenId(metadata, name, tokens.length);
  const bos = id('bos');
  const unknown = id('unknown');
  const eosTokenIds = [...new Set([id('eos'), id('eot')])].filter((value) => value !== undefined);
  const pad = id('padding');
  const parts = kind === 'llama' ? sentencePiece(metadata, tokens, types) : byteLevel(metadata, tokens, types);
  const addBos = bos !== undefined && (metadata.boolean('tokenizer.ggml.add_bos_token') ?? parts.addBos);
  return {
    tokenizer: {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: addedTokens(tokens, types),
      normalizer: parts.normalizer,
      pre_tokenizer: parts.preTokenizer,
      post_processor: addBos ? beginWith(tokens[bos], bos) : parts.postProcessor,
      decoder: parts.decoder,
      model: {
        type: 'BPE',
        dropout: null,
        unk_token: null,
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        fuse_unk: false,
        byte_fallback: false,
        ignore_merges: false,
        ...(kind === 'llama' && unknown !== undefined && { unk_token: tokens[unknown], fuse_unk: true }),
        ...parts.model,
      },
    },
    config: tokenizerConfig(metadata, tokens, { bos, eos: id('eos'), pad, unk: unknown }),
    generationConfig: {
      ...(bos === undefined ? {} : { bos_token_id: bos }),
      ...(eosTokenIds.length === 0 ? {} : { eos_token_id: eosTokenIds.length === 1 ? eosTokenIds[0] : eosTokenIds }),
      ...(pad === undefined ? {} : { pad_token_id: pad }),
    },
    eosTokenIds,
    bosTokenId: bos,
    padTokenId: pad,
  };
}

/** What the kinds of vocabulary differ in. */
interface TokenizerParts {
  normalizer: TokenizerJson['normalizer'];
  preTokenizer: TokenizerJson['pre_tokenizer'];
  /** If nothing is added to texts. */
  postProcessor: Record<string, unknown>;
  decoder: Record<string, unknown>;
  model: { vocab: Record<string, number>; merges: [string, string][] } & Record<string, unknown>;
  /** Whether text begins with the BOS token if the file does not say. */
  addBos: boolean;
}

function byteLevel(metadata: GgufMetadata, tokens: readonly string[], types: readonly number[]): TokenizerParts {
  const pre = preTokenizerOf(metadata);
  const merges = metadata.required('tokenizer.ggml.merges', metadata.strings('tokenizer.ggml.merges'));
  return {
    normalizer: pre.nfc ? { type: 'NFC' } : null,
    preTokenizer: preTokenizerJson(pre),
    postProcessor: { ...BYTE_LEVEL, trim_offsets: false },
    decoder: BYTE_LEVEL,
    model: {
      vocab: vocabularyOf(tokens, types),
      merges: merges.map((merge) => mergePair(metadata.file, merge)),
      ignore_merges: pre.ignoreMerges ?? false,
    },
    addBos: pre.addBos ?? false,
  };
}

function sentencePiece(metadata: GgufMetadata, tokens: readonly string[], types: readonly number[]): TokenizerParts {
  const scores = metadata.required('tokenizer.ggml.scores', listOf(metadata, 'scores', 'scores', tokens));
  // llama.cpp's default.
  const prefixed = metadata.boolean('tokenizer.ggml.add_space_prefix') ?? true;
  const vocab = vocabularyOf(tokens, types);
  return { ...sentencePieceParts({ tokens, types, scores, prefixed }, vocab), addBos: true };
}

/** A list with one number for each token, if it is there. */
function listOf(metadata: GgufMetadata, key: string, what: string, tokens: readonly string[]): number[] | undefined {
  const list = metadata.numbers(`tokenizer.ggml.${key}`);
  if (list === undefined || list.length === tokens.length) return list;
  throw inconsistent(metadata.file, `${tokens.length} ${what} (one per token)`, `${list.length}`);
}

const BYTE_LEVEL = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };

function inconsistent(file: string, expected: string, found: string): EngineError {
  return new EngineError('file', `The vocabulary of ${file} is damaged: expected ${expected}, found ${found}.`, {
    file,
    expected,
    found,
  });
}

/** Better-known names of other kinds of vocabulary. */
const KINDS: Readonly<Record<string, string>> = { bert: ' (WordPiece)', t5: ' (Unigram)' };

function kindOf(metadata: GgufMetadata): 'gpt2' | 'llama' {
  const { file } = metadata;
  const model = metadata.required('tokenizer.ggml.model', metadata.string('tokenizer.ggml.model'));
  if (model === 'gpt2' || model === 'llama') return model;
  throw new EngineError(
    'unsupported',
    `${file} has a vocabulary of kind "${model}"${KINDS[model] ?? ''}; the engine builds tokenizers of kind "gpt2" ` +
      '(byte-level BPE) and "llama" (SentencePiece). Load the original folder with its tokenizer.json.',
    { file, expected: 'gpt2, llama', found: model },
  );
}

function preTokenizerOf(metadata: GgufMetadata): PreTokenizer {
  const { file } = metadata;
  const name = metadata.string('tokenizer.ggml.pre') ?? 'default';
  const pre = Object.hasOwn(PRE_TOKENIZERS, name) ? PRE_TOKENIZERS[name] : undefined;
  if (pre !== undefined) return pre;
  const expected = Object.keys(PRE_TOKENIZERS).join(', ');
  throw new EngineError(
    'unsupported',
    `${file} uses the pre-tokenizer "${name}"; the engine supports ${expected}. Load the original ` +
      'folder with its tokenizer.json.',
    { file, expected, found: name },
  );
}

function tokenId(metadata: GgufMetadata, name: string, count: number): number | undefined {
  const key = `tokenizer.ggml.${name}_token_id`;
  const id = metadata.number(key);
  if (id !== undefined && (!Number.isInteger(id) || id < 0 || id >= count)) {
    throw inconsistent(metadata.file, `"${key}" below ${count}`, String(id));
  }
  return id;
}

function addedTokens(tokens: readonly string[], types: readonly number[]): AddedToken[] {
  const added: AddedToken[] = [];
  for (const [id, content] of tokens.entries()) {
    if (types[id] !== CONTROL && types[id] !== USER_DEFINED) continue;
    const special = types[id] === CONTROL;
    added.push({ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special });
  }
  return added;
}

/** Unused entries only pad the embedding to a round number of rows. */
function vocabularyOf(tokens: readonly string[], types: readonly number[]): Record<string, number> {
  return Object.fromEntries(
    [...tokens.entries()].filter(([id]) => types[id] !== UNUSED).map(([id, token]) => [token, id]),
  );
}

function mergePair(file: string, merge: string): [string, string] {
  const space = merge.indexOf(' ', 1);
  if (space < 0) throw inconsistent(file, 'merges of two tokens', JSON.stringify(merge));
  return [merge.slice(0, space), merge.slice(space + 1)];
}

function preTokenizerJson(pre: PreTokenizer): Record<string, unknown> {
  const byteLevel = { ...BYTE_LEVEL, use_regex: pre.split === undefined };
  const regex = pre.split ?? pre.isolate;
  if (regex === undefined) return byteLevel;
  const split = { type: 'Split', pattern: { Regex: regex }, behavior: 'Isolated', invert: false };
  return { type: 'Sequence', pretokenizers: [split, byteLevel] };
}

function beginWith(token: string, id: number): Record<string, unknown> {
  const special = { SpecialToken: { id: token, type_id: 0 } };
  return {
    type: 'TemplateProcessing',
    single: [special, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [special, { Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
    special_tokens: { [token]: { id: token, ids: [id], tokens: [token] } },
  };
}

function tokenizerConfig(
  metadata: GgufMetadata,
  tokens: readonly string[],
  ids: Readonly<Record<'bos' | 'eos' | 'pad' | 'unk', number | undefined>>,
): Record<string, unknown> {
  // In transformers 4 and 5, this class uses tokenizer.json unchanged; the classes of single models rebuild parts of
  // it.
  const config: Record<string, unknown> = {
    tokenizer_class: 'PreTrainedTokenizerFast',
    clean_up_tokenization_spaces: false,
  };
  const context = metadata.number(`${metadata.string('general.architecture')}.context_length`);
  if (context !== undefined) config.model_max_length = context;
  for (const [name, id] of Object.entries(ids)) if (id !== undefined) config[`${name}_token`] = tokens[id];
  const template = metadata.string('tokenizer.chat_template');
  if (template !== undefined) config.chat_template = template;
  return config;
}
