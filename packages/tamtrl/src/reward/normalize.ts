/**
 * Ways to bring a prediction and a gold answer into one form before they are compared: SQuAD's for question answering,
 * MATH's for formulas.
 */

export type Normalization = 'squad' | 'math' | 'none';

/** Python's `string.punctuation`: ASCII only, so a typographic dash or quote stays. */
const ASCII_PUNCTUATION = /[!"#$%&'()*+,\-./:;<=>?@[\\\]^_`{|}~]/g;

/** What Python's `str.split()` splits at. JavaScript's `\s` lacks U+001C to U+001F and U+0085, and has U+FEFF. */
const PYTHON_WHITESPACE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are whitespace in the reference definition
  /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/;

/**
 * Word boundaries as in Python's Unicode regular expressions; JavaScript's `\b` takes accented letters for non-words.
 */
const ARTICLES = /(?<![\p{L}\p{N}_])(?:a|an|the)(?![\p{L}\p{N}_])/gu;

/**
 * Lowercase, without ASCII punctuation, without the articles a, an, the, single spaces: the normalisation of the
 * SQuAD and HotpotQA evaluation scripts (arXiv 1606.05250, 1809.09600).
 */
export function normalizeSquad(text: string): string {
  const words = text.toLowerCase().replace(ASCII_PUNCTUATION, '').replace(ARTICLES, ' ');
  return squadTokensOfNormalized(words).join(' ');
}

/** Words of a text already normalised. The empty text has none. */
export function squadTokensOfNormalized(text: string): string[] {
  return text.split(PYTHON_WHITESPACE).filter((word) => word !== '');
}

/**
 * The equivalence of the MATH data set (arXiv 2103.03874), on lowercased text as MemAgent uses it: LaTeX spacing,
 * units, degree and dollar signs go, fractions and roots get braces, all spaces go. Articles and punctuation stay, so
 * "The Beatles" and "Beatles" differ.
 */
export function normalizeMath(text: string): string {
  let result = text
    .trim()
    .toLowerCase()
    .replaceAll('\n', '')
    .replaceAll('\\!', '')
    .replaceAll('\\\\', '\\')
    .replace(/\\[td]frac/g, '\\frac')
    .replace(/\\left|\\right/g, '')
    .replace(/\^\{\\circ\}|\^\\circ/g, '')
    .replaceAll('\\$', '');
  const unit = result.split('\\text{ ');
  if (unit.length === 2) result = unit[0];
  result = result.replaceAll('\\%', '').replaceAll(' .', ' 0.').replaceAll('{.', '{0.').replace(/^\./, '0.');
  // "k = 5" answers as "5"; a longer left side is an equation and stays.
  const sides = result.split('=');
  if (sides.length === 2 && sides[0].trim().length <= 2) result = sides[1];
  result = result
    .replace(/\\sqrt\s*([^{\s])/g, '\\sqrt{$1}')
    .replace(/\s+/g, '')
    .replace(/\\frac([^{])(.)/g, (_, top: string, next: string) =>
      next === '{' ? `\\frac{${top}}{` : `\\frac{${top}}{${next}}`,
    );
  if (result === '0.5') return '\\frac{1}{2}';
  const ratio = /^(0|-?[1-9]\d*)\/(0|-?[1-9]\d*)$/.exec(result);
  return ratio ? `\\frac{${ratio[1]}}{${ratio[2]}}` : result;
}

export function normalizeAnswer(text: string, normalization: Normalization): string {
  switch (normalization) {
    case 'squad':
      return normalizeSquad(text);
    case 'math':
      return normalizeMath(text);
    case 'none':
      return text;
  }
}
