/**
 * A middleware for Vercel's AI SDK that lets any model take prompts of any length. The same model reads the part of the
 * prompt that is too long chunk by chunk, with a memory, and its notes replace that part. One object works with `ai` 6
 * and 7.
 */
import type {
  LanguageModelV3,
  LanguageModelV3CallOptions,
  LanguageModelV3Message,
  LanguageModelV3Middleware,
  LanguageModelV3StreamPart,
  LanguageModelV3Usage,
} from '@ai-sdk/provider';
import { given } from '../../base/objects.js';
import { atLeast, FLAG, type Rules } from '../../base/option-rules.js';
import { MemoryError } from '../../memory/errors.js';
import type { Budgets } from '../../memory/frames.js';
import type { MemoryModel } from '../../memory/turn.js';
import { CountingTokenizer, messageFormat } from '../../policy/openai/counting-tokenizer.js';
import { TruncationGuard } from '../../policy/openai/truncation.js';
import { checkRules } from '../../reader/option-rules.js';
import { planReading } from '../../reader/plan.js';
import { MemoryReader } from '../../reader/reader.js';
import { unreadText } from '../../reader/told.js';
import type { ChatMessage } from '../../text/chat.js';
import { withFilesAsText } from './file-parts.js';
import { overlongPart, type PartPlace, promptTokens, withNotes } from './overlong.js';

export interface MemoryMiddlewareOptions extends Partial<Pick<Budgets, 'chunkTokens' | 'memoryTokens'>> {
  /** The model's window in tokens. Token counts are upper estimates, because the model's tokenizer is unknown here. */
  contextLength: number;
  /** Tokens kept free for the answer if the call does not set `maxOutputTokens`; default: an eighth of the window. */
  answerTokens?: number;
  /**
   * Reads the files of users with tamtrl's own parsers (PDF, office documents, EPUB, e-mail and all others that it
   * reads) and gives the model their text. By default, only files of text are read, and only if the prompt is too long.
   */
  readFiles?: boolean;
  /** Reads at most so many tokens of a text: what a search for the question finds. */
  budget?: number;
}

const RULES: Rules<MemoryMiddlewareOptions> = {
  contextLength: atLeast(1),
  answerTokens: atLeast(1),
  chunkTokens: atLeast(1),
  memoryTokens: atLeast(1),
  readFiles: FLAG,
  budget: atLeast(1),
};

/** The call after reading, and the usage of the reading. */
interface Reading {
  params: LanguageModelV3CallOptions;
  usage: LanguageModelV3Usage[];
}

/** What callers are told besides the answer. */
type Warnings = { type: 'other'; message: string }[];

/** Parts shorter than this are not worth reading. */
const LEAST_CHARACTERS = 500;

/**
 * @throws ReaderError `input` for options that do not exist or have to be something else; from a call, MemoryError
 *   `window` if its prompt is too long but has no text to read, and TruncatedPrompt if the model's server cuts prompts.
 */
export function memoryMiddleware(options: MemoryMiddlewareOptions): LanguageModelV3Middleware {
  checkRules(options, 'memoryMiddleware', RULES, ['contextLength']);
  return {
    specificationVersion: 'v3',
    wrapGenerate: async ({ doGenerate, params: asked, model }) => {
      const told: Warnings = [];
      const params = await prepared(asked, options, told);
      if (fits(params, options)) {
        if (params === asked) return doGenerate();
        const result = await model.doGenerate(params);
        return { ...result, warnings: [...told, ...result.warnings] };
      }
      const thoughts: string[] = [];
      const reading = read(params, model, options, told);
      let next = await reading.next();
      for (; !next.done; next = await reading.next()) thoughts.push(next.value);
      const { params: shorter, usage } = next.value;
      const result = await model.doGenerate(shorter);
      return {
        ...result,
        content: [...thoughts.map((text) => ({ type: 'reasoning' as const, text })), ...result.content],
        usage: added([...usage, result.usage]),
        warnings: [...told, ...result.warnings],
      };
    },
    wrapStream: async ({ doStream, params: asked, model }) => {
      const told: Warnings = [];
      const params = await prepared(asked, options, told);
      if (fits(params, options)) {
        if (params === asked) return doStream();
        const { stream, ...result } = await model.doStream(params);
        return { ...result, stream: stream.pipeThrough(withWarnings(told)) };
      }
      // Ends the reading and the answer when the caller no longer wants them.
      const own = new AbortController();
      const { abortSignal } = params;
      const signal = abortSignal ? AbortSignal.any([abortSignal, own.signal]) : own.signal;
      const parts = streamed({ ...params, abortSignal: signal }, model, options, told);
      const stream = new ReadableStream<LanguageModelV3StreamPart>({
        // Reads one part at a time, only as the caller asks for it.
        async pull(controller) {
          const next = await parts.next();
          if (next.done) controller.close();
          else controller.enqueue(next.value);
        },
        async cancel(reason) {
          own.abort(reason ?? new Error('The stream was cancelled.'));
          await parts.return();
        },
      });
      return { stream };
    },
  };
}

