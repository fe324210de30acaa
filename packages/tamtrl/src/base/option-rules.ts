/** What the options of public functions have to be: programs in JavaScript have no types to tell them. */
import { suggestion } from './nearest.js';
import { valueText } from './values.js';

export interface Rule {
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
export const OBJECT: Rule = { expected: 'an object', holds: (value) => isObject(value) && !Array.isArray(value) };
export const SIGNAL: Rule = {
  expected: 'an AbortSignal, such as the `signal` of an AbortController',
  holds: (value) => value === null || (isObject(value) && typeof value.throwIfAborted === 'function'),
};
export const WHOLE: Rule = { expected: 'a whole number', holds: Number.isSafeInteger };
export const TEXTS: Rule = {
  expected: 'a list of strings',
  holds: (value) => Array.isArray(value) && value.every((each) => typeof each === 'string'),
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

export const isObject = (value: unknown): value is { [name: string]: unknown } =>
  typeof value === 'object' && value !== null;

/**
 * What is wrong with options: one that does not exist, or what one has to be and was found to be.
 * @param called the function, for the message
 * @param required options that must be given
 * @returns undefined if nothing is wrong
 */
export function brokenRule<Options>(
  given: unknown,
  called: string,
  rules: Rules<Options>,
  required: readonly (keyof Options & string)[] = [],
): string | undefined {
  if (!isObject(given) || Array.isArray(given))
    return `${called}: the options are ${valueText(given)}, expected an object.`;
  for (const name of required) {
    if (given[name] === undefined) return `${called}: \`${name}\` is missing, expected ${rules[name].expected}.`;
  }
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const rule = Object.hasOwn(rules, name) ? rules[name as keyof Options] : undefined;
    if (!rule) return `${called}: there is no option "${name}". ${suggestion(name, Object.keys(rules))}`;
    if (!rule.holds(value)) return `${called}: \`${name}\` is ${valueText(value)}, expected ${rule.expected}.`;
  }
  return undefined;
}
