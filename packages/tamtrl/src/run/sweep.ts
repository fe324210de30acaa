/** Sweeps of a comparison: lists of values for settings, each combination of which is a method of its own. */
import { count } from '../base/format.js';
import { MAX_COMPARISON_TRAININGS } from '../base/limits.js';
import { mergeSettings } from './settings.js';
import type { YamlFile } from './yaml-file.js';

type Tree = Readonly<Record<string, unknown>>;

/** A setting with one of its values. */
export interface SweptValue {
  /** ["reward", "alpha"] */
  path: readonly string[];
  /** In names: "alpha", or the whole path where another swept setting ends like it. */
  label: string;
  value: unknown;
  /** Where the value stands in the file. */
  place: readonly PropertyKey[];
}

/** What a method of the file says that may be swept. */
export interface SweepableMethod {
  name: string;
  train?: string;
  settings?: Record<string, unknown>;
  sweep?: Record<string, unknown>;
}

/** A method that is run: one of the file, or one combination of its swept settings. */
export type Expanded<Method extends SweepableMethod> = Omit<Method, 'sweep'> & {
  /** Its number in the file. */
  at: number;
  /** Of a swept method: its name in the file, and the values of this combination. */
  variant?: { of: string; values: readonly SweptValue[] };
};

/** A setting, and the values that the file lists for it. */
interface Dimension {
  path: readonly string[];
  place: readonly PropertyKey[];
  values: readonly unknown[];
}

/** Settings that the comparison sets in another place. */
const OWN: Readonly<Record<string, string>> = {
  seed: 'list the seeds in "seeds"',
  model: 'a comparison has one model',
  preset: 'a comparison has one preset',
};

/**
 * The methods with all combinations of what is swept: the shared `sweep`, which holds for all trained methods that do
 * not set the setting themselves, and each method's own. Problems are sentences with line and column.
 */
export function expandSweeps<Method extends SweepableMethod>(
  methods: readonly Method[],
  shared: Tree | undefined,
  seeds: number,
  file: Pick<YamlFile, 'place'>,
): { methods: Expanded<Method>[]; problems: string[] } {
  const problems: string[] = [];
  const dimensionsIn = (tree: Tree | undefined, place: readonly PropertyKey[]) =>
    tree === undefined ? [] : dimensions(tree, [], place, (at, text) => problems.push(`${file.place(at)}: ${text}`));
  const common = dimensionsIn(shared, ['sweep']);
  const own = methods.map(({ sweep }, at) => dimensionsIn(sweep, ['methods', at, 'sweep']));
  if (common.length > 0 && methods.every(({ train }) => train === undefined)) {
    problems.push(`${file.place(['sweep'], 'key')}: no method is trained, so there is nothing to sweep.`);
  }
  const swept = methods.map(({ name, train, settings = {}, sweep }, at) => {
    if (train === undefined) {
      if (sweep !== undefined) {
        const place = file.place(['methods', at, 'sweep'], 'key');
        problems.push(`${place}: "${name}" is not trained, and only settings of trainings can be swept.`);
      }
      return [];
    }
    for (const { path, place } of own[at]) {
      if (!isSet(settings, path)) continue;
      problems.push(`${file.place(place)}: "${name}" both sets and sweeps ${path.join('.')}. Remove one of them.`);
    }
    const left = common.filter(
      ({ path }) => !isSet(settings, path) && !own[at].some((each) => overlap(each.path, path)),
    );
    return [...left, ...own[at]];
  });
  const trainings = swept.reduce(
    (sum, list, at) => sum + (methods[at].train === undefined ? 0 : seeds * combinations(list)),
    0,
  );
  if (swept.some((list) => list.length > 0) && trainings > MAX_COMPARISON_TRAININGS) {
    const most = swept.reduce((best, list, at) => (combinations(list) > combinations(swept[best]) ? at : best), 0);
    const product = swept[most].map(({ values }) => values.length).join(' x ');
    problems.push(
      `${file.place(swept[most][0].place)}: the sweeps make ${count(trainings)} trainings ("${methods[most].name}" alone ${product} combinations with ${count(seeds)} ${seeds === 1 ? 'seed' : 'seeds'}), and a comparison has at most ${count(MAX_COMPARISON_TRAININGS)}. Sweep fewer values, or in several files.`,
    );
  }
  if (problems.length > 0) return { methods: [], problems };
  const paths = [...new Set(swept.flat().map(({ path }) => path.join('.')))];
  return { methods: methods.flatMap((method, at) => variantsOf(method, at, swept[at], paths)), problems };
}

