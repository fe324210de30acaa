/**
 * The mini task's tokenizer, with one token for each word. It is given as the contents of a real tokenizer.json and
 * tokenizer_config.json, so that the ordinary pipeline, transformers and vLLM can read it. White space separates words,
 * and each punctuation mark is a word. Words outside the vocabulary become `<unk>`. Decoding puts one space between
 * tokens.
 */
import type { ChatFormat, ChatMessage } from '../../text/chat.js';
import { HuggingFaceTokenizer } from '../../text/hugging-face-tokenizer.js';
import { MINI_EOS, MINI_PAD, MINI_SPECIAL_TOKENS, MINI_UNKNOWN, MINI_VOCABULARY } from './vocabulary.js';

/**
 * Writes messages unchanged, and `<eos>` after an assistant's message. The same template in Jinja, for exported
 * folders.
 */
const CHAT_TEMPLATE =
  "{% for message in messages %}{{ message['content'] }}{% if message['role'] == 'assistant' %} <eos>{% endif %}{% if not loop.last %} {% endif %}{% endfor %}";

/** Contents of the files that belong in a model's folder. */
export function miniTokenizerFiles() {
  return {
    tokenizer: {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: MINI_SPECIAL_TOKENS.map((content, id) => ({
        id,
        content,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
        special: true,
      })),
      normalizer: null,
      pre_tokenizer: {
        type: 'Sequence',
        pretokenizers: [
          { type: 'WhitespaceSplit' },
          { type: 'Split', pattern: { Regex: '[!-/:-@]' }, behavior: 'Isolated', invert: false },
        ],
      },
      post_processor: null,
      decoder: null,
      model: {
        type: 'WordLevel',
        vocab: Object.fromEntries(MINI_VOCABULARY.map((token, id) => [token, id])),
        unk_token: MINI_UNKNOWN,
      },
    },
    config: {
      tokenizer_class: 'PreTrainedTokenizerFast',
      pad_token: MINI_PAD,
      eos_token: MINI_EOS,
      unk_token: MINI_UNKNOWN,
      clean_up_tokenization_spaces: false,
      model_max_length: 1024,
      chat_template: CHAT_TEMPLATE,
    },
  };
}

export function miniTokenizer(): HuggingFaceTokenizer {
  return new HuggingFaceTokenizer(miniTokenizerFiles());
}

/** The prompt ends with its own marker (`<update>` or `<answer>`), so the chat format adds none. */
export const miniChat: ChatFormat = {
  stopIds: [MINI_VOCABULARY.indexOf(MINI_EOS)],
  render: (messages: readonly ChatMessage[]) =>
    messages.map(({ role, content }) => (role === 'assistant' ? `${content} ${MINI_EOS}` : content)).join(' '),
};
