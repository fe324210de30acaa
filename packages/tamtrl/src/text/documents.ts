/**
 * Renders documents for the model, each as heading + text + ending, so that every character of the rendered text
 * belongs to one known place in one document.
 */

export interface Document {
  title?: string;
  text: string;
  /** The answer needs this document; absent if it was not annotated. */
  relevant?: boolean;
}

/** The text before and after a document's own text. `index` counts from 0. */
export interface DocumentRenderer {
  heading(document: Document, index: number): string;
  ending(document: Document, index: number): string;
}

/** "Document 1: Title", a line break, the text, an empty line. */
export const numberedRenderer: DocumentRenderer = {
  heading: (document, index) => `Document ${index + 1}:${document.title ? ` ${document.title}` : ''}\n`,
  ending: () => '\n\n',
};

/** The text alone, one line a document. */
export const plainRenderer: DocumentRenderer = {
  heading: () => '',
  ending: () => '\n',
};

/** Renderers by the name that settings give them. */
export const RENDERERS = { numbered: numberedRenderer, plain: plainRenderer } as const;

export type DocumentPart = 'heading' | 'text' | 'ending';

/** One part of one document with its place in the rendered text. */
export interface RenderedPart {
  document: number;
  part: DocumentPart;
  text: string;
}

/** The parts of all documents in order; empty parts are left out. */
export function* renderParts(
  documents: readonly Document[],
  renderer: DocumentRenderer = numberedRenderer,
): Generator<RenderedPart> {
  for (let document = 0; document < documents.length; document++) {
    const source = documents[document];
    const parts: [DocumentPart, string][] = [
      ['heading', renderer.heading(source, document)],
      ['text', source.text],
      ['ending', renderer.ending(source, document)],
    ];
    for (const [part, text] of parts) if (text !== '') yield { document, part, text };
  }
}

/** The whole rendered text, for documents that fit in memory. */
export function renderDocuments(documents: readonly Document[], renderer?: DocumentRenderer): string {
  let text = '';
  for (const part of renderParts(documents, renderer)) text += part.text;
  return text;
}
