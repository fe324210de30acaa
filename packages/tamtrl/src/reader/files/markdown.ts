/** The words of a Markdown text: no marks, no addresses; code, tables and front matter stay readable. */
import MarkdownIt from 'markdown-it';
import { isMap, parseDocument } from 'yaml';
import { MAX_MARKDOWN_NESTING } from '../../base/limits.js';
import { ReaderError } from '../errors.js';
import { joinedPieces, type PlacedText, placed } from '../places.js';
import { htmlText } from './html.js';

// Markdown may hold HTML, so that all of it becomes HTML and is read as such. Line breaks of the text stay.
const options = { html: true, breaks: true, maxNesting: MAX_MARKDOWN_NESTING };
const parser = new MarkdownIt(options);
parser.renderer.rules.image = (tokens, at, options, environment) =>
  parser.utils.escapeHtml(parser.renderer.renderInlineAsText(tokens[at].children ?? [], options, environment));

/** Characters that front matter may have. */
const MAX_FRONT_MATTER = 2 ** 16;

/** @throws ReaderError `input` for what is nested too deep. */
export function markdownText(markdown: string, name: string): PlacedText {
  const { fields, body } = frontMatter(markdown);
  const environment = {};
  const tokens = parser.parse(body, environment);
  // From here on, the parser would leave content out.
  if (tokens.some((token) => token.nesting === 1 && token.level >= MAX_MARKDOWN_NESTING - 1)) {
    throw new ReaderError(
      'input',
      `${name} has lists or quotations nested more than ${MAX_MARKDOWN_NESTING} deep, which no real text does. Rename it to .txt to read it as plain text.`,
    );
  }
  const text = htmlText(parser.renderer.render(tokens, parser.options, environment), name);
  return fields === '' ? text : joinedPieces([placed(`${fields}\n\n`), text]);
}

/** Fields at the very start, between lines of "---"; a rule at the start of a text does not count. */
function frontMatter(markdown: string): { fields: string; body: string } {
  const none = { fields: '', body: markdown };
  const opening = /^\ufeff?---[ \t]*\r?\n/.exec(markdown);
  if (!opening) return none;
  const rest = markdown.slice(opening[0].length, opening[0].length + MAX_FRONT_MATTER);
  const closing = /^(?:---|\.\.\.)[ \t]*\r?$/m.exec(rest);
  if (!closing) return none;
  const fields = rest.slice(0, closing.index);
  if (!isMapping(fields)) return none;
  const end = opening[0].length + closing.index + closing[0].length;
  return { fields: fields.trim(), body: markdown.slice(end) };
}

function isMapping(yaml: string): boolean {
  try {
    const document = parseDocument(yaml, { logLevel: 'silent' });
    return document.errors.length === 0 && isMap(document.contents);
  } catch {
    // The library calls itself for each level, and cannot follow some texts to their end.
    return false;
  }
}
