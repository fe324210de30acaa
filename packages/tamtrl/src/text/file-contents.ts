/** Makes a model's tokenizer and chat format from the contents of its files, wherever these come from. */
import type { ChatFormat } from './chat.js';
import { HuggingFaceTokenizer } from './hugging-face-tokenizer.js';
import { type JsonObject, parseJsonObject } from './model-files.js';
import { type ChatFormatOptions, chatFormatFromFiles } from './templates.js';
import type { Tokenizer } from './tokenizer.js';

/** Contents by name: tokenizer.json, tokenizer_config.json and the like. */
export type FileContents = ReadonlyMap<string, Uint8Array>;

/** Undefined without a tokenizer.json. @throws TextError `file` or `tokenizer`. */
export function tokenizerFromContents(files: FileContents): Tokenizer | undefined {
  const tokenizer = json(files, 'tokenizer.json');
  return tokenizer && new HuggingFaceTokenizer({ tokenizer, config: json(files, 'tokenizer_config.json') });
}

/** @throws TextError `file` or `chat-template`. */
export function chatFormatFromContents(
  files: FileContents,
  tokenizer: Tokenizer,
  options: ChatFormatOptions,
): ChatFormat {
  const template = files.get('chat_template.jinja');
  const parsed = {
    tokenizerConfig: json(files, 'tokenizer_config.json'),
    generationConfig: json(files, 'generation_config.json'),
    templateFile: template && new TextDecoder().decode(template),
  };
  return chatFormatFromFiles(parsed, tokenizer, options);
}

function json(files: FileContents, name: string): JsonObject | undefined {
  const bytes = files.get(name);
  return bytes && parseJsonObject(new TextDecoder().decode(bytes), name);
}