/** The call with the files that are read as texts; the same if nothing has to be read. */
async function prepared(
  params: LanguageModelV3CallOptions,
  options: MemoryMiddlewareOptions,
  told: Warnings,
): Promise<LanguageModelV3CallOptions> {
  const hasFiles = params.prompt.some(
    ({ role, content }) => role === 'user' && content.some(({ type }) => type === 'file'),
  );
  if (!hasFiles || (!options.readFiles && fits(params, options))) return params;
  return { ...params, prompt: await withFilesAsText(params.prompt, options.readFiles === true, into(told)) };
}

const into = (told: Warnings) => (message: string) => void told.push({ type: 'other', message });

/** The stream with more warnings at its start. */
function withWarnings(told: Warnings): TransformStream<LanguageModelV3StreamPart, LanguageModelV3StreamPart> {
  return new TransformStream({
    transform(part, controller) {
      controller.enqueue(part.type === 'stream-start' ? { ...part, warnings: [...told, ...part.warnings] } : part);
    },
  });
}

/** The notes as thoughts, and then the answer. */
async function* streamed(
  params: LanguageModelV3CallOptions,
  model: LanguageModelV3,
  options: MemoryMiddlewareOptions,
  told: Warnings,
): AsyncGenerator<LanguageModelV3StreamPart, void> {
  // This must be the first part, so the warnings of reading and of the call come too late for it.
  yield { type: 'stream-start', warnings: [...told] };
  const reading = read(params, model, options, told);
  let note = await reading.next();
  for (let turn = 0; !note.done; note = await reading.next(), turn++) {
    const id = `memory-${turn}`;
    yield { type: 'reasoning-start', id };
    yield { type: 'reasoning-delta', id, delta: note.value };
    yield { type: 'reasoning-end', id };
  }
  const { params: shorter, usage } = note.value;
  const answer = (await model.doStream(shorter)).stream.getReader();
  const { abortSignal } = params;
  // A provider that waits for its model would not notice otherwise.
  const stop = () => void answer.cancel(abortSignal?.reason).catch(() => undefined);
  abortSignal?.addEventListener('abort', stop, { once: true });
  try {
    for (let next = await answer.read(); !next.done; next = await answer.read()) {
      const part = next.value;
      if (part.type === 'finish') yield { ...part, usage: added([...usage, part.usage]) };
      else if (part.type !== 'stream-start') yield part;
    }
    abortSignal?.throwIfAborted();
  } finally {
    abortSignal?.removeEventListener('abort', stop);
    await answer.cancel();
  }
}

const answerTokensOf = (params: LanguageModelV3CallOptions, { answerTokens, contextLength }: MemoryMiddlewareOptions) =>
  params.maxOutputTokens ?? answerTokens ?? Math.floor(contextLength / 8);

function fits(params: LanguageModelV3CallOptions, options: MemoryMiddlewareOptions): boolean {
  return promptTokens(params, new CountingTokenizer()) + answerTokensOf(params, options) <= options.contextLength;
}

