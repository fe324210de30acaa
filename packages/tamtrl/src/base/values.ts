/** Values of any kind in words for people. */

/** Characters of a text that a message quotes. */
const LONGEST = 80;

/** What was found where something else was expected: `"12"`, `NaN`, `nothing`, `a list`, `a Promise`, … */
export function valueText(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'string') return JSON.stringify(value.length > LONGEST ? `${value.slice(0, LONGEST)}…` : value);
  if (typeof value === 'function') return 'a function';
  if (value === null || typeof value !== 'object') return String(value);
  if (Array.isArray(value)) return 'a list';
  if (isPromise(value)) return 'a Promise (await it first)';
  const made = (Object.getPrototypeOf(value) as object | null)?.constructor ?? Object;
  // Bundlers number classes of the same name: `Response$1`.
  const name = made.name.replace(/\$\d+$/, '');
  return name === '' || name === 'Object' ? 'an object' : `an object of the class ${name}`;
}

/** What stands at a path of a value; undefined if the path leads nowhere. */
export function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce((at, part) => (at as { [part: PropertyKey]: unknown } | undefined)?.[part], value);
}

/** Whether it was forgotten to wait for a value. */
export function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
