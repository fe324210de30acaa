/** JSON objects from files, with messages that name the file. */
import { EngineError, reasonOf } from './errors.js';

export type JsonObject = Readonly<Record<string, unknown>>;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value as JSON, for messages; long values are cut. */
export function showJson(value: unknown): string {
  if (value === undefined) return 'nothing';
  try {
    return JSON.stringify(value).slice(0, 120);
  } catch {
    // More nested than JSON.stringify follows, though JSON.parse does.
    return Array.isArray(value) ? 'lists nested very deep' : 'objects nested very deep';
  }
}

/** `value`, the content of `file`. @throws EngineError 'file' if it is not an object. */
export function requireJsonObject(file: string, value: unknown): JsonObject {
  if (isJsonObject(value)) return value;
  const found = showJson(value);
  throw new EngineError('file', `${file} should hold a JSON object, found ${found}.`, {
    file,
    expected: 'object',
    found,
  });
}

/** @throws EngineError 'file' if `bytes`, the content of `file`, is not a JSON object. */
export function parseJsonObject(file: string, bytes: Uint8Array): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new EngineError('file', `${file} is not JSON: ${reasonOf(cause)}`, { file, expected: 'JSON' }, { cause });
  }
  return requireJsonObject(file, value);
}
