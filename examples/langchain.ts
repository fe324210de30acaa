/**
 * LangChain.js: a document compressor that reads what a retriever has found with a memory, and a retriever that reads
 * whole files. Neither needs LangChain's packages: LangChain takes any object of these shapes.
 *
 *     const baseCompressor = memoryCompressor({ model });
 *     const retriever = new ContextualCompressionRetriever({ baseRetriever, baseCompressor });
 *     const chain = RunnableLambda.from(fileRetriever({ model }, ['report.pdf', 'notes.docx'])).pipe(answer);
 */
import { type ReadDocumentsOptions, ReaderError, readDocuments } from 'tamtrl';

/** `DocumentInterface` of `@langchain/core/documents`. */
export interface LangChainDocument {
  pageContent: string;
  metadata: Record<string, unknown>;
  id?: string;
}

type Options = Omit<ReadDocumentsOptions, 'documents' | 'question'>;

/** `BaseDocumentCompressor` of `@langchain/core/retrievers/document_compressors`. */
export function memoryCompressor(options: Options) {
  return {
    compressDocuments: (documents: LangChainDocument[], query: string): Promise<LangChainDocument[]> =>
      notesOf(
        // In a list, a text that is only the name of a file is read as it is.
        documents.map(({ pageContent }) => [pageContent]),
        documents,
        query,
        options,
      ),
  };
}

/** Reads each file for the query: formats and folders as in `tamtrl ask`. */
export function fileRetriever(options: Options, files: readonly string[]) {
  return (query: string): Promise<LangChainDocument[]> =>
    notesOf(
      files.map((file) => ({ file })),
      files.map((source) => ({ pageContent: '', metadata: { source } })),
      query,
      options,
    );
}

/** Documents that hold the notes instead of the text. Those without anything for the query are left out. */
async function notesOf(
  texts: ReadDocumentsOptions['documents'],
  documents: readonly LangChainDocument[],
  question: string,
  options: Options,
): Promise<LangChainDocument[]> {
  if (texts.length === 0) return [];
  const outcomes = await readDocuments({ ...options, documents: texts, question });
  return outcomes.flatMap(({ reading, error }, at) => {
    if (ReaderError.isInstance(error, 'empty')) return [];
    if (error) throw error;
    const [{ memory, provenance, answer }] = reading.answers;
    // A memory of which nothing is in the text is the one from before the first chunk, or made up.
    if (!provenance.some(({ source }) => source)) return [];
    const { metadata, ...document } = documents[at];
    return [{ ...document, pageContent: memory, metadata: { ...metadata, answer, provenance } }];
  });
}
