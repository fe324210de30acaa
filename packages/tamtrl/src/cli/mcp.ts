/** `tamtrl mcp`: a tool for chat programs that reads long files. */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { MODEL_SPECS, openModel } from '../presets/open.js';
import { EXIT, UsageError } from './errors.js';
import { whole } from './eval.js';
import { runInterruptible } from './interruptible.js';
import type { Io } from './io.js';
import { addModelOptions } from './options.js';

interface McpFlags {
  root?: string[];
  model?: string;
  tokenizer?: string;
  contextLength?: number;
  thinking?: boolean;
  allowHost?: string[];
  chunkTokens?: number;
  memoryTokens?: number;
  answerTokens?: number;
}

const several = (value: string, before: string[] | undefined) => [...(before ?? []), value];

export function addMcpCommand(program: Command, io: Io, exit: (code: number) => void): void {
  addModelOptions(program.command('mcp'))
    .description('serve a tool over the Model Context Protocol (stdio) that reads long files and answers')
    .option('--root <place>', 'folder, file or beginning of an address that may be read; may be given again', several)
    .option('--model <model>', `${MODEL_SPECS} (default: TAMTRL_MODEL of the environment)`)
    .option('--context-length <n>', 'for a server that does not say how large its window is', whole(1))
    .option('--chunk-tokens <n>', 'tokens of a chunk', whole(1))
    .option('--memory-tokens <n>', 'most tokens of a memory', whole(1))
    .option('--answer-tokens <n>', 'most tokens of an answer', whole(1))
    .action(async (flags: McpFlags) => exit(await runInterruptible(io, (signal) => serve(flags, io, signal))));
}

async function serve(flags: McpFlags, io: Io, signal: AbortSignal): Promise<number> {
  const name = flags.model ?? (process.env.TAMTRL_MODEL || undefined);
  if (name === undefined) throw new UsageError(`No model is named. Give --model, or set TAMTRL_MODEL: ${MODEL_SPECS}.`);
  const [{ createMcpServer }, { rootsOf }, { StdioServerTransport }] = await Promise.all([
    import('../integrations/mcp/server.js'),
    import('../integrations/mcp/roots.js'),
    import('@modelcontextprotocol/server/stdio'),
  ]);
  const roots = flags.root ?? [];
  // A wrong root is told now and not at the first question.
  await rootsOf(roots);
  const { tokenizer, contextLength, thinking, allowHost: allowHosts, chunkTokens, memoryTokens, answerTokens } = flags;
  const model = await openModel(name, { tokenizer, contextLength, thinking, allowHosts, signal });
  try {
    const budgets = Object.fromEntries(
      Object.entries({ chunkTokens, memoryTokens, answerTokens }).filter(([, value]) => value !== undefined),
    );
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    const server = createMcpServer({ model, roots, budgets, version, log: (text) => io.err(`${text}\n`) });
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
