/** What a server's tokens cost. */
import { z } from 'zod';
import { nearest } from '../base/nearest.js';
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

const price = z.number().min(0).max(1e9);

export const priceTableSchema = z.strictObject({
  currency: z.string().min(1).max(20).optional(),
  models: z.record(
    z.string(),
    z.strictObject({ input: price, cachedInput: price.optional(), output: price }, { error: notAPrice }),
  ),
});

function notAPrice({ code }: { code: string }): string | undefined {
  return code === 'invalid_type' ? 'expected { input: …, output: … }, prices of a million tokens' : undefined;
}

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
    const parsed = priceTableSchema.safeParse(table);
    if (!parsed.success) {
      const [{ path, message }] = parsed.error.issues;
      throw new PolicyError('invalid-argument', `${place} is damaged: ${path.join('.')}: ${message}.`);
    }
    const { models, currency = 'USD' } = parsed.data;
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
