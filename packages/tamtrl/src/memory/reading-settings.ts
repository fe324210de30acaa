/**
 * How a trained model reads: limits, rules and wording. They travel with the model: a run writes them into the model
 * folders that it leaves, and `eval`, `ask` and the reader take them from there.
 */
import { z } from 'zod';
import { given, parsedJson } from '../base/objects.js';
import { RENDERERS } from '../text/documents.js';
import type { Tokenizer } from '../text/tokenizer.js';
import { promptsFor } from './asking.js';
import { MemoryError } from './errors.js';
import type { Budgets } from './frames.js';
import { miniPrompts, type PromptFormat, promptFormatNamed } from './prompts.js';
import { memorySchema } from './settings.js';

const FORMAT = 'tamtrl-reading-1';

const { maxChunks: _, ...memoryShape } = memorySchema.shape;
const temperature = z.number().min(0).default(0);
const topP = z.number().positive().max(1).default(1);

export const readingSchema = z.object({
  ...memoryShape,
  /** How documents are shown: under numbered headings, or the text alone. */
  documents: z.enum(Object.keys(RENDERERS) as [keyof typeof RENDERERS, ...(keyof typeof RENDERERS)[]]),
  /** Absent: what the model's chat template says. */
  thinking: z.boolean().optional(),
  /** Of the run's evaluations. */
  temperature,
  topP,
});

export type ReadingSettings = z.output<typeof readingSchema>;

/** How a run reads its held-out questions. `maxChunks` is left out: it shortens documents in training alone. */
export function readingOf({ memory, data, thinking, evaluation }: z.output<typeof configSchema>): ReadingSettings {
  const { maxChunks: __, ...rest } = memory;
  const documents = data.kind === 'records' ? 'numbered' : 'plain';
  const { temperature, topP } = evaluation;
  return { ...rest, documents, thinking, temperature, topP };
}

/** The reading settings of a configuration of any version. */
const configSchema = z.object({
  memory: z.object(memorySchema.shape),
  data: z.object({ kind: z.enum(['mini', 'babilong', 'records']) }),
  thinking: z.boolean().optional(),
  evaluation: z.object({ temperature, topP }).prefault({}),
});

/** The content of a model folder's file; undefined for a configuration of a program's own that does not say. */
export function readingFile(config: unknown): object | undefined {
  const parsed = configSchema.safeParse(config);
  return parsed.success ? { format: FORMAT, ...readingOf(parsed.data) } : undefined;
}

/**
 * How a model was trained to read, from the file of its folder or, of models that earlier versions wrote, from the
 * configuration of its run; undefined without either.
 * @throws MemoryError `settings` for a damaged file.
 */
export function readingFrom(
  saved: { place: string; text: string; isConfiguration: boolean } | undefined,
): ReadingSettings | undefined {
  if (!saved) return undefined;
  if (!saved.isConfiguration) return parsedFile(saved.text, saved.place);
  const found = configSchema.safeParse(parsedJson(saved.text));
  return found.success ? readingOf(found.data) : undefined;
}

function parsedFile(text: string, place: string): ReadingSettings {
  const value = parsedJson(text);
  const { format } = (value ?? {}) as { format?: unknown };
  const parsed = readingSchema.safeParse(value);
  if (format === FORMAT && parsed.success) return parsed.data;
  const [issue] = parsed.success ? [] : parsed.error.issues;
  const what =
    format !== FORMAT
      ? `expected format ${FORMAT}, found ${JSON.stringify(format) ?? 'none'}`
      : `${issue?.path.join('.')}: ${issue?.message}`;
  throw new MemoryError(
    'settings',
    `${place} does not say how its model reads: ${what}. It may be from another version. Remove it to use the default reading settings, or restore it.`,
  );
}

/** Rules and wording of models that no run has left; token limits depend on who asks. */
export function usualReading(
  tokenizer: Tokenizer,
): Pick<ReadingSettings, 'empty' | 'align' | 'prompts' | 'documents' | 'temperature' | 'topP'> {
  const isMini = promptsFor(tokenizer) === miniPrompts;
  return {
    empty: 'keep',
    align: 'token',
    prompts: isMini ? 'mini' : 'chat',
    documents: isMini ? 'plain' : 'numbered',
    temperature: 0,
    topP: 1,
  };
}

/** A line for each setting that was asked for and differs from how the model was trained. */
export function readingDifferences(asked: Partial<ReadingSettings>, trained: ReadingSettings | undefined): string[] {
  if (!trained) return [];
  return (Object.keys(asked) as (keyof ReadingSettings)[])
    .filter((name) => asked[name] !== undefined && asked[name] !== trained[name])
    .map(
      (name) => `${name} is ${asked[name]} as asked for; the model was trained with ${trained[name] ?? 'its default'}.`,
    );
}

/**
 * What a `MemoryReader` takes of a training's settings; what is given (`asked`) wins. The text is the user's and the
 * answer is one, so `documents`, `temperature` and `topP` have no say.
 */
export function readerSettings(trained: ReadingSettings | undefined, asked: Partial<Budgets>): ReaderSettings {
  if (!trained) return given(asked);
  const { questionTokens, chunkTokens, memoryTokens, answerTokens, empty, align, prompts } = trained;
  const limits = { questionTokens, chunkTokens, memoryTokens, answerTokens };
  return { ...limits, ...given(asked), empty, align, prompts: promptFormatNamed(prompts) };
}

export type ReaderSettings = Partial<Budgets> & {
  empty?: ReadingSettings['empty'];
  align?: ReadingSettings['align'];
  prompts?: PromptFormat;
};
