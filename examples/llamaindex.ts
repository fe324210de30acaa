/**
 * LlamaIndex.TS: a query engine that reads files with a memory instead of searching an index. It has the shape of
 * `BaseQueryEngine` as far as chat programs use it, and needs none of LlamaIndex's packages:
 *
 *     const engine = memoryQueryEngine({ model }, ['report.pdf', 'notes.docx']);
 *     const tool = new QueryEngineTool({ queryEngine: engine as unknown as BaseQueryEngine, metadata });
 *     const { message, sourceNodes } = await engine.query({ query: 'Who sold the horse?' });
 */
import { type ReadDocumentsOptions, readDocuments } from 'tamtrl';

/** `QueryType`: a question alone, or with what else a bundle has. */
type Query = string | { query: string | { type: string; text?: string }[] };

/** A node that holds a piece of the notes; its metadata say where in which file the piece was read. */
export interface NoteNode {
  text: string;
  metadata: Record<string, unknown>;
  getContent(): string;
}

/** `EngineResponse`. */
export interface Response {
  message: { role: 'assistant'; content: string };
  response: string;
  sourceNodes: { node: NoteNode; score: number }[];
  metadata: Record<string, unknown>;
  toString(): string;
}

type Options = Omit<ReadDocumentsOptions, 'documents' | 'question'>;

export function memoryQueryEngine(options: Options, files: readonly string[]) {
  const read = async (query: Query) => {
    const documents = files.map((file) => ({ file }));
    const outcomes = await readDocuments({ ...options, documents, question: questionOf(query) });
    return outcomes.map(({ reading, error }) => {
      if (error) throw error;
      return reading;
    });
  };
  const nodesOf = (readings: Awaited<ReturnType<typeof read>>) =>
    readings.flatMap(({ provenance }, at) =>
      provenance.flatMap(({ text, source }) => {
        if (!source) return [];
        const metadata = { file: files[at], ...source };
        return [{ node: { text, metadata, getContent: () => text }, score: 1 }];
      }),
    );
  return {
    /** The notes alone. */
    retrieve: async (query: Query) => nodesOf(await read(query)),
    /** One answer for each file in which something was found. */
    async query({ query }: { query: Query }): Promise<Response> {
      const readings = await read(query);
      const found = readings.map(({ answer }, at) => (files.length === 1 ? answer : `${files[at]}: ${answer}`));
      const response = found.filter((_, at) => readings[at].provenance.some(({ source }) => source)).join('\n');
      return {
        message: { role: 'assistant', content: response },
        response,
        sourceNodes: nodesOf(readings),
        metadata: { tokens: readings.reduce((sum, { tokens }) => sum + tokens.total, 0) },
        toString: () => response,
      };
    },
  };
}

function questionOf(query: Query): string {
  if (typeof query === 'string') return query;
  return typeof query.query === 'string' ? query.query : query.query.map(({ text = '' }) => text).join('\n');
}
