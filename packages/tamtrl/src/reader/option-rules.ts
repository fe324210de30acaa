/** The rules of the reader's options. */
import {
  ANY,
  atLeast,
  brokenRule,
  FLAG,
  FUNCTION,
  isObject,
  oneOf,
  type Rule,
  type Rules,
  SIGNAL,
  TEXT,
  TEXTS,
  WHOLE,
} from '../base/option-rules.js';
import { PRECISIONS } from '../policy/precision.js';
import { ReaderError } from './errors.js';
import type { NamedModelOptions, ReaderOptions } from './options.js';

const PROMPTS: Rule = {
  expected: 'a prompt format such as `chatPrompts`',
  holds: (value) =>
    isObject(value) && ['update', 'answer', 'initialMemory'].every((name) => FUNCTION.holds(value[name])),
};
const TEMPERATURE: Rule = {
  expected: 'a number of at least 0',
  holds: (value) => Number.isFinite(value) && Number(value) >= 0,
};

export const READER_RULES: Rules<ReaderOptions> = {
  model: ANY,
  question: ANY,
  state: ANY,
  prompts: PROMPTS,
  empty: oneOf('keep', 'overwrite'),
  align: oneOf('token', 'sentence'),
  temperature: TEMPERATURE,
  seed: WHOLE,
  signal: SIGNAL,
  onNote: FUNCTION,
  questionTokens: ANY,
  chunkTokens: ANY,
  memoryTokens: ANY,
  answerTokens: ANY,
};

export const NAMED_MODEL_RULES: Rules<NamedModelOptions> = {
  ...READER_RULES,
  tokenizer: TEXT,
  thinking: FLAG,
  contextLength: atLeast(1),
  prediction: FLAG,
  cacheKey: FLAG,
  precision: oneOf(...PRECISIONS),
  allowHosts: TEXTS,
  onDownload: FUNCTION,
};

/**
 * @param called the function, for messages
 * @param required options that must be given
 * @throws ReaderError `input` that names an option that does not exist, or what it has to be and was found to be.
 */
export function checkRules<Options>(
  given: unknown,
  called: string,
  rules: Rules<Options>,
  required: readonly (keyof Options & string)[] = [],
): void {
  const broken = brokenRule(given, called, rules, required);
  if (broken !== undefined) throw new ReaderError('input', broken);
}
