import { describe, expect, it } from 'vitest';
import { PolicyError } from './errors.js';
import { moneyText, namesForPrices, Prices, type PriceTable } from './prices.js';

const table: PriceTable = {
  currency: 'EUR',
  models: { m: { input: 2, cachedInput: 0.5, output: 8 }, plain: { input: 2, output: 8 } },
};

describe('prices', () => {
  it('turn tokens into money, those in the cache at their own price', () => {
    const money = new Prices(table, ['m']).of({ prompt: 1_500_000, cached: 1_000_000, output: 250_000 });
    expect(money).toEqual({ amount: 1 + 0.5 + 2, currency: 'EUR' });
    // Without a price of their own, they cost as much as the others.
    expect(new Prices(table, ['plain']).of({ prompt: 1_500_000, cached: 1_000_000, output: 0 }).amount).toBe(3);
  });

  it('are found by any of the model’s names', () => {
    expect(namesForPrices('openai:http://127.0.0.1:1/v1#m')).toEqual(['m', 'openai:http://127.0.0.1:1/v1#m']);
    expect(namesForPrices('openai:gpt-x')).toEqual(['gpt-x', 'openai:gpt-x']);
    expect(namesForPrices('mini')).toEqual(['mini']);
    expect(namesForPrices({ model: 'm', name: 'm at x' })).toEqual(['m', 'm at x']);
    expect(namesForPrices({})).toEqual([]);
    expect(new Prices(table, ['unknown', 'm']).currency).toBe('EUR');
  });

  it.each([
    [['gpt-x'], /^p\.yaml has no price of "gpt-x" \(it has m, plain\)\. Add it under models: "gpt-x": \{ input: …/],
    [['plian'], /^p\.yaml has no price of "plian" \(it has "plain", among others\)/],
    [['toString'], /has no price of "toString"/],
    [[], /has no price of "the model"/],
  ])('a missing model (%j): refused by name', (names, sentence) => {
    expect(() => new Prices(table, names, 'p.yaml')).toThrow(sentence);
  });

  it.each([
    [{ models: { m: { input: -1, output: 1 } } }, /is damaged: models\.m\.input:/],
    [{ models: { m: 3 } }, /is damaged: models\.m: expected \{ input: …, output: … \}, prices of a million tokens/],
    [{}, /is damaged: models:/],
  ])('a damaged table %j: refused', (damaged, sentence) => {
    expect(() => new Prices(damaged as never, ['m'])).toThrow(PolicyError);
    expect(() => new Prices(damaged as never, ['m'])).toThrow(sentence);
  });
});

it.each([
  [0, '0.00 USD'],
  [0.000421, '0.00042 USD'],
  [0.0999, '0.100 USD'],
  [0.5, '0.50 USD'],
  [1234.567, '1234.57 USD'],
])('%d is written %s', (amount, text) => {
  expect(moneyText({ amount, currency: 'USD' })).toBe(text);
});
