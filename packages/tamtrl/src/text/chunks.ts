/**
 * Chunks: consecutive parts of the rendered documents, or of a stream, that fit a token budget. Together they make up
 * the whole text. Each chunk records which characters of which documents it holds, so that its relevant parts are known
 * exactly.
 */
import { TokenCutter } from './cutter.js';
import { type Document, type DocumentPart, type DocumentRenderer, numberedRenderer, renderParts } from './documents.js';
import { TextError } from './errors.js';
import type { Tokenizer } from './tokenizer.js';

/** Where a part of a chunk comes from. The pieces of a chunk follow one another without gaps. */
export interface ChunkPiece {
  /** Index of the document; 0 for a stream. */
  document: number;
  /** Only `text` belongs to the document; the renderer adds the rest. */
  part: DocumentPart;
  /** Offsets in the rendered text. */
  start: number;
  end: number;
  /** Offsets in that part of the document: for `text` in the document's text, for `heading` in its heading. */
  documentStart: number;
  documentEnd: number;
}

/** The fields of a chunk that an agent reads. */
export interface AgentChunk {
  /** Place among the chunks that are read, from 0. */
  readonly index: number;
  readonly ids: readonly number[];
  /** Offsets in the rendered text, in UTF-16 code units. */
  readonly start: number;
  readonly end: number;
}

export interface Chunk extends AgentChunk {
  index: number;
  /** Tokens of `text`, at most `chunkTokens`. */
  ids: number[];
  text: string;
  /** Offsets in the rendered text, in UTF-16 code units. */
  start: number;
  end: number;
  pieces: ChunkPiece[];
}

export interface ChunkOptions {
  /** Maximum number of tokens in a chunk, counted with the given tokenizer. */
  chunkTokens: number;
  /**
   * `token` (default) fills a chunk as far as whole words allow; `sentence` prefers to end after a sentence or a line.
   */
  align?: 'token' | 'sentence';
}

export interface DocumentChunkOptions extends ChunkOptions {
  /** Default: `numberedRenderer`. */
  renderer?: DocumentRenderer;
  /**
   * The maximum number of chunks to read. Longer texts keep their first and last chunks and lose the middle, as in
   * MemAgent's training.
   */
  maxChunks?: number;
}

export interface ChunkedDocuments {
  chunks: Chunk[];
  /** How much `maxChunks` left out; zero without it. */
  omitted: { chunks: number; characters: number; tokens: number };
}

/** Finds the pieces of each chunk while parts and chunks both go forward. */
class PieceTracker {
  readonly #parts: { document: number; part: DocumentPart; start: number; end: number; offset: number }[] = [];
  #end = 0;

  /** `offset`: where this bit starts in its part of the document. */
  add(document: number, part: DocumentPart, length: number, offset = 0): void {
    const last = this.#parts.at(-1);
    if (last && last.document === document && last.part === part) last.end += length;
    else this.#parts.push({ document, part, start: this.#end, end: this.#end + length, offset });
    this.#end += length;
  }

  /** Pieces of the rendered text from `start` to `end`. Forgets the parts before `end`. */
  take(start: number, end: number): ChunkPiece[] {
    const pieces: ChunkPiece[] = [];
    let passed = 0;
    for (const part of this.#parts) {
      if (part.start >= end) break;
      const from = Math.max(start, part.start);
      const to = Math.min(end, part.end);
      const shift = part.offset - part.start;
      if (from < to) {
        const { document } = part;
        pieces.push({
          document,
          part: part.part,
          start: from,
          end: to,
          documentStart: from + shift,
          documentEnd: to + shift,
        });
      }
      if (part.end > end) break;
      passed++;
    }
    // The last part stays: more of it may come, and it carries the offset.
    this.#parts.splice(0, Math.min(passed, this.#parts.length - 1));
    return pieces;
  }
}

/**
 * Chunks of documents that are in memory.
 * @throws TextError `chunk-size` if a single character has more tokens than `chunkTokens`.
 */
export function chunkDocuments(
  documents: readonly Document[],
  tokenizer: Tokenizer,
  options: DocumentChunkOptions,
): ChunkedDocuments {
  const chunks = [...chunksOf(documents, tokenizer, options)];
  return options.maxChunks === undefined
    ? { chunks, omitted: { chunks: 0, characters: 0, tokens: 0 } }
    : omitMiddle(chunks, options.maxChunks);
}

