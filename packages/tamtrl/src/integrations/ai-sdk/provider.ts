/** A language model for the AI SDK that runs a local model: one trained with tamtrl, or any that `openModel` opens. */
import type {
  LanguageModelV3,
  LanguageModelV3CallOptions,
  LanguageModelV3StreamPart,
  SharedV3Warning,
} from '@ai-sdk/provider';
import { openModel } from '../../models/open.js';
import { PolicyError } from '../../policy/errors.js';
import type { Policy } from '../../policy/types.js';
import type { ChatMessage } from '../../text/chat.js';
import { encodeChat } from '../../text/encode-chat.js';

const DEFAULT_TOKENS = 256;

/**
 * `generateText({ model: tamtrl('runs/NAME/checkpoints/best'), … })`. The model is opened at the first call and stays
 * open. Its text comes in one piece, even in a stream.
 */
export function tamtrl(model: string | Policy): LanguageModelV3 & { close(): Promise<void> } {
  let opened: Promise<Policy> | undefined;
  const policy = () => {
    opened ??= typeof model === 'string' ? openModel(model) : Promise.resolve(model);
    return opened;
  };
  const generate = async (options: LanguageModelV3CallOptions) => {
    const { text, promptTokens, sampledTokens, stopped, warnings } = await sampleOnce(await policy(), options);
    const usage = {
      inputTokens: { total: promptTokens, noCache: promptTokens, cacheRead: undefined, cacheWrite: undefined },
      outputTokens: { total: sampledTokens, text: sampledTokens, reasoning: undefined },
    };
    const finishReason = {
      unified: stopped ? ('stop' as const) : ('length' as const),
      raw: stopped ? 'stop' : 'length',
    };
    return { text, usage, finishReason, warnings };
  };
  return {
    specificationVersion: 'v3',
    provider: 'tamtrl',
    modelId: typeof model === 'string' ? model : model.name,
    supportedUrls: {},
    async doGenerate(options) {
      const { text, ...rest } = await generate(options);
      return { content: [{ type: 'text', text }], ...rest };
    },
    async doStream(options) {
      const { text, usage, finishReason, warnings } = await generate(options);
      const parts: LanguageModelV3StreamPart[] = [
        { type: 'stream-start', warnings },
        { type: 'text-start', id: '0' },
        { type: 'text-delta', id: '0', delta: text },
        { type: 'text-end', id: '0' },
        { type: 'finish', usage, finishReason },
      ];
      const stream = new ReadableStream<LanguageModelV3StreamPart>({
        start(controller) {
          for (const part of parts) controller.enqueue(part);
          controller.close();
        },
      });
      return { stream };
    },
    async close() {
      if (typeof model === 'string') await (await opened)?.close();
    },
  };
}

const UNSUPPORTED = ['presencePenalty', 'frequencyPenalty', 'tools'] as const;

async function sampleOnce(policy: Policy, options: LanguageModelV3CallOptions) {
  const warnings: SharedV3Warning[] = UNSUPPORTED.filter(
    (name) => options[name] !== undefined && (!Array.isArray(options[name]) || options[name].length > 0),
  ).map((feature) => ({ type: 'unsupported', feature }));
  if (options.responseFormat?.type === 'json') warnings.push({ type: 'unsupported', feature: 'responseFormat' });
  const promptIds = encodeChat(policy, messagesOf(options));
  const { maxOutputTokens = DEFAULT_TOKENS, temperature = 1, topP, topK, seed, abortSignal } = options;
  if (promptIds.length + maxOutputTokens > policy.contextLength) {
    throw new PolicyError(
      'invalid-argument',
      `The prompt has ${promptIds.length} tokens and the answer may have ${maxOutputTokens}, but the window of ${policy.name} holds ${policy.contextLength}. Wrap the model with memoryMiddleware, or lower maxOutputTokens.`,
    );
  }
  const settings = {
    maxTokens: maxOutputTokens,
    temperature,
    topP,
    topK,
    seed,
    stopIds: policy.chat.stopIds,
    signal: abortSignal,
  };
  const [[{ tokens, stopReason }]] = await policy.sample([{ promptIds }], settings);
  const whole = policy.tokenizer.decode(tokens, { skipSpecialTokens: true });
  const cuts = (options.stopSequences ?? []).map((stop) => whole.indexOf(stop)).filter((at) => at >= 0);
  const text = cuts.length > 0 ? whole.slice(0, Math.min(...cuts)) : whole;
  return {
    text,
    warnings,
    promptTokens: promptIds.length,
    sampledTokens: tokens.length,
    stopped: stopReason === 'stop' || cuts.length > 0,
  };
}

/** @throws PolicyError for images and other files: the models only handle text. */
function messagesOf({ prompt }: LanguageModelV3CallOptions): ChatMessage[] {
  return prompt.flatMap((message): ChatMessage[] => {
    if (message.role === 'system') return [{ role: 'system', content: message.content }];
    if (message.role === 'tool')
      throw new PolicyError('invalid-argument', 'Local models do not call tools, so a tool message cannot be read.');
    const texts = message.content.map((part) => {
      if (part.type === 'text') return part.text;
      if (part.type === 'reasoning') return '';
      throw new PolicyError('invalid-argument', `Local models read text only; found a part of type "${part.type}".`);
    });
    return [{ role: message.role, content: texts.join('\n') }];
  });
}
