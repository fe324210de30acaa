/** Finds the tokens of a tokenizer that structure a conversation. */
import { looksLikeControl } from './control-marks.js';
import { isJsonObject, type JsonObject } from './model-files.js';

/**
 * Text and id of every control token: tokens marked special, tokens to which the configuration gives a role, and added
 * tokens that look like one (DeepSeek's roles and Qwen's thoughts are not marked special). The unknown token does not
 * count, unless it also has another role, such as the end of a turn.
 */
export function controlTokensOf(
  tokenizer: JsonObject,
  config: JsonObject,
  idOf: (token: string) => number | undefined,
): Map<string, number> {
  const names = new Set<string>(namedIn(config));
  for (const token of objectsIn(tokenizer.added_tokens)) {
    const content = String(token.content);
    if (token.special === true || looksLikeControl(content)) names.add(content);
  }
  const unknown = unknownTokenOf(tokenizer);
  const parts = ['bos', 'eos', 'pad', 'sep', 'cls'].map((part) => textOf(config[`${part}_token`]));
  if (unknown !== undefined && !parts.includes(unknown)) names.delete(unknown);
  const tokens = new Map<string, number>();
  for (const name of names) {
    const id = idOf(name);
    if (name !== '' && id !== undefined) tokens.set(name, id);
  }
  return tokens;
}

/** The token that the model of a tokenizer.json uses for unknown text. */
export function unknownTokenOf({ model }: JsonObject): string | undefined {
  if (!isJsonObject(model)) return undefined;
  if (typeof model.unk_token === 'string') return model.unk_token;
  // Unigram gives its index in the vocabulary, a list of pairs.
  const piece = Array.isArray(model.vocab) && Number.isInteger(model.unk_id) ? model.vocab[Number(model.unk_id)] : [];
  return Array.isArray(piece) && typeof piece[0] === 'string' ? piece[0] : undefined;
}

/** Tokens to which tokenizer_config.json gives a role. */
function namedIn(config: JsonObject): string[] {
  const parts = Object.entries(config).filter(([name]) => /^(?:bos|eos|pad|unk|sep|cls|mask)_token$/.test(name));
  const further = [config.additional_special_tokens, config.extra_special_tokens].flatMap((value) =>
    Array.isArray(value) ? value : isJsonObject(value) ? Object.values(value) : [],
  );
  const decoder = isJsonObject(config.added_tokens_decoder) ? Object.values(config.added_tokens_decoder) : [];
  const special = objectsIn(decoder).filter((token) => token.special === true);
  return [...parts.map(([, value]) => value), ...further, ...special].map(textOf).filter((text) => text !== undefined);
}

const objectsIn = (value: unknown) => (Array.isArray(value) ? value.filter(isJsonObject) : []);

/** A token is either text or an object with "content". */
function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return isJsonObject(value) && typeof value.content === 'string' ? value.content : undefined;
}
