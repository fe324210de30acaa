/** File parts of a prompt as text: those that are text themselves, and on request every kind that is read. */
import type { LanguageModelV3FilePart, LanguageModelV3Prompt } from '@ai-sdk/provider';
import { decodedText } from '../../reader/decoding.js';
import { ReaderError } from '../../reader/errors.js';

/** Types whose bytes are text. */
const TEXT =
  /^(?:text(?:\/|$)|application\/(?:[\w.-]+\+)?(?:json|xml|yaml|x-yaml|toml|javascript|sql|x-ndjson|jsonl)\b)/i;
/** What no program reads as text. */
const MEDIA = /^(?:image|audio|video|font|model)(?:\/|$)/i;

/** As ai 7 has them: tagged. */
type TaggedData = { type: string; data?: string | Uint8Array; text?: string };

/** A file's bytes or text; undefined for an address or a reference, which only the provider can follow. */
function contentOf({ data }: Pick<LanguageModelV3FilePart, 'data'>): Uint8Array | string | undefined {
  if (data instanceof Uint8Array) return data;
  if (typeof data === 'string') return bytesOf(data);
  if (data instanceof URL) return undefined;
  const { type, text, data: inner } = data as TaggedData;
  if (type === 'text') return text;
  if (type !== 'data' || inner === undefined) return undefined;
  return typeof inner === 'string' ? bytesOf(inner) : inner;
}

const bytesOf = (base64: string) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

const nameOf = ({ filename }: LanguageModelV3FilePart) => filename ?? 'The file';

/** The text of a file part of a text type; undefined for others, and for text that cannot be decoded. */
export function textOfPart(part: LanguageModelV3FilePart): string | undefined {
  if (!TEXT.test(part.mediaType)) return undefined;
  const content = contentOf(part);
  if (content === undefined || typeof content === 'string') return content;
  try {
    return decodedText(content, nameOf(part), {});
  } catch (error) {
    if (ReaderError.isInstance(error)) return undefined;
    throw error;
  }
}

/**
 * The prompt with the files of users as texts.
 * @param all every kind that is read (PDF, office documents, e-mail, …), not only those that are text
 * @param onNote told what was assumed of a file or left out of it
 * @throws ReaderError `input` or `empty` for a file that cannot be read. Media is left alone.
 */
export async function withFilesAsText(
  prompt: LanguageModelV3Prompt,
  all: boolean,
  onNote: (note: string) => void,
): Promise<LanguageModelV3Prompt> {
  const read = async (part: LanguageModelV3FilePart) => {
    const text = all && !MEDIA.test(part.mediaType) ? await loaded(part, onNote) : textOfPart(part);
    if (text === undefined) return part;
    return { type: 'text' as const, text: part.filename === undefined ? text : `${part.filename}:\n\n${text}` };
  };
  return Promise.all(
    prompt.map(async (message) => {
      if (message.role !== 'user') return message;
      const content = message.content.map((part) => (part.type === 'file' ? read(part) : part));
      return { ...message, content: await Promise.all(content) };
    }),
  );
}

/** Kinds that are known by their names alone, for files without one. */
const NAMES: Readonly<Record<string, string>> = {
  'text/markdown': 'file.md',
  'text/csv': 'file.csv',
  'text/tab-separated-values': 'file.tsv',
};

async function loaded(part: LanguageModelV3FilePart, onNote: (note: string) => void): Promise<string | undefined> {
  const content = contentOf(part);
  if (content === undefined || typeof content === 'string') return content;
  const { loadDocument } = await import('../../reader/load-document.js');
  const name = part.filename ?? NAMES[part.mediaType.split(';')[0].trim().toLowerCase()] ?? nameOf(part);
  let all = '';
  for await (const { text } of loadDocument(content, { name, onNote })) all += text;
  return all;
}