/** Yields the notes after each part, and before them what a budget leaves out. */
async function* read(
  params: LanguageModelV3CallOptions,
  model: LanguageModelV3,
  options: MemoryMiddlewareOptions,
  told: Warnings,
): AsyncGenerator<string, Reading> {
  const usage: LanguageModelV3Usage[] = [];
  const done: PartPlace[] = [];
  const name = `${model.provider} ${model.modelId}`;
  const guard = new TruncationGuard(name, options.contextLength, into(told));
  let shorter = params;
  while (!fits(shorter, options)) {
    const part = overlongPart(shorter.prompt, LEAST_CHARACTERS, done);
    if (!part) {
      const tokens = promptTokens(shorter, new CountingTokenizer());
      throw new MemoryError(
        'window',
        `The prompt has up to ${tokens} tokens and ${answerTokensOf(params, options)} are kept for the answer, but the window holds ${options.contextLength}. The middleware does not shorten the system prompt, tools and other messages: shorten them yourself, or raise contextLength.`,
      );
    }
    const reader = new MemoryReader({
      model: asMemoryModel(model, options.contextLength, { usage, guard }, params),
      question: part.question,
      questionTokens: Math.max(64, new CountingTokenizer().encodeText(part.question).length),
      chunkTokens: options.chunkTokens,
      memoryTokens: options.memoryTokens,
      signal: params.abortSignal,
      onNote: into(told),
    });
    const { budget } = options;
    const plan = budget === undefined ? undefined : await planReading(reader, part.document, { budget });
    const unread = unreadText(plan?.unread);
    if (unread !== '') yield unread;
    for await (const { turn, memories } of reader.read(plan?.text ?? part.document, given({ only: plan?.only })))
      yield `Notes after part ${turn}:\n${memories[0].memory}\n`;
    const turns = reader.turns;
    const notes = await reader.finish();
    if (reader.turns > turns) yield `Notes at the end:\n${notes[0]}\n`;
    shorter = { ...shorter, prompt: withNotes(shorter.prompt, part, notes[0], unread === '') };
    done.push(part.place);
  }
  return { params: shorter, usage };
}

/** The wrapped model as a model that samples from ids. Every turn is a separate conversation. */
function asMemoryModel(
  model: LanguageModelV3,
  contextLength: number,
  { usage, guard }: { usage: LanguageModelV3Usage[]; guard: TruncationGuard },
  call: LanguageModelV3CallOptions,
): MemoryModel {
  const tokenizer = new CountingTokenizer();
  return {
    tokenizer,
    chat: messageFormat,
    contextLength,
    sample: (requests, { maxTokens, temperature }) =>
      Promise.all(
        requests.map(async ({ promptIds }) => {
          const messages = tokenizer.messages(promptIds);
          const result = await model.doGenerate({
            prompt: messages.map(promptMessage),
            maxOutputTokens: maxTokens,
            temperature,
            abortSignal: call.abortSignal,
            headers: call.headers,
            providerOptions: call.providerOptions,
          });
          usage.push(result.usage);
          const { total: prompt = 0, cacheRead: cached = 0 } = result.usage.inputTokens;
          guard.check({ ids: promptIds, textOf: (ids) => tokenizer.decode(ids) }, { prompt, cached, completion: 0 });
          const text = result.content.map((part) => (part.type === 'text' ? part.text : '')).join('');
          const ids = tokenizer.encodeReply(text, maxTokens + 1);
          const cut = ids.length > maxTokens || result.finishReason.unified === 'length';
          return [
            {
              tokens: ids.slice(0, maxTokens),
              logProbabilities: [],
              stopReason: cut ? ('length' as const) : ('stop' as const),
            },
          ];
        }),
      ),
  };
}

function promptMessage({ role, content }: ChatMessage): LanguageModelV3Message {
  return role === 'system' ? { role, content } : { role, content: [{ type: 'text', text: content }] };
}

/** Sums of the usage numbers, over the parts that report them. */
function added(parts: readonly LanguageModelV3Usage[]): LanguageModelV3Usage {
  const sum = (of: (usage: LanguageModelV3Usage) => number | undefined) => {
    const known = parts.map(of).filter((value) => value !== undefined);
    return known.length === 0 ? undefined : known.reduce((a, b) => a + b, 0);
  };
  return {
    inputTokens: {
      total: sum(({ inputTokens }) => inputTokens.total),
      noCache: sum(({ inputTokens }) => inputTokens.noCache),
      cacheRead: sum(({ inputTokens }) => inputTokens.cacheRead),
      cacheWrite: sum(({ inputTokens }) => inputTokens.cacheWrite),
    },
    outputTokens: {
      total: sum(({ outputTokens }) => outputTokens.total),
      text: sum(({ outputTokens }) => outputTokens.text),
      reasoning: sum(({ outputTokens }) => outputTokens.reasoning),
    },
  };
}
