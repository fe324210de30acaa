/** A price table in a file: YAML, or JSON, which is YAML too. */
import { namesForPrices, Prices, type PriceTable, priceTableSchema } from '../policy/prices.js';
import { RunError } from './errors.js';
import { readYamlFile } from './yaml-file.js';

/** @throws RunError `settings` with the place in the file for anything but a table of prices. */
export async function loadPrices(path: string): Promise<PriceTable> {
  const file = await readYamlFile(path);
  const parsed = priceTableSchema.safeParse(file.settings);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const unknown = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const where = unknown === undefined ? issue.path : [...issue.path, unknown];
  const what = where.length === 0 ? '' : `${where.join('.')}: `;
  const said =
    unknown === undefined
      ? issue.message
      : `there is no such price. Expected ${issue.path.length === 0 ? 'currency and models' : 'input, cachedInput and output'}`;
  throw new RunError(
    'settings',
    `${file.place(where, unknown === undefined ? 'value' : 'key')}: ${what}${said}. ` +
      'A price table looks like this: models: { "gpt-x": { input: 0.5, cachedInput: 0.05, output: 2 } }.',
  );
}

/** The prices of a model by its address, from a file if one is named. @throws RunError as above; PolicyError */
export async function pricesOf(path: string | undefined, model: string): Promise<Prices | undefined> {
  return path === undefined ? undefined : new Prices(await loadPrices(path), namesForPrices(model), path);
}
