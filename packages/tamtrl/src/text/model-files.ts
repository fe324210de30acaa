/** Reads the JSON files that come with a model's weights. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { bytesText, MAX_MODEL_JSON_BYTES } from '../base/limits.js';
import { TextError } from './errors.js';

export type JsonObject = { readonly [key: string]: unknown };

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A file's text, or undefined if there is none. @throws TextError `file` if it cannot be read, or is too large. */
export async function readOptional(folder: string, name: string): Promise<string | undefined> {
  try {
    const { size } = await stat(join(folder, name));
    if (size > MAX_MODEL_JSON_BYTES) {
      throw new Error(`it has ${bytesText(size)}, expected at most ${bytesText(MAX_MODEL_JSON_BYTES)}`);
    }
    return await readFile(join(folder, name), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new TextError('file', `Cannot read ${join(folder, name)}: ${(error as Error).message}.`, { cause: error });
  }
}

/** A JSON object from a file, or undefined if there is no such file. */
export async function readOptionalJson(folder: string, name: string): Promise<JsonObject | undefined> {
  const text = await readOptional(folder, name);
  return text === undefined ? undefined : parseJsonObject(text, join(folder, name));
}

export function parseJsonObject(text: string, place: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new TextError('file', `${place} is not JSON: ${(error as Error).message}. Download the file again.`, {
      cause: error,
    });
  }
  if (!isJsonObject(value)) {
    throw new TextError(
      'file',
      `${place} holds ${Array.isArray(value) ? 'an array' : typeof value}, expected a JSON object.`,
    );
  }
  return value;
}
