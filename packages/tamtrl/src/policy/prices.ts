/** What a server's tokens cost. */
import { z } from 'zod';
import { count } from '../base/format.js';
import { nearest, suggestion } from '../base/nearest.js';
import { isPromise, valueAt, valueText } from '../base/values.js';
import { PolicyError } from './errors.js';

/** For a million tokens each, in the table's currency. */
export interface ModelPrice {
  /** Tokens of prompts. */
  input: number;
  /** Prompt tokens that the server had in its cache; default: as `input`. */
  cachedInput?: number;
  output: number;
}

export interface PriceTable {
  /** "USD", or any other name; default "USD". */
  currency?: string;
  /** By the model's name, as the server or `--model` has it. */
  models: Readonly<Record<string, ModelPrice>>;
}

export interface Money {
  amount: number;
  currency: string;
}

const MOST = 1e9;
const price = z.number().min(0).max(MOST);

const LONGEST_CURRENCY = 20;

const priceTableSchema = z.strictObject({
  currency: z.string().min(1).max(LONGEST_CURRENCY).optional(),
  models: z.record(z.string(), z.strictObject({ input: price, cachedInput: price.optional(), output: price })),
});

/** What is wrong with a price table, and where in it. */
export interface PriceProblem {
  path: (string | number)[];
  /** The path names a key that should not be there. */
  isUnknown: boolean;
  /** "models.gpt-x.input: expected a number from 0 to 1,000,000,000, found "5"" */
  message: string;
}

/** The table, or the first thing that is wrong with it: a mistyped name rather than what is missing in its place. */
export function checkedPrices(table: unknown): { table: PriceTable } | PriceProblem {
  const parsed = priceTableSchema.safeParse(table);
  if (parsed.success && !isPromise(table)) return { table: parsed.data };
  const issues = isPromise(table) ? [] : (parsed.error?.issues ?? []);
  for (const issue of issues) {
    if (issue.code !== 'unrecognized_keys') continue;
    const path = issue.path.map(pathPart);
    const known = path.length === 0 ? ['currency', 'models'] : ['input', 'cachedInput', 'output'];
    const [name] = issue.keys;
    if (nearest(name, known) === undefined && issues.length > 1) continue;
    const where = [...path, name];
    return {
      path: where,
      isUnknown: true,
      message: `${where.join('.')}: there is no such name. ${suggestion(name, known)}`,
    };
  }
  const path = issues[0]?.path.map(pathPart) ?? [];
  const found = valueAt(table, path);
  const where = path.length === 0 ? '' : `${path.join('.')}: `;
  const asked = path.length === 0 && typeof found === 'string' ? ' (to read a file: await loadPrices(path))' : '';
  return {
    path,
    isUnknown: false,
    message: `${where}expected ${expectedAt(path)}, found ${valueText(found)}${asked}.`,
  };
}

const pathPart = (part: PropertyKey) => (typeof part === 'symbol' ? String(part) : part);

function expectedAt([top, model, price]: readonly (string | number)[]): string {
  if (top === undefined) return 'a table { currency, models }';
  if (top === 'currency') return `a name of up to ${LONGEST_CURRENCY} characters, such as "USD"`;
  if (model === undefined) return 'prices by the names of models';
  if (price === undefined) return '{ input: …, output: … }, prices of a million tokens';
  return `a number from 0 to ${count(MOST)}, the price of a million tokens`;
}

/** For messages about a table. */
export const PRICES_EXAMPLE =
  'A price table looks like this: models: { "gpt-x": { input: 0.5, cachedInput: 0.05, output: 2 } }.';

const MILLION = 1e6;

/** The price of one model. */
export class Prices {
  readonly #price: ModelPrice;
  readonly currency: string;

  /**
   * @param names of the model, of which the table has to have one
   * @param place where the table stands, for messages
   * @throws PolicyError `invalid-argument` if the table is damaged or has no such model.
   */
  constructor(table: PriceTable, names: readonly string[], place = 'The price table') {
    const checked = checkedPrices(table);
    if ('message' in checked)
      throw new PolicyError('invalid-argument', `${place} is damaged: ${checked.message} ${PRICES_EXAMPLE}`);
    const { models, currency = 'USD' } = checked.table;
    const known = Object.keys(models);
    const found = names.find((name) => Object.hasOwn(models, name));
    if (found === undefined) {
      const [name = 'the model'] = names;
      const near = nearest(name, known);
      const has = near ?? (known.length === 0 ? 'none' : known.slice(0, 20).join(', '));
      throw new PolicyError(
        'invalid-argument',
        `${place} has no price of "${name}" (it has ${near === undefined ? has : `"${near}", among others`}). Add it under ` +
          `models: "${name}": { input: …, cachedInput: …, output: … }, each for a million tokens.`,
      );
    }
    this.#price = models[found];
    this.currency = currency;
  }

  /** @param tokens `cached` are those of `prompt` that the server had in its cache */
  of({ prompt, cached = 0, output }: { prompt: number; cached?: number; output: number }): Money {
    const { input, cachedInput = input, output: written } = this.#price;
    const amount = ((prompt - cached) * input + cached * cachedInput + output * written) / MILLION;
    return { amount, currency: this.currency };
  }
}

/** "0.0042 USD", "12.30 USD" */
export function moneyText({ amount, currency }: Money): string {
  const digits = amount === 0 || amount >= 0.1 ? 2 : Math.min(20, 1 - Math.floor(Math.log10(amount)));
  return `${amount.toFixed(digits)} ${currency}`;
}

/** The names that a price table may have for a model: what the server calls it, and its address. */
export function namesForPrices(model: string | object): string[] {
  if (typeof model === 'string') {
    const [, name] = /^(?:openai|tinker):(?:.*#)?(.+)$/s.exec(model) ?? [];
    return name === undefined ? [model] : [name, model];
  }
  const { model: served, name } = model as { model?: unknown; name?: unknown };
  return [served, name].filter((each) => typeof each === 'string');
}
