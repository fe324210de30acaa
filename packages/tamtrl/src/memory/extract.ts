/** Finds the answer in a model's output: after its thoughts, in its last box. */
import type { PromptFormat } from './prompts.js';

export interface ExtractionOptions {
  /** Look for `\boxed{…}`; default true. */
  boxed?: boolean;
  /** Search for a box in this many characters at the end; default 300, as in MemAgent. */
  tail?: number;
  /** Without a box the answer is empty, not the whole output; default false. */
  requireBox?: boolean;
  /** If a box contains only `\text{…}`, use the text inside; default true. */
  unwrapText?: boolean;
}

/** The text after the last `</think>`; the whole output if there is none. */
export function withoutThoughts(output: string): string {
  const mark = '</think>';
  const at = output.lastIndexOf(mark);
  return at < 0 ? output : output.slice(at + mark.length);
}

/** Content of the last `\boxed{…}` whose braces close, or undefined. `\{` and `\}` are characters, not braces. */
export function lastBoxed(text: string): string | undefined {
  const mark = '\\boxed{';
  for (let at = text.lastIndexOf(mark); at >= 0; at = at === 0 ? -1 : text.lastIndexOf(mark, at - 1)) {
    const start = at + mark.length;
    const end = closingBrace(text, start);
    if (end !== undefined) return text.slice(start, end);
  }
  return undefined;
}

/** Offset of the brace that closes the brace just before `start`. */
function closingBrace(text: string, start: number): number | undefined {
  let depth = 1;
  for (let at = start; at < text.length; at++) {
    const character = text[at];
    if (character === '\\') at++;
    else if (character === '{') depth++;
    else if (character === '}' && --depth === 0) return at;
  }
  return undefined;
}

/** The answer in a model's output without thoughts: the last box within the tail, else the whole output, trimmed. */
export function extractAnswer(output: string, options: ExtractionOptions = {}): string {
  const { boxed = true, tail = 300, requireBox = false, unwrapText = true } = options;
  const said = withoutThoughts(output);
  if (!boxed) return said.trim();
  const box = lastBoxed(tail < said.length ? said.slice(said.length - tail) : said)?.trim();
  if (box === undefined) return requireBox ? '' : said.trim();
  if (!unwrapText) return box;
  const wrapped = /^\\text(?:bf|it|rm)?\{/.exec(box);
  if (wrapped && closingBrace(box, wrapped[0].length) === box.length - 1)
    return box.slice(wrapped[0].length, -1).trim();
  return box;
}

/** The answer in an output, in the place where the prompts ask for it. */
export function answerIn(output: string, { boxed }: Pick<PromptFormat, 'boxed'>): string {
  return extractAnswer(output, { boxed });
}
