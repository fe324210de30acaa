/**
 * An MCP server with one tool: it reads a long file or page within the allowed roots and answers a question about it.
 */
import { McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { given } from '../../base/objects.js';
import type { MemoryModel } from '../../memory/turn.js';
import type { Prices } from '../../policy/prices.js';
import { checkEncoding } from '../../reader/decoding.js';
import { ReaderError } from '../../reader/errors.js';
import { shown } from '../../reader/files/page.js';
import { planReading, type ReadingPlan } from '../../reader/plan.js';
import { type Answer, type MemoryEvent, MemoryReader, type ReaderOptions } from '../../reader/reader.js';
import { unreadText } from '../../reader/told.js';
import { readWithin, rootsOf } from './roots.js';

export interface McpOptions {
  model: MemoryModel;
  /** Folders, files and address prefixes that may be read, in addition to those that the client names. */
  roots: readonly string[];
  /** Token limits, rules and wording, as the model was trained with. */
  reading?: Omit<ReaderOptions, 'model' | 'question' | 'signal' | 'state'>;
  /** Most tokens of a document to read, unless the client says otherwise. */
  budget?: number;
  /** Of text files that are not recognised, unless the client says otherwise. */
  encoding?: string;
  /** Turns tokens into money. */
  prices?: Prices;
  version: string;
  /** Receives progress messages; stdout belongs to the protocol. */
  log?: (text: string) => void;
}

export const TOOL = 'ask_document';

const NO_ANSWER =
  'The model wrote nothing in answer to the question: a model that thinks may have spent its tokens on that.';

const inputSchema = z.object({
  source: z
    .string()
    .min(1)
    .describe(
      'Path of a file or folder (text, Markdown, HTML, PDF, office document, EPUB, e-mail, notebook, subtitles, zip archive) within the allowed roots, or an http(s) address that begins with an allowed one',
    ),
  question: z
    .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
    .describe('The question to answer from it, or a list of questions for which it is read once'),
  budget: z
    .number()
    .int()
    .min(1)
    .optional()
    .describe('Most tokens of the document to read: the passages that a search for the question finds. Default: all'),
  encoding: z.string().min(1).optional().describe('Encoding of a text file that is not recognised, such as shift_jis'),
});

/** Creates the server. Connect it to a transport. */
export function createMcpServer(options: McpOptions): McpServer {
  const { model, version, log = () => {} } = options;
  const server = new McpServer({ name: 'tamtrl', version });
  server.registerTool(
    TOOL,
    {
      title: 'Ask a long document',
      description:
        'Reads a document of any length chunk by chunk, keeps notes for the question, and answers from the notes. The time it takes is proportional to the length.',
      inputSchema,
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    async ({ source, question, budget = options.budget, encoding = options.encoding }, context) => {
      const { signal, _meta, notify } = context.mcpReq;
      const token = _meta?.progressToken;
      try {
        const roots = await rootsOf([...options.roots, ...(await clientRoots(server, signal))]);
        const notes: string[] = [];
        const note = (text: string) => {
          log(text);
          notes.push(text);
        };
        const reader = new MemoryReader({ model, question, signal, onNote: note, ...options.reading });
        if (encoding !== undefined) checkEncoding(encoding);
        const text = readWithin(source, roots, signal, note, encoding);
        const plan: Partial<ReadingPlan> = budget === undefined ? {} : await planReading(reader, text, { budget });
        for await (const event of reader.read(plan.text ?? text, given({ only: plan.only }))) {
          log(`${shown(source)}: chunk ${event.turn}`);
          if (token !== undefined)
            await notify({
              method: 'notifications/progress',
              params: { progressToken: token, progress: event.turn, message: progressOf(event) },
            });
        }
        let short = 0;
        const answers = await reader.answer(() => {
          short++;
        });
        if (answers.some(({ answer }) => answer === '')) throw new ReaderError('empty', NO_ANSWER);
        const { tokens } = reader;
        const turns = reader.turns + short;
        const [{ answer, memory, provenance }] = answers;
        const each = answers.map(({ output: _, truncated: __, ...rest }) => rest);
        const more = given({
          answers: answers.length > 1 ? each : undefined,
          notes: notes.length > 0 ? notes : undefined,
          unread: plan.unread,
          cost: options.prices?.of(tokens),
        });
        const structured = { answer, memory, provenance, turns, tokens, ...more };
        const told = [
          ...answers.map((each) => answerTold(each, answers.length > 1)),
          unreadText(plan.unread).trim(),
          ...notes,
        ];
        return {
          content: [{ type: 'text', text: told.filter((part) => part !== '').join('\n\n') }],
          structuredContent: structured,
        };
      } catch (error) {
        signal.throwIfAborted();
        log(`${shown(source)}: ${(error as Error).message}`);
        return { isError: true, content: [{ type: 'text', text: (error as Error).message }] };
      }
    },
  );
  return server;
}

/** An answer as models read it, with the places of the notes that it was given from. */
function answerTold({ question, answer, memory, provenance }: Answer, isOneOfSeveral: boolean): string {
  const places = provenance.flatMap(({ source }) => (source?.place === undefined ? [] : [source.place]));
  const from = places.length === 0 ? '' : ` (${[...new Set(places)].join('; ')})`;
  return `${isOneOfSeveral ? `${question}\n` : ''}${answer}\n\nNotes on which the answer is based${from}:\n${memory}`;
}

/** The roots that the client allows now; none if it does not support roots. */
async function clientRoots(server: McpServer, signal: AbortSignal): Promise<string[]> {
  if (!server.server.getClientCapabilities()?.roots) return [];
  const { roots } = await server.server.listRoots(undefined, { signal });
  return roots.map(({ uri }) => uri);
}

function progressOf({ chunk, memories }: MemoryEvent): string {
  return `read to character ${chunk.end}; notes: ${memories[0].memory.slice(0, 200)}`;
}
