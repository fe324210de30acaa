/** Finds the answer in what a model wrote: after its thoughts, in its last box. */
import type { PromptFormat } from './prompts.js';

export interface ExtractionOptions {
  /** Look for `\boxed{…}`; default true. */
  boxed?: boolean;
  /** A box is looked for in this many characters at the end; default 300, as in MemAgent. */
  tail?: number;
  /** Without a box the answer is empty, not the whole output; default false. */
  requireBox?: boolean;
  /** A box that holds nothing but `\text{…}` gives what is inside; default true. */
  unwrapText?: boolean;
}

/** What follows the last `</think>`; the whole output if there is none. A thought that never ends is all there is. */
export function withoutThoughts(output: string): string {
  const mark = '</think>';
  const at = output.lastIndexOf(mark);
  const said = at < 0 ? output : output.slice(at + mark.length);
  return said.trimStart().startsWith('<think>') ? '' : said;
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

/** Offset of the brace that closes the one just before `start`. */
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

/** The answer in a model's output: the last box within the tail, else the whole output, trimmed, thoughts left out. */
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

/** The answer in an output, where the wording of the prompts has asked for it. */
export function answerIn(output: string, { boxed }: Pick<PromptFormat, 'boxed'>): string {
  return extractAnswer(output, { boxed });
}
