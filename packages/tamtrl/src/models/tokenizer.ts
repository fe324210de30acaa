/** Opens a model's tokenizer and chat format without its weights. */
import { join } from 'node:path';
import { exists } from '../base/files.js';
import type { LocalModel } from '../policy/engine.js';
import { loadEngine } from '../policy/load-engine.js';
import type { ChatFormat } from '../text/chat.js';
import { TextError } from '../text/errors.js';
import { chatFormatFromContents, tokenizerFromContents } from '../text/file-contents.js';
import { loadTokenizer } from '../text/hugging-face-tokenizer.js';
import { loadChatFormat } from '../text/templates.js';
import type { Tokenizer } from '../text/tokenizer.js';
import { adapterAt } from './adapter.js';
import { modelSource, type SourceOptions } from './source.js';
import { isGguf } from './spec.js';

export interface TokenizerOptions extends Pick<SourceOptions, 'onDownload'> {
  /** Turns thinking on or off for models that can think before they write. If absent, their chat template decides. */
  thinking?: boolean;
}

export interface ModelText {
  tokenizer: Tokenizer;
  /** @throws TextError `chat-template` for a model without a template, such as a base model. */
  chat(): Promise<ChatFormat>;
}

/** Where a model's text files are: next to an adapter, or next to its base. */
async function sourceOfText(model: string, { onDownload }: TokenizerOptions): Promise<LocalModel> {
  const source = await modelSource(model, 0, { weights: false, onDownload });
  if (typeof source !== 'string' || isGguf(source) || (await exists(join(source, 'tokenizer.json')))) return source;
  const adapter = await adapterAt(source);
  return adapter ? modelSource(adapter.base, 0, { weights: false, onDownload }) : source;
}

/**
 * Reads no weights, and downloads weights only if they are in the same file as the tokenizer (GGUF).
 * @param model a model folder, a .gguf file, hf:owner/name[:file.gguf], mini or mini-random
 * @throws ModelError, PolicyError, TextError or EngineError that says what is wrong and what to do.
 */
export async function openTokenizer(model: string, options: TokenizerOptions = {}): Promise<ModelText> {
  const source = await sourceOfText(model, options);
  const chatOptions = { model, enableThinking: options.thinking };
  if (typeof source === 'string' && !isGguf(source)) {
    const tokenizer = await loadTokenizer(source);
    return { tokenizer, chat: () => loadChatFormat(source, tokenizer, chatOptions) };
  }
  const files =
    typeof source === 'string'
      ? await (await loadEngine()).readGgufFiles(source)
      : new Map(Object.entries(source.files ?? {}));
  const tokenizer = tokenizerFromContents(files);
  if (!tokenizer) throw new TextError('tokenizer', `${model} has no tokenizer.`);
  return { tokenizer, chat: async () => chatFormatFromContents(files, tokenizer, chatOptions) };
}
