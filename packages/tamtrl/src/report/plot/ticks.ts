/** Round numbers for an axis. */

export interface Ticks {
  values: number[];
  /** Decimals that distinguish neighbouring ticks. */
  decimals: number;
}

/**
 * About `count` multiples of 1, 2 or 5 times a power of ten within [low, high].
 * ticks(0, 1, 5) -> 0, 0.2, 0.4, 0.6, 0.8, 1
 */
export function ticks(low: number, high: number, count: number): Ticks {
  if (!(high > low)) return { values: [low], decimals: Number.isInteger(low) ? 0 : 2 };
  const rough = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5, 10].find((each) => each * power >= rough * 0.999) ?? 10;
  const step = factor * power;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const values = Array.from({ length: last - first + 1 }, (_, at) => Number(((first + at) * step).toFixed(decimals)));
  return { values, decimals };
}

/** "0.4", "1,200", "2e-7" */
export function tickText(value: number, decimals: number): string {
  if (value !== 0 && (Math.abs(value) < 1e-4 || Math.abs(value) >= 1e7))
    return value.toExponential().replace('e+', 'e');
  return value.toLocaleString('en-US', { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}