/** A tree of settings whose leaves are lists; keys may be paths ("reward.alpha"). */
function dimensions(
  tree: Tree,
  above: readonly string[],
  place: readonly PropertyKey[],
  complain: (place: readonly PropertyKey[], text: string) => void,
): Dimension[] {
  const found: Dimension[] = [];
  for (const [key, value] of Object.entries(tree)) {
    const path = [...above, ...key.split('.')];
    const here = [...place, key];
    const name = path.join('.');
    if (path[0] in OWN) {
      complain(here, `${path[0]} cannot be swept: ${OWN[path[0]]}.`);
    } else if (Array.isArray(value)) {
      const texts = value.map((each) => JSON.stringify(each));
      const again = texts.findIndex((text, at) => texts.indexOf(text) !== at);
      const other = found.find((each) => overlap(each.path, path));
      if (value.length === 0) complain(here, `expected at least one value of ${name}, found an empty list.`);
      else if (again >= 0) complain([...here, again], `the value ${texts[again]} of ${name} comes twice.`);
      else if (other)
        complain(here, `${name} and ${other.path.join('.')} cannot both be swept: one contains the other.`);
      else found.push({ path, place: here, values: value });
    } else if (typeof value === 'object' && value !== null) {
      for (const inner of dimensions(value as Tree, path, here, complain)) {
        const other = found.find((each) => overlap(each.path, inner.path));
        if (other) complain(inner.place, `${inner.path.join('.')} is swept twice.`);
        else found.push(inner);
      }
    } else {
      complain(here, `expected a list of values of ${name} in a sweep, found ${JSON.stringify(value)}.`);
    }
  }
  return found;
}

function combinations(swept: readonly Dimension[]): number {
  return swept.reduce((product, { values }) => product * values.length, 1);
}

/** One path is the beginning of the other. */
function overlap(one: readonly string[], other: readonly string[]): boolean {
  return one.every((key, at) => at >= other.length || other[at] === key);
}

function isSet(settings: Tree, path: readonly string[]): boolean {
  let here: unknown = settings;
  for (const key of path) {
    if (typeof here !== 'object' || here === null || !(key in here)) return false;
    here = (here as Tree)[key];
  }
  return true;
}

function variantsOf<Method extends SweepableMethod>(
  method: Method,
  at: number,
  swept: readonly Dimension[],
  paths: readonly string[],
): Expanded<Method>[] {
  const { sweep: _, ...rest } = method;
  if (swept.length === 0) return [{ ...rest, at }];
  return product(swept, paths).map((values) => {
    const name = [method.name, ...values.map(({ label, value }) => `${label}=${valueText(value)}`)].join(' ');
    const trained = values.find(({ path }) => path.length === 1 && path[0] === 'method');
    const settings = values
      .filter((value) => value !== trained)
      .map(({ path, value }) => path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as Tree)
      .reduce((below, above) => mergeSettings(below, above), method.settings ?? {});
    const train = trained ? String(trained.value) : method.train;
    return { ...rest, name, train, settings: { ...settings }, at, variant: { of: method.name, values } };
  });
}

function product(swept: readonly Dimension[], paths: readonly string[]): SweptValue[][] {
  return swept.reduce<SweptValue[][]>(
    (rows, { path, place, values }) =>
      rows.flatMap((row) =>
        values.map((value, at) => [...row, { path, label: labelOf(path, paths), value, place: [...place, at] }]),
      ),
    [[]],
  );
}

/** The last key of a path, unless another swept setting has it too. */
function labelOf(path: readonly string[], paths: readonly string[]): string {
  const last = path[path.length - 1];
  return paths.filter((each) => each.split('.').at(-1) === last).length > 1 ? path.join('.') : last;
}

/** As in names, tables and figures. */
export function valueText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
