/** Finds the answer in a model's output: after its thoughts, in its last box. */
import type { PromptFormat } from './prompts.js';

export interface ExtractionOptions {
  /** Look for a box; default true. */
  boxed?: boolean;
  /** A box is looked for in this many characters at the end; default: everywhere. MemAgent takes 300. */
  tail?: number;
  /** Without a box the answer is empty, not the whole output; default false. */
  requireBox?: boolean;
  /** A box that holds nothing but texts such as `\text{…}`, or a list of them, gives what is inside; default true. */
  unwrapText?: boolean;
}

/** What follows the last `</think>`; the whole output if there is none. A thought that never ends is all there is. */
export function withoutThoughts(output: string): string {
  const mark = '</think>';
  const at = output.lastIndexOf(mark);
  const said = at < 0 ? output : output.slice(at + mark.length);
  return said.trimStart().startsWith('<think>') ? '' : said;
}

/**
 * Content of the last box, or undefined: of `\boxed{…}` or `\fbox{…}` whose braces close (`\{` and `\}` are
 * characters, not braces), or what follows a `\boxed` without braces, up to the `$` on its line, else one word.
 */
export function lastBoxed(text: string): string | undefined {
  const boxes = [...text.matchAll(/\\(?:boxed|fbox)(?![A-Za-z])\s*/g)].reverse();
  if (boxes.length === 0) return undefined;
  const closing = closingBraces(text);
  for (const match of boxes) {
    const start = match.index + match[0].length;
    if (text[start] === '{') {
      const end = closing.get(start);
      if (end !== undefined) return text.slice(start + 1, end);
    } else if (/\s$/.test(match[0])) {
      const rest = text.slice(start).split('\n', 1)[0];
      const content = rest.includes('$') ? rest.split('$', 1)[0] : (/^\S*[^\s.,;:!?]/.exec(rest)?.[0] ?? '');
      if (content !== '') return content;
    }
  }
  return undefined;
}

/** For each brace that opens in a text and closes, the offset of the one that closes it. */
function closingBraces(text: string): ReadonlyMap<number, number> {
  const closing = new Map<number, number>();
  const open: number[] = [];
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '\\') at++;
    else if (character === '{') open.push(at);
    else if (character === '}') {
      const start = open.pop();
      if (start !== undefined) closing.set(start, at);
    }
  }
  return closing;
}

/** LaTeX's commands that only set the type of their text. */
const TYPE = /\\(?:text(?:bf|it|rm|sf|tt|normal)?|math(?:bf|it|rm|sf|tt)|mbox|emph)\{/y;
/** Separators of a list's parts. */
const BETWEEN = /(?:[\s,;&$]|\\[ ,;&]|and(?![A-Za-z]))+/y;

/** Types set within one another. */
const MOST_TYPES = 16;

/** The text of `\text{Paris}` and of `\text{Paris}, \text{Rome}`; anything else, formulas above all, as it is. */
function unwrapped(box: string, depth = 0): string {
  if (depth > MOST_TYPES) return box;
  const closing = closingBraces(box);
  let text = '';
  for (let at = 0; at < box.length; ) {
    TYPE.lastIndex = BETWEEN.lastIndex = at;
    const between = BETWEEN.exec(box);
    if (between) {
      text += between[0].replaceAll(/\\[ ,;]/g, ' ').replaceAll(/[\\$]/g, '');
      at += between[0].length;
      continue;
    }
    const command = TYPE.exec(box);
    const end = command ? closing.get(at + command[0].length - 1) : undefined;
    if (command === null || end === undefined) return box;
    text += unwrapped(box.slice(at + command[0].length, end), depth + 1);
    at = end + 1;
  }
  return text.trim();
}

/** The answer in a model's output: its last box, else the whole output, trimmed, thoughts left out. */
export function extractAnswer(output: string, options: ExtractionOptions = {}): string {
  const { boxed = true, tail = Number.POSITIVE_INFINITY, requireBox = false, unwrapText = true } = options;
  const said = withoutThoughts(output);
  if (!boxed) return said.trim();
  // An unfinished thought that follows may contain a box, which is not the answer.
  const open = said.indexOf('<think>');
  const finished = open < 0 ? said : said.slice(0, open);
  const box = lastBoxed(tail < finished.length ? finished.slice(finished.length - tail) : finished)?.trim();
  if (box === undefined) return requireBox ? '' : said.trim();
  return unwrapText ? unwrapped(box) : box;
}

/** The answer in an output, in the place where the prompts ask for it. */
export function answerIn(output: string, { boxed }: Pick<PromptFormat, 'boxed'>): string {
  return extractAnswer(output, { boxed });
}
