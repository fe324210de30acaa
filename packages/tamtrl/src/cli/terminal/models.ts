/** The one way in which commands open models: with the flags that say how, and downloads reported on stderr. */
import { openModel } from '../../models/open.js';
import { checkpointOfAddress } from '../../models/run-checkpoints.js';
import type { Precision } from '../../policy/precision.js';
import type { Policy } from '../../policy/types.js';
import { UsageError } from './errors.js';
import type { Io } from './io.js';

/** See `addModelOptions`. */
export interface ModelFlags {
  tokenizer?: string;
  contextLength?: number;
  thinking?: boolean;
  /** Servers that a file may name. */
  allowHost?: readonly string[];
  prediction?: boolean;
  cacheKey?: boolean;
  precision?: Precision;
  gate?: boolean;
}

export interface Opening {
  /** Where downloads and troubles of servers are reported: stderr, or the note of a progress display. */
  note: (text: string) => void;
  signal?: AbortSignal;
  /** Seed of weights that are made from nothing. */
  seed?: number;
  /** For models at a server: attempts beyond the first. */
  retries?: number;
}

/** @throws UsageError if no model is named. */
export function requiredModel({ model = process.env.TAMTRL_MODEL || undefined }: { model?: string }): string {
  if (model !== undefined) return model;
  throw new UsageError(
    'No model is named. Give --model (or set TAMTRL_MODEL): a .gguf file or model folder on this machine, hf:owner/name to download one, or openai:URL#MODEL for a server.',
  );
}

/** The model that `--model` names. For a run's folder, it is one of its checkpoints, and stderr says which. */
export async function namedModel(spec: string, note: Opening['note']): Promise<string> {
  const model = await checkpointOfAddress(spec);
  if (model !== spec) note(`${spec} is the folder of a run: its model is ${model}.`);
  return model;
}

/** @param spec as `--model` takes it */
export async function openForCommand(spec: string, flags: ModelFlags, { note, ...opening }: Opening): Promise<Policy> {
  const { tokenizer, contextLength, thinking, allowHost: allowHosts, prediction, cacheKey, precision } = flags;
  return openModel(await namedModel(spec, note), {
    ...opening,
    tokenizer,
    contextLength,
    thinking,
    allowHosts,
    prediction,
    cacheKey,
    precision,
    note,
    onDownload: downloadTold(note),
  });
}

/** For every function that takes `onDownload`. */
export const downloadTold = (note: Opening['note']) => (file: string) => note(`Downloading ${file}`);

export const noteOn =
  (io: Io): Opening['note'] =>
  (text) =>
    io.err(`${text}\n`);
