/** Chat formats from the Jinja templates that models bring along, and the ids that end a turn. */
import { libraryReason } from '../base/errors.js';
import type { ChatFormat, ChatMessage } from './chat.js';
import { TextError } from './errors.js';
import { LimitedTemplate } from './limited-jinja.js';
import { isJsonObject, type JsonObject, readOptional, readOptionalJson } from './model-files.js';
import type { Tokenizer } from './tokenizer.js';

export interface ChatTemplateOptions {
  /** Jinja source. */
  template: string;
  /** Text of the tokens that templates refer to; default: empty. */
  bosToken?: string;
  eosToken?: string;
  /** See `ChatFormat.stopIds`. */
  stopIds: readonly number[];
  /** Qwen3's switch: if false, the template first writes an empty thought. If absent, the template decides. */
  enableThinking?: boolean;
  /** Further variables for the template. */
  variables?: Readonly<Record<string, unknown>>;
}

/**
 * @throws TextError `chat-template` if the template cannot be parsed; from `render`, if it refuses the messages (many
 * templates refuse a system message or two user messages in a row).
 */
export function chatFormatFromTemplate(options: ChatTemplateOptions): ChatFormat {
  const { bosToken = '', eosToken = '', stopIds, enableThinking, variables } = options;
  let template: LimitedTemplate;
  try {
    template = new LimitedTemplate(options.template);
  } catch (error) {
    throw new TextError(
      'chat-template',
      `The chat template is not valid Jinja: ${libraryReason(error, 'its parts are nested too deep')}.`,
      {
        cause: error,
      },
    );
  }
  const constants = {
    ...variables,
    bos_token: bosToken,
    eos_token: eosToken,
    add_generation_prompt: true,
    ...(enableThinking === undefined ? {} : { enable_thinking: enableThinking }),
  };
  return {
    stopIds: [...stopIds],
    render(messages: readonly ChatMessage[]): string {
      try {
        const characters = messages.reduce((sum, { content }) => sum + content.length, 0);
        return template.render({ ...constants, messages: messages.map((message) => ({ ...message })) }, characters);
      } catch (error) {
        const roles = messages.map((message) => message.role).join(', ');
        throw new TextError(
          'chat-template',
          `The chat template refused the messages (${roles}): ${libraryReason(error, 'its parts do not fit together, or call themselves endlessly')}.`,
          {
            cause: error,
          },
        );
      }
    },
  };
}

/** What a model's folder says about its chat format, parsed. */
export interface ChatFiles {
  tokenizerConfig?: JsonObject;
  generationConfig?: JsonObject;
  /**
   * Content of `chat_template.jinja`. It takes precedence over the template in `tokenizerConfig`, as in transformers.
   */
  templateFile?: string;
}

export interface ChatFormatOptions {
  /** Jinja source to use instead of the model's own. */
  template?: string;
  enableThinking?: boolean;
  variables?: Readonly<Record<string, unknown>>;
  /** Shown in errors. */
  model?: string;
}

/**
 * Chat format of a model.
 * @throws TextError `chat-template` if the model has no template (a base model) and none is given, or no end token.
 */
export function chatFormatFromFiles(
  files: ChatFiles,
  tokenizer: Tokenizer,
  options: ChatFormatOptions = {},
): ChatFormat {
  const { tokenizerConfig = {}, generationConfig = {}, templateFile } = files;
  const model = options.model ?? 'The model';
  const template = options.template ?? templateFile ?? defaultTemplate(tokenizerConfig.chat_template);
  if (template === undefined) {
    throw new TextError(
      'chat-template',
      `${model} is a base model, not a chat model: it has no chat template (neither chat_template.jinja nor "chat_template" in tokenizer_config.json). Use its instruct or chat version, or pass a template yourself.`,
    );
  }
  const eosToken = tokenText(tokenizerConfig.eos_token);
  const stopIds = stopIdsFrom(generationConfig, eosToken, tokenizer);
  if (stopIds.length === 0) {
    throw new TextError(
      'chat-template',
      `${model} does not say which token ends a turn: expected "eos_token_id" in generation_config.json or "eos_token" in tokenizer_config.json.`,
    );
  }
  return chatFormatFromTemplate({
    template,
    bosToken: tokenText(tokenizerConfig.bos_token),
    eosToken,
    stopIds,
    enableThinking: options.enableThinking,
    variables: options.variables,
  });
}

/** Chat format of a model folder. @throws TextError `file` or `chat-template`. */
export async function loadChatFormat(
  folder: string,
  tokenizer: Tokenizer,
  options: ChatFormatOptions = {},
): Promise<ChatFormat> {
  const files = {
    tokenizerConfig: await readOptionalJson(folder, 'tokenizer_config.json'),
    generationConfig: await readOptionalJson(folder, 'generation_config.json'),
    templateFile: await readOptional(folder, 'chat_template.jinja'),
  };
  return chatFormatFromFiles(files, tokenizer, { ...options, model: options.model ?? folder });
}

/** The ids in generation_config.json and the tokenizer's end token. Each of them ends a turn. */
function stopIdsFrom(generationConfig: JsonObject, eosToken: string | undefined, tokenizer: Tokenizer): number[] {
  const named = generationConfig.eos_token_id;
  const ids = new Set((Array.isArray(named) ? named : [named]).filter((id): id is number => Number.isInteger(id)));
  const own = eosToken === undefined ? undefined : tokenizer.idOf(eosToken);
  if (own !== undefined) ids.add(own);
  return [...ids];
}

/** A template is a string, or a list of named templates from which "default" is used. */
function defaultTemplate(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (!Array.isArray(value)) return undefined;
  const named = value.filter(isJsonObject).find((entry) => entry.name === 'default');
  return typeof named?.template === 'string' ? named.template : undefined;
}

/** The configuration gives special tokens as text or as an object with "content". */
function tokenText(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return isJsonObject(value) && typeof value.content === 'string' ? value.content : undefined;
}
