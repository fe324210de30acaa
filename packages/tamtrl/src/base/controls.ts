/**
 * Text from documents, models, servers and file names must not control the terminal: a control sequence can rename its
 * window, fill its clipboard or hide lines.
 */

/**
 * C0 (but for line breaks), DEL, C1, the bidirectional embeddings, overrides and isolates, which show a text in another
 * order than it has, and the separators U+2028 and U+2029.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROLS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\u2028\u2029]/g;

const TAB = '    ';

/**
 * The text with every control character but line breaks written out, as in `\u001b`, and with spaces for tabs. JSON
 * stays JSON of the same value: these characters can occur only within its strings.
 */
export function withoutControls(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(CONTROLS, (character) => {
    if (character === '\t') return TAB;
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
