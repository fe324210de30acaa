/** Plain objects: settings of which some are not given, their differences, and JSON. */

/** Without the keys whose value is undefined, so that a spread keeps the values below them. */
export function given<Settings extends object>(settings: Settings): Partial<Settings> {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)) as Partial<Settings>;
}

/** A setting that two configurations have with different values. */
export interface Difference {
  /** "reward.alpha" */
  path: string;
  before: unknown;
  now: unknown;
}

/** Every setting in which two plain objects differ, in the order of their keys. */
export function differences(before: unknown, now: unknown, path = ''): Difference[] {
  if (isTree(before) && isTree(now)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(now)])];
    return keys.flatMap((key) => differences(before[key], now[key], path === '' ? key : `${path}.${key}`));
  }
  return Object.is(before, now) ? [] : [{ path, before, now }];
}

function isTree(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** "steps was 2 and is now 3; model was not set and is now "mini"" */
export function differencesText(found: readonly Difference[]): string {
  const value = (each: unknown) => (each === undefined ? 'not set' : JSON.stringify(each));
  return found.map(({ path, before, now }) => `${path} was ${value(before)} and is now ${value(now)}`).join('; ');
}

/** The value of a JSON text; undefined if it is none. */
export function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
