/** `tamtrl mcp`: a tool for chat programs that reads long files. */
import type { Command } from 'commander';
import { given } from '../../base/objects.js';
import { gatedPromptsFor } from '../../memory/asking.js';
import { readerSettings, readingFrom } from '../../memory/reading-settings.js';
import { savedReading } from '../../models/reading-file.js';
import { MODEL_SPECS } from '../../models/spec.js';
import { checkEncoding } from '../../reader/decoding.js';
import { pricesOf } from '../../run/prices-file.js';
import { EXIT } from '../terminal/errors.js';
import { runInterruptible } from '../terminal/interruptible.js';
import type { Io } from '../terminal/io.js';
import { type ModelFlags, namedModel, noteOn, openForCommand, requiredModel } from '../terminal/models.js';
import {
  addBudgetOptions,
  addCostOptions,
  addModelOptions,
  addRequestOptions,
  GROUPS,
  repeatable,
  wholeNumber,
} from '../terminal/options.js';
import { version } from '../terminal/version.js';

interface McpFlags extends ModelFlags {
  root?: string[];
  model?: string;
  questionTokens?: number;
  chunkTokens?: number;
  memoryTokens?: number;
  answerTokens?: number;
  budget?: number;
  prices?: string;
  encoding?: string;
}

export function addMcpCommand(program: Command, io: Io, exit: (code: number) => void): void {
  const command = program
    .command('mcp')
    .description('serve a tool over the Model Context Protocol (stdio) that reads long files and answers questions')
    .optionsGroup(GROUPS.input)
    .option('--root <place>', 'folder, file or URL prefix that clients may read; repeat it for several', repeatable)
    .optionsGroup(GROUPS.model)
    .option('--model <model>', `${MODEL_SPECS} (default: $TAMTRL_MODEL)`)
    .option('--context-length <n>', 'window of a server that does not report it, in tokens', wholeNumber(1));
  addCostOptions(addBudgetOptions(addRequestOptions(addModelOptions(command))))
    .option('--encoding <name>', 'encoding of text files that is not recognised, such as shift_jis')
    .action(async (flags: McpFlags) => exit(await runInterruptible(io, (signal) => serve(flags, io, signal))));
}

async function serve(flags: McpFlags, io: Io, signal: AbortSignal): Promise<number> {
  const name = requiredModel(flags);
  const [{ createMcpServer }, { rootsOf }, { StdioServerTransport }] = await Promise.all([
    import('../../integrations/mcp/server.js'),
    import('../../integrations/mcp/roots.js'),
    import('@modelcontextprotocol/server/stdio'),
  ]);
  const roots = flags.root ?? [];
  // Report a wrong root now, not at the first question.
  await rootsOf(roots);
  const { questionTokens, chunkTokens, memoryTokens, answerTokens, budget, encoding } = flags;
  if (encoding !== undefined) checkEncoding(encoding);
  const prices = await pricesOf(flags.prices, name);
  const address = await namedModel(name, noteOn(io));
  const trained = readingFrom(await savedReading(address));
  const opening = { ...flags, thinking: flags.thinking ?? trained?.thinking };
  const model = await openForCommand(address, opening, { note: noteOn(io), signal });
  try {
    const gate = flags.gate ? { prompts: gatedPromptsFor(model.tokenizer) } : {};
    const limits = { questionTokens, chunkTokens, memoryTokens, answerTokens };
    const reading = { ...readerSettings(trained, limits), ...gate };
    const asked = { ...given({ budget, encoding }), prices, version: version() };
    const server = createMcpServer({ model, roots, reading, ...asked, log: noteOn(io) });
    const closed = new Promise<void>((resolve) => {
      server.server.onclose = resolve;
      signal.addEventListener('abort', () => resolve(), { once: true });
      process.stdin.once('end', resolve);
    });
    await server.connect(new StdioServerTransport());
    io.err(`tamtrl: reading for a client with ${name}; roots: ${roots.join(', ') || 'those of the client'}\n`);
    await closed;
    await server.close();
    return signal.aborted ? EXIT.interrupted : EXIT.success;
  } finally {
    await model.close();
  }
}
