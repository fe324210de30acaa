/** The tags that divide a prompt into parts, and how they are written where somebody else's text contains them. */
import type { Tokenizer } from '../text/tokenizer.js';

/**
 * Finds the tags of a wording, with white space or attributes in them too. Tags that the tokenizer has control tokens
 * for are left out: no text encodes to those.
 */
export function tagsIn(wording: string, { controlTokens }: Pick<Tokenizer, 'controlTokens'>): RegExp | undefined {
  const tags = [...wording.matchAll(/<\/?([a-z][\w-]*)>/gi)].filter(([tag]) => !controlTokens.has(tag));
  const names = [...new Set(tags.map(([, name]) => name))];
  if (names.length === 0) return undefined;
  return new RegExp(`<(\\s{0,4}/?\\s{0,4}(?:${names.join('|')})(?:\\s[^<>]{0,200})?/?)>`, 'gi');
}

/**
 * The ids, or those of the same text with square brackets instead of angle brackets where it contains one of the tags:
 * never more than there were.
 */
export function withoutTags(ids: readonly number[], tags: RegExp, tokenizer: Tokenizer): readonly number[] {
  const text = tokenizer.decode(ids);
  const safe = text.replaceAll(tags, '[$1]');
  return safe === text ? ids : tokenizer.encodeText(safe).slice(0, ids.length);
}
