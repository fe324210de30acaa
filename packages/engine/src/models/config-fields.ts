/** Looks up the fields of a config.json, with error messages that name the file and the key. */
import { EngineError } from '../errors.js';
import { isJsonObject, type JsonObject, showJson } from '../json.js';

/** Look-ups in a config.json that name the file and the key when they fail. */
export class Fields {
  readonly file: string;
  readonly #json: JsonObject;
  readonly #prefix: string;

  constructor(file: string, json: JsonObject, prefix = '') {
    this.file = file;
    this.#json = json;
    this.#prefix = prefix;
  }

  value(key: string): unknown {
    return this.#json[key] ?? undefined;
  }

  wrong(key: string, expected: string): EngineError {
    const found = showJson(this.value(key));
    return new EngineError('file', `"${this.#prefix}${key}" in ${this.file} should be ${expected}, found ${found}.`, {
      file: this.file,
      expected,
      found,
    });
  }

  positive(key: string, fallback?: number): number {
    const value = this.value(key) ?? fallback;
    if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
    throw this.wrong(key, 'a positive number');
  }

  count(key: string, fallback?: number): number {
    const value = this.positive(key, fallback);
    if (Number.isSafeInteger(value)) return value;
    throw this.wrong(key, 'a positive whole number');
  }

  boolean(key: string, fallback: boolean): boolean {
    const value = this.value(key) ?? fallback;
    if (typeof value === 'boolean') return value;
    throw this.wrong(key, 'true or false');
  }

  object(key: string): Fields | undefined {
    const value = this.value(key);
    if (value === undefined) return undefined;
    if (isJsonObject(value)) return new Fields(this.file, value, `${this.#prefix}${key}.`);
    throw this.wrong(key, 'an object');
  }

  /** Keys that hold objects. */
  keysOfObjects(): string[] {
    return Object.keys(this.#json).filter((key) => isJsonObject(this.#json[key]));
  }

  /** Refuses any value but `value`, which an absent key stands for. @throws EngineError 'unsupported'. */
  requireValue(key: string, value: boolean | string): void {
    const found = typeof value === 'boolean' ? this.boolean(key, value) : (this.value(key) ?? value);
    if (found !== value) throw this.unsupported(key, JSON.stringify(value));
  }

  /**
   * Refuses a list with an entry other than `value`, such as a list of layer types. @throws EngineError 'unsupported'.
   */
  requireEach(key: string, value: string): void {
    const list = this.value(key);
    if (!Array.isArray(list) || list.every((entry) => entry === value)) return;
    throw this.unsupported(key, `${JSON.stringify(value)} in every layer`);
  }

  unsupported(key: string, expected: string): EngineError {
    const found = showJson(this.value(key));
    return new EngineError(
      'unsupported',
      `"${this.#prefix}${key}" in ${this.file}: the engine supports ${expected}, found ${found}.`,
      { file: this.file, expected, found },
    );
  }
}
