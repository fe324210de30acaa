/**
 * The tokenizer of a Hugging Face model, from its `tokenizer.json`. This is the only file that knows the package
 * `@huggingface/tokenizers`: under `nodenext` its types resolve to nothing, so the part used here is typed by hand.
 */
import * as library from '@huggingface/tokenizers';
import { libraryReason } from '../base/errors.js';
import { controlTokensOf, unknownTokenOf } from './control-tokens.js';
import { TextError } from './errors.js';
import { isJsonObject, type JsonObject, readOptionalJson } from './model-files.js';
import type { Tokenizer } from './tokenizer.js';
import { checkTokenizer } from './tokenizer-checks.js';

interface LibraryTokenizer {
  /** Vocabulary and merges. */
  model: unknown;
  encode(text: string, options: { add_special_tokens: boolean }): { ids: (number | undefined)[]; tokens: string[] };
  decode(ids: number[], options: { skip_special_tokens: boolean; clean_up_tokenization_spaces: boolean }): string;
  token_to_id(token: string): number | undefined;
  id_to_token(id: number): string | undefined;
  get_vocab(withAddedTokens: boolean): Map<string | undefined, number>;
}

const LibraryTokenizer = (
  library as unknown as { Tokenizer: new (tokenizer: object, config: object) => LibraryTokenizer }
).Tokenizer;

/** Parsed contents of the two files. `config` may be absent: it names special tokens, which encoding does not need. */
export interface TokenizerFiles {
  tokenizer: JsonObject;
  config?: JsonObject;
}

/** A model that costs nothing to build; its tokenizer then gets the model of another. */
const NO_MODEL = { type: 'BPE', vocab: {}, merges: [] };

/** Parts of `tokenizer.json` that the library looks up even if they are null. */
const REQUIRED_PARTS = ['normalizer', 'pre_tokenizer', 'post_processor', 'decoder'];

/**
 * Converts text to ids and back without adding tokens. If the tokenizer keeps every byte (byte-level BPE: Qwen,
 * Llama 3, SmolLM2), decoding restores the text exactly.
 */
export class HuggingFaceTokenizer implements Tokenizer {
  /** One more than the highest id. The model's embedding may have more rows: those ids mean nothing. */
  readonly vocabularySize: number;
  readonly controlTokens: ReadonlyMap<string, number>;
  readonly #tokenizer: LibraryTokenizer;
  /** Recognises no special token. */
  readonly #plain: LibraryTokenizer;
  readonly #controlIds: ReadonlySet<number>;
  readonly #unknownId: number | undefined;

