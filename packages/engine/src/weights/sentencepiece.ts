/**
 * SentencePiece's BPE (https://github.com/google/sentencepiece) in the parts of Hugging Face's tokenizers library. A
 * SentencePiece vocabulary has no merges: of two neighbours that join into a token, those whose token has the highest
 * score join first. As merges, that is every way to cut a token into two, in the order of the tokens' scores.
 */

/** Kinds of tokens (`tokenizer.ggml.token_type`): the one that text is made of. */
const NORMAL = 1;

/** Stands for a space within tokens. */
const SPACE = '\u2581';

export interface SentencePieces {
  tokens: readonly string[];
  /** One number for each token. */
  types: readonly number[];
  scores: readonly number[];
  /** Text is read as if a space stood before it. */
  prefixed: boolean;
}

/** @param vocab ids by token, of all tokens in use */
export function sentencePieceParts(pieces: SentencePieces, vocab: Record<string, number>) {
  const spaces = { type: 'Replace', pattern: { String: ' ' }, content: SPACE };
  const decoders: Record<string, unknown>[] = [
    { type: 'Replace', pattern: { String: SPACE }, content: ' ' },
    { type: 'ByteFallback' },
    { type: 'Fuse' },
  ];
  if (pieces.prefixed) decoders.push({ type: 'Strip', content: ' ', start: 1, stop: 0 });
  return {
    normalizer: pieces.prefixed
      ? { type: 'Sequence', normalizers: [{ type: 'Prepend', prepend: SPACE }, spaces] }
      : spaces,
    preTokenizer: null,
    postProcessor: {
      type: 'TemplateProcessing',
      single: [{ Sequence: { id: 'A', type_id: 0 } }],
      pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
      special_tokens: {},
    },
    decoder: { type: 'Sequence', decoders },
    model: { vocab, merges: mergesOf(pieces), byte_fallback: true },
  };
}

/** Of equal scores, the earlier token joins first, and of its halves those with the earlier first part. */
function mergesOf({ tokens, types, scores }: SentencePieces): [string, string][] {
  const ids = new Map<string, number>();
  for (const [id, token] of tokens.entries()) if (types[id] === NORMAL) ids.set(token, id);
  const merges: [string, string][] = [];
  const order = [...ids.values()].sort((a, b) => scores[b] - scores[a] || a - b);
  for (const id of order) {
    const token = tokens[id];
    const halves: { left: number; right: number }[] = [];
    for (let cut = 1; cut < token.length; cut++) {
      const left = ids.get(token.slice(0, cut));
      const right = ids.get(token.slice(cut));
      if (left !== undefined && right !== undefined) halves.push({ left, right });
    }
    halves.sort((a, b) => a.left - b.left || a.right - b.right);
    for (const { left, right } of halves) merges.push([tokens[left], tokens[right]]);
  }
  return merges;
}
