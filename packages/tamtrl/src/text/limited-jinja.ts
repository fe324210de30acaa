/**
 * Renders Jinja templates within limits of steps and sizes: a template is part of a model, which may be from anybody.
 * This is the only file that knows the package `@huggingface/jinja`, whose types resolve to nothing under `nodenext`.
 */
import * as library from '@huggingface/jinja';
import {
  MAX_TEMPLATE_BLANKS,
  MAX_TEMPLATE_CHARACTERS,
  MAX_TEMPLATE_ENTRIES,
  MAX_TEMPLATE_OUTPUT,
  MAX_TEMPLATE_STEPS,
} from '../base/limits.js';

type Statement = { type: string; iterable?: object & { lhs?: object } } | undefined;
type Value = { value: unknown };

interface Environment {
  set(name: string, value: unknown): void;
}

interface LibraryInterpreter {
  run(program: object): Value;
  evaluate(statement: Statement, environment: Environment): Value;
}

const { Environment, Interpreter, Template } = library as unknown as {
  Environment: new () => Environment;
  Interpreter: new (environment: Environment) => LibraryInterpreter;
  Template: new (source: string) => { parsed: object };
};

/** A template, parsed. */
export class LimitedTemplate {
  readonly #program: object;

  /** @throws Error if the source is not Jinja, or too long. */
  constructor(source: string) {
    if (source.length > MAX_TEMPLATE_CHARACTERS) {
      throw new Error(`it has ${source.length} characters; the limit is ${MAX_TEMPLATE_CHARACTERS}`);
    }
    if (new RegExp(`\\s{${MAX_TEMPLATE_BLANKS + 1}}`).test(source)) {
      throw new Error(`it has more than ${MAX_TEMPLATE_BLANKS} blanks in a row`);
    }
    this.#program = new Template(source).parsed;
  }

  /**
   * @param characters of the variables: a template may repeat what it is given
   * @throws Error if the template raises one, or goes beyond the limits.
   */
  render(variables: Readonly<Record<string, unknown>>, characters: number): string {
    const environment = new Environment();
    for (const [name, value] of Object.entries({ ...GLOBALS, ...variables })) environment.set(name, value);
    const interpreter = new LimitedInterpreter(environment, MAX_TEMPLATE_OUTPUT + 8 * characters);
    return String(interpreter.run(this.#program).value);
  }
}

/** What the library declares for every template; it does not export them. */
const GLOBALS = {
  false: false,
  true: true,
  none: null,
  False: false,
  True: true,
  None: null,
  raise_exception(message: string) {
    throw new Error(message);
  },
  range,
  strftime_now: (format: string) => strftime(new Date(), format),
};

/** Characters and entries that an operation gets through in the time of a step. */
const CHARACTERS_A_STEP = 256;
const ENTRIES_A_STEP = 16;
/** Steps that a round of a loop takes before its body. */
const STEPS_A_ROUND = 4;

class LimitedInterpreter extends Interpreter {
  readonly #characters: number;
  /** Expressions whose entries are gone through one by one. */
  readonly #iterated = new WeakSet<object>();
  readonly #entries = new WeakMap<object, number>();
  #steps = 0;

  constructor(environment: Environment, characters: number) {
    super(environment);
    this.#characters = characters;
  }

  override evaluate(statement: Statement, environment: Environment): Value {
    this.#spend(1);
    if (statement?.iterable) this.#iterated.add(statement.iterable.lhs ?? statement.iterable);
    const result = super.evaluate(statement, environment);
    // The first entry of an empty list is nothing at all.
    const value: unknown = (result as Value | undefined)?.value;
    if (typeof value === 'string') {
      if (value.length > this.#characters) throw new Error(`it makes more than ${this.#characters} characters`);
      this.#spend(value.length / CHARACTERS_A_STEP);
    } else if (Array.isArray(value) || value instanceof Map) {
      if (this.#entriesOf(value) > MAX_TEMPLATE_ENTRIES) {
        throw new Error(`it makes lists of more than ${MAX_TEMPLATE_ENTRIES} entries`);
      }
      const length = Array.isArray(value) ? value.length : value.size;
      this.#spend(statement && this.#iterated.has(statement) ? length * STEPS_A_ROUND : length / ENTRIES_A_STEP);
    }
    return result;
  }

  #spend(steps: number): void {
    this.#steps += steps;
    if (this.#steps > MAX_TEMPLATE_STEPS) throw new Error(`it takes more than ${MAX_TEMPLATE_STEPS} steps`);
  }

  /** Entries of a list or mapping and of those within it, each counted wherever it stands. */
  #entriesOf(value: readonly Value[] | ReadonlyMap<unknown, Value>): number {
    const known = this.#entries.get(value);
    if (known !== undefined) return known;
    // A list within itself has no end.
    this.#entries.set(value, Number.POSITIVE_INFINITY);
    let entries = 0;
    for (const each of value.values()) {
      const inner: unknown = (each as Value | undefined)?.value;
      entries += 1;
      if (Array.isArray(inner) || inner instanceof Map) entries += this.#entriesOf(inner);
    }
    this.#entries.set(value, entries);
    return entries;
  }
}

/** Python's range. */
function range(start: number, stop?: number, step = 1): number[] {
  const [from, to] = stop === undefined ? [0, start] : [start, stop];
  const length = Math.max(0, Math.ceil((to - from) / step));
  if (!(length <= MAX_TEMPLATE_ENTRIES)) {
    throw new Error(`it makes a range of ${length} numbers; the limit is ${MAX_TEMPLATE_ENTRIES}`);
  }
  return Array.from({ length }, (_, at) => from + at * step);
}

/** The date in the forms of Python's strftime that templates use. */
function strftime(date: Date, format: string): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const month = (form: 'long' | 'short') => new Intl.DateTimeFormat('en', { month: form }).format(date);
  const parts: Record<string, () => string> = {
    '%Y': () => String(date.getFullYear()),
    '%m': () => two(date.getMonth() + 1),
    '%d': () => two(date.getDate()),
    '%b': () => month('short'),
    '%B': () => month('long'),
    '%H': () => two(date.getHours()),
    '%M': () => two(date.getMinutes()),
    '%%': () => '%',
  };
  return format.replaceAll(/%[YmdbBHM%]/g, (part) => parts[part]());
}