  /** @throws TextError `tokenizer` if the contents are not a tokenizer that can be built. */
  constructor(files: TokenizerFiles) {
    const { tokenizer, config = {} } = files;
    if (!isJsonObject(tokenizer.model)) {
      throw new TextError(
        'tokenizer',
        'tokenizer.json has no "model": it is not a Hugging Face tokenizer, or was cut short.',
      );
    }
    checkTokenizer(tokenizer);
    const addedTokens = Array.isArray(tokenizer.added_tokens) ? tokenizer.added_tokens.filter(isJsonObject) : [];
    const parts: Record<string, unknown> = { ...tokenizer, added_tokens: addedTokens };
    for (const part of REQUIRED_PARTS) parts[part] ??= null;
    // The library takes the unknown token of word-level models from the configuration, transformers from the model.
    const unknown = tokenizer.model.unk_token;
    const completed = typeof unknown === 'string' ? { ...config, unk_token: unknown } : config;
    try {
      this.#tokenizer = new LibraryTokenizer(parts, completed);
      let highest = -1;
      for (const [token, id] of this.#tokenizer.get_vocab(true))
        if (token !== undefined) highest = Math.max(highest, id);
      this.vocabularySize = highest + 1;
      this.controlTokens = controlTokensOf(tokenizer, config, (token) => this.idOf(token));
      const ordinary = addedTokens.filter(
        ({ special, content }) => special !== true && !this.controlTokens.has(String(content)),
      );
      this.#plain = new LibraryTokenizer({ ...parts, model: NO_MODEL, added_tokens: ordinary }, completed);
      this.#plain.model = this.#tokenizer.model;
    } catch (error) {
      throw new TextError(
        'tokenizer',
        `tokenizer.json (model type ${JSON.stringify(tokenizer.model.type ?? null)}) cannot be used: ${libraryReason(error, 'its parts do not fit together')}.`,
        { cause: error },
      );
    }
    this.#controlIds = new Set(this.controlTokens.values());
    const unknownToken = unknownTokenOf(tokenizer);
    this.#unknownId = unknownToken === undefined ? undefined : this.idOf(unknownToken);
  }

  encode(text: string): number[] {
    return encodeWith(this.#tokenizer, text);
  }

  /**
   * The ids that transformers gives with `split_special_tokens`. In addition, if the vocabulary alone leads to a
   * control token (`<eos>` as a word of a word-level vocabulary), the token is spelled out character by character. If
   * it cannot be spelled, it becomes the unknown token.
   */
  encodeText(text: string): number[] {
    const ids = encodeWith(this.#plain, text);
    return ids.some((id) => this.#controlIds.has(id)) ? ids.flatMap((id) => this.#spelledOut(id)) : ids;
  }

  #spelledOut(id: number): number[] {
    if (!this.#controlIds.has(id)) return [id];
    // The unknown token is also a control token: it stands for no particular text.
    if (id === this.#unknownId) return [];
    const characters = [...(this.#tokenizer.id_to_token(id) ?? '')];
    const ids = characters.flatMap((character) => encodeWith(this.#plain, character));
    const spelled = ids.filter((each) => !this.#controlIds.has(each));
    if (spelled.length > 0) return spelled;
    return this.#unknownId === undefined || this.#controlIds.has(this.#unknownId) ? [] : [this.#unknownId];
  }

  /** Ids outside the vocabulary decode to nothing, as in Python's tokenizers. */
  decode(ids: readonly number[], options: { skipSpecialTokens?: boolean } = {}): string {
    const known = ids.filter((id) => this.#tokenizer.id_to_token(id) !== undefined);
    if (known.length === 0) return '';
    return orRefused(() =>
      this.#tokenizer.decode(known, {
        skip_special_tokens: options.skipSpecialTokens ?? false,
        clean_up_tokenization_spaces: false,
      }),
    );
  }

  idOf(token: string): number | undefined {
    return this.#tokenizer.token_to_id(token);
  }
}

/** Calls the library on a tokenizer.json that it could load. @throws TextError `tokenizer` if it fails. */
function orRefused<T>(use: () => T): T {
  try {
    return use();
  } catch (error) {
    throw new TextError(
      'tokenizer',
      `tokenizer.json cannot be used: ${libraryReason(error, 'one of its parts is unknown or incomplete')}. The file is damaged or made for another program.`,
      { cause: error },
    );
  }
}

/** @throws TextError `tokenizer` for text that has no id. */
function encodeWith(tokenizer: LibraryTokenizer, text: string): number[] {
  if (text === '') return [];
  const { ids, tokens } = orRefused(() => tokenizer.encode(text, { add_special_tokens: false }));
  for (let at = 0; at < ids.length; at++) {
    if (ids[at] === undefined) {
      throw new TextError(
        'tokenizer',
        `The tokenizer has no id for ${JSON.stringify(tokens[at])} and no unknown token. Its tokenizer.json is incomplete.`,
      );
    }
  }
  return ids as number[];
}

/**
 * Tokenizer of a model folder (`tokenizer.json`, and `tokenizer_config.json` if there is one).
 * @throws TextError `file` or `tokenizer`.
 */
export async function loadTokenizer(folder: string): Promise<HuggingFaceTokenizer> {
  const tokenizer = await readOptionalJson(folder, 'tokenizer.json');
  if (tokenizer === undefined) {
    if (!(await holdsModel(folder)))
      throw new TextError(
        'file',
        `${folder} holds no model: expected a folder with config.json, tokenizer.json and *.safetensors, or the path of a .gguf file.`,
      );
    throw new TextError(
      'file',
      `${folder} has no tokenizer.json. Models that ship only tokenizer.model or vocab.txt need converting: load them once with transformers (AutoTokenizer) and save_pretrained.`,
    );
  }
  return new HuggingFaceTokenizer({ tokenizer, config: await readOptionalJson(folder, 'tokenizer_config.json') });
}

/** Whether a folder has a file that only models have. */
async function holdsModel(folder: string): Promise<boolean> {
  const { readdir } = await import('node:fs/promises');
  const names = await readdir(folder).catch(() => ['config.json']);
  return names.some((name) => /^(?:config\.json|tokenizer.*|vocab\..*)$|\.(?:safetensors|bin)$/.test(name));
}
