/** What each option has to be: programs in JavaScript have no types to tell them. */
import { suggestion } from '../base/nearest.js';
import { valueText } from '../base/values.js';
import { ReaderError } from './errors.js';
import type { NamedModelOptions, ReaderOptions } from './options.js';

interface Rule {
  expected: string;
  holds(value: unknown): boolean;
}

/** Every option has one, so that a name without one is a mistyped option. */
export type Rules<Options> = { readonly [Name in keyof Required<Options>]: Rule };

/** Checked where it is used. */
export const ANY: Rule = { expected: 'anything', holds: () => true };
export const TEXT: Rule = { expected: 'a string', holds: (value) => typeof value === 'string' };
export const FLAG: Rule = { expected: 'true or false', holds: (value) => typeof value === 'boolean' };
export const FUNCTION: Rule = { expected: 'a function', holds: (value) => typeof value === 'function' };
export const SIGNAL: Rule = {
  expected: 'an AbortSignal, such as the `signal` of an AbortController',
  holds: (value) => value === null || (isObject(value) && typeof value.throwIfAborted === 'function'),
};
const WHOLE: Rule = { expected: 'a whole number', holds: Number.isSafeInteger };
const TEXTS: Rule = {
  expected: 'a list of strings',
  holds: (value) => Array.isArray(value) && value.every((each) => typeof each === 'string'),
};
const PROMPTS: Rule = {
  expected: 'a prompt format such as `chatPrompts`',
  holds: (value) =>
    isObject(value) && ['update', 'answer', 'initialMemory'].every((name) => FUNCTION.holds(value[name])),
};
const TEMPERATURE: Rule = {
  expected: 'a number of at least 0',
  holds: (value) => Number.isFinite(value) && Number(value) >= 0,
};

export const atLeast = (least: number): Rule => ({
  expected: `a whole number of at least ${least}`,
  holds: (value) => Number.isSafeInteger(value) && Number(value) >= least,
});

export function oneOf(...values: readonly string[]): Rule {
  const quoted = values.map((each) => JSON.stringify(each));
  return {
    expected: `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`,
    holds: (value) => values.includes(value as string),
  };
}

const isObject = (value: unknown): value is { [name: string]: unknown } => typeof value === 'object' && value !== null;

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
  const problem = (what: string) => new ReaderError('input', `${called}: ${what}`);
  if (!isObject(given) || Array.isArray(given))
    throw problem(`the options are ${valueText(given)}, expected an object.`);
  for (const name of required) {
    if (given[name] === undefined) throw problem(`\`${name}\` is missing, expected ${rules[name].expected}.`);
  }
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const rule = Object.hasOwn(rules, name) ? rules[name as keyof Options] : undefined;
    if (!rule) throw problem(`there is no option "${name}". ${suggestion(name, Object.keys(rules))}`);
    if (!rule.holds(value)) throw problem(`\`${name}\` is ${valueText(value)}, expected ${rule.expected}.`);
  }
}