/** Yields the chunks of documents one after another, without holding the rendered text. `maxChunks` does not apply. */
export function* chunksOf(
  documents: readonly Document[],
  tokenizer: Tokenizer,
  options: DocumentChunkOptions,
): Generator<Chunk> {
  const cutter = new TokenCutter(tokenizer, { chunkTokens: options.chunkTokens, align: options.align ?? 'token' });
  const pieces = new PieceTracker();
  const count = { chunks: 0 };
  for (const { document, part, text } of renderParts(documents, options.renderer ?? numberedRenderer)) {
    for (let at = 0; at < text.length; at += SLICE) {
      const slice = text.slice(at, at + SLICE);
      pieces.add(document, part, slice.length, at);
      cutter.push(slice);
      yield* drain(cutter, pieces, count);
    }
  }
  cutter.finish();
  yield* drain(cutter, pieces, count);
}

/**
 * Chunks of a stream of any length, with a window of about two chunks. The stream may be split anywhere, even within a
 * surrogate pair; the chunks stay the same.
 */
export async function* chunkStream(
  source: AsyncIterable<string> | Iterable<string>,
  tokenizer: Tokenizer,
  options: ChunkOptions,
): AsyncGenerator<Chunk> {
  const cutting = new Cutting(tokenizer, options);
  for await (const text of source) for (const slice of slicesOf(text)) yield* cutting.after(slice);
  yield* cutting.end();
}

/**
 * The chunks of a stream, each with those after it that need no more text, as far as `wanted` says. The last chunk of
 * the text read so far may still grow, so it is only given out when the next one has begun; that of the whole stream
 * never is.
 */
export async function* chunksAhead(
  source: AsyncIterable<string>,
  tokenizer: Tokenizer,
  options: ChunkOptions,
  wanted: () => number,
): AsyncGenerator<[Chunk, ...Chunk[]]> {
  const cutting = new Cutting(tokenizer, options);
  const ready: Chunk[] = [];
  function* whole(enough: () => number): Generator<[Chunk, ...Chunk[]]> {
    while (ready.length > enough()) {
      const [first, ...later] = ready.slice(0, -1);
      yield [first, ...later];
      ready.shift();
    }
  }
  for await (const text of source) {
    for (const slice of slicesOf(text)) {
      ready.push(...cutting.after(slice));
      yield* whole(() => Math.max(1, wanted()));
    }
    yield* whole(() => 1);
  }
  ready.push(...cutting.end());
  yield* whole(() => 1);
}

/** Chunks of a text that comes bit by bit. */
class Cutting {
  readonly #cutter: TokenCutter;
  readonly #pieces = new PieceTracker();
  readonly #count = { chunks: 0 };

  constructor(tokenizer: Tokenizer, { chunkTokens, align = 'token' }: ChunkOptions) {
    this.#cutter = new TokenCutter(tokenizer, { chunkTokens, align });
  }

  *after(text: string): Generator<Chunk> {
    this.#pieces.add(0, 'text', text.length);
    this.#cutter.push(text);
    yield* drain(this.#cutter, this.#pieces, this.#count);
  }

  *end(): Generator<Chunk> {
    this.#cutter.finish();
    yield* drain(this.#cutter, this.#pieces, this.#count);
  }
}

function* slicesOf(text: string): Generator<string> {
  for (let at = 0; at < text.length; at += SLICE) yield text.slice(at, at + SLICE);
}

/** A long text goes to the cutter in slices, so that its window stays small. */
const SLICE = 4096;

function* drain(cutter: TokenCutter, pieces: PieceTracker, count: { chunks: number }): Generator<Chunk> {
  for (let piece = cutter.next(); piece; piece = cutter.next()) {
    const { text, ids, start } = piece;
    const end = start + text.length;
    yield { index: count.chunks++, ids, text, start, end, pieces: pieces.take(start, end) };
  }
}

/**
 * Keeps the first and last chunks, `maxChunks` in all (one more at the front if it is odd), and counts what it leaves
 * out. Offsets still refer to the whole rendered text; indices are renumbered.
 */
export function omitMiddle(chunks: readonly Chunk[], maxChunks: number): ChunkedDocuments {
  if (!Number.isInteger(maxChunks) || maxChunks < 1) {
    throw new TextError('invalid-argument', `maxChunks is ${maxChunks}, expected a whole number of at least 1.`);
  }
  const surplus = Math.max(0, chunks.length - maxChunks);
  const front = surplus === 0 ? chunks.length : Math.ceil(maxChunks / 2);
  const gone = chunks.slice(front, front + surplus);
  const kept = [...chunks.slice(0, front), ...chunks.slice(front + surplus)];
  return {
    chunks: kept.map((chunk, index) => ({ ...chunk, index })),
    omitted: {
      chunks: surplus,
      characters: gone.reduce((sum, chunk) => sum + chunk.text.length, 0),
      tokens: gone.reduce((sum, chunk) => sum + chunk.ids.length, 0),
    },
  };
}
