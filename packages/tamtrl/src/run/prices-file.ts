/** A price table in a file: YAML, or JSON, which is YAML too. */
import { checkedPrices, namesForPrices, PRICES_EXAMPLE, Prices, type PriceTable } from '../policy/prices.js';
import { RunError } from './errors.js';
import { readYamlFile } from './yaml-file.js';

/** @throws RunError `settings` with the place in the file for anything but a table of prices. */
export async function loadPrices(path: string): Promise<PriceTable> {
  const file = await readYamlFile(path, 'price table');
  const checked = checkedPrices(file.settings);
  if ('table' in checked) return checked.table;
  const { path: where, isUnknown, message } = checked;
  throw new RunError('settings', `${file.place(where, isUnknown ? 'key' : 'value')}: ${message} ${PRICES_EXAMPLE}`);
}

/** The prices of a model by its address, from a file if one is named. @throws RunError as above; PolicyError */
export async function pricesOf(path: string | undefined, model: string): Promise<Prices | undefined> {
  return path === undefined ? undefined : new Prices(await loadPrices(path), namesForPrices(model), path);
}
