/** Reads the replies of OpenAI-compatible servers. */
import { z } from 'zod';
import { isOnlyControls } from '../../text/control-marks.js';
import { PolicyError } from '../errors.js';
import { tokenSize } from '../exchange.js';
import {
  type ServerTimes,
  type ServerUsage,
  serverTimes,
  serverUsage,
  timingsSchema,
  tokenCount,
  usageSchema,
} from './usage.js';

export type ServerKind = 'vllm' | 'llama.cpp' | 'unknown';

export interface ServerInfo {
  kind: ServerKind;
  models: string[];
  /** Whether the requested model is among them. */
  found: boolean;
  contextLength?: number;
}

const modelsSchema = z.object({
  data: z.array(
    z.object({
      id: z.string(),
      owned_by: z.string().optional().catch(undefined),
      max_model_len: tokenSize.optional().catch(undefined),
    }),
  ),
});

/** Reads the reply to GET /models. A reply of another shape means that the server does not list its models. */
export function serverInfo(reply: unknown, model: string): ServerInfo {
  const parsed = modelsSchema.safeParse(reply);
  if (!parsed.success) return { kind: 'unknown', models: [], found: false };
  const { data } = parsed.data;
  const own = data.find(({ id }) => id === model) ?? data.find(({ id }) => plainName(id) === plainName(model));
  const owner = (own ?? data[0])?.owned_by?.toLowerCase() ?? '';
  const kind = owner.includes('vllm') ? 'vllm' : owner.includes('llama') ? 'llama.cpp' : 'unknown';
  const contextLength = own?.max_model_len;
  return {
    kind,
    models: data.map(({ id }) => id),
    found: own !== undefined,
    ...(contextLength ? { contextLength } : {}),
  };
}

/** Some servers list "models/m" or "m:latest" for what is asked for as "m". */
const plainName = (id: string) => id.replace(/^models\//, '').replace(/:latest$/, '');

const propsSchema = z.object({ default_generation_settings: z.object({ n_ctx: tokenSize }) });

/** The window in tokens that a llama.cpp server reports at /props; undefined for every other reply. */
export function windowInProps(reply: unknown): number | undefined {
  return propsSchema.safeParse(reply).data?.default_generation_settings.n_ctx;
}

/** Text, or parts of which only texts are read: thoughts are others. */
const contentSchema = z
  .union([z.string(), z.array(z.union([z.string(), z.object({ type: z.string(), text: z.string().optional() })]))])
  .nullish();
const said = z.string().nullish().catch(undefined);

const chatSchema = z.object({
  choices: z
    .array(
      z.object({
        message: z.object({
          content: contentSchema,
          /**
           * Thoughts, separate from the answer: llama.cpp, vLLM and SGLang use the first name, newer versions of vLLM
           * the second.
           */
          reasoning_content: said,
          reasoning: said,
          refusal: said,
        }),
        finish_reason: said,
      }),
    )
    .min(1),
  usage: usageSchema,
  timings: timingsSchema,
});

interface Counted {
  usage: ServerUsage;
  times?: ServerTimes | undefined;
  stopReason: 'stop' | 'length';
}

export interface ChatReply extends Counted {
  content: string;
  /** Why there is nothing in `content` although the model has written. */
  nothing?: 'thoughts' | 'control-tokens';
}

/** @throws PolicyError `protocol` for a reply of another shape, `refused` if the model refuses or a filter stops it. */
export function chatReply(reply: unknown, server: string): ChatReply {
  const parsed = chatSchema.safeParse(reply);
  if (!parsed.success) throw unexpected(server, '/chat/completions', reply);
  const [{ message, finish_reason }] = parsed.data.choices;
  if (finish_reason === 'content_filter' || message.refusal) {
    throw new PolicyError(
      'refused',
      `${server} refused to answer: ${message.refusal ?? 'its content filter stopped the reply'}.`,
    );
  }
  const content = textOfContent(message.content);
  // What a base model writes, or one whose template the server does not have.
  const controls = isOnlyControls(content);
  const thoughts = content === '' && Boolean(message.reasoning_content || message.reasoning);
  const nothing = controls ? 'control-tokens' : thoughts ? 'thoughts' : undefined;
  return {
    content: controls ? '' : content,
    ...(nothing === undefined ? {} : { nothing }),
    stopReason: finish_reason === 'length' ? 'length' : 'stop',
    usage: serverUsage(parsed.data.usage, parsed.data.timings),
    times: serverTimes(parsed.data.timings),
  };
}

function textOfContent(content: z.output<typeof contentSchema>): string {
  if (typeof content === 'string') return content;
  return (content ?? [])
    .map((part) => (typeof part === 'string' ? part : part.type === 'text' ? (part.text ?? '') : ''))
    .join('');
}

export interface TokenReply extends Counted {
  tokens: number[];
  logProbabilities: number[];
  /** The server says that it cut the prompt. */
  truncated?: boolean;
}

const ids = z.array(z.number().int().min(0));
const llamaSchema = z.object({
  tokens: ids,
  completion_probabilities: z.array(z.object({ logprob: z.number() })).optional(),
  stop_type: z.string(),
  truncated: z.boolean().optional(),
  tokens_evaluated: tokenCount,
  timings: timingsSchema,
});
const vllmSchema = z.object({
  choices: z
    .array(
      z.object({
        token_ids: ids.nullish(),
        logprobs: z.object({ token_logprobs: z.array(z.number().nullable()) }).nullish(),
        finish_reason: z.string().nullish(),
      }),
    )
    .min(1),
  usage: usageSchema,
});

/** @throws PolicyError `protocol` for a reply without token ids. */
export function tokenReply(reply: unknown, kind: 'vllm' | 'llama.cpp', server: string): TokenReply {
  if (kind === 'llama.cpp') {
    const parsed = llamaSchema.safeParse(reply);
    if (!parsed.success) throw unexpected(server, '/completion', reply);
    const { tokens, completion_probabilities = [], stop_type, truncated, tokens_evaluated, timings } = parsed.data;
    return {
      tokens,
      logProbabilities: completion_probabilities.map(({ logprob }) => logprob),
      stopReason: stop_type === 'limit' ? 'length' : 'stop',
      usage: serverUsage({ prompt_tokens: tokens_evaluated, completion_tokens: tokens.length }, timings),
      times: serverTimes(timings),
      ...(truncated ? { truncated } : {}),
    };
  }
  const parsed = vllmSchema.safeParse(reply);
  if (!parsed.success) throw unexpected(server, '/completions', reply);
  const [{ token_ids, logprobs, finish_reason }] = parsed.data.choices;
  if (!token_ids) {
    throw new PolicyError(
      'protocol',
      `${server} did not return token ids (return_token_ids needs vLLM 0.10.2 or later). Leave out the tokenizer ` +
        'to send text instead.',
    );
  }
  return {
    tokens: token_ids,
    logProbabilities: (logprobs?.token_logprobs ?? []).map((value) => value ?? 0),
    stopReason: finish_reason === 'length' ? 'length' : 'stop',
    usage: serverUsage(parsed.data.usage),
  };
}

const promptSchema = z.object({
  choices: z
    .array(z.object({ prompt_logprobs: z.array(z.record(z.string(), z.object({ logprob: z.number() })).nullable()) }))
    .min(1),
});

/**
 * vLLM's prompt_logprobs: for each token except the first, a map from ids to log-probabilities that includes the token
 * itself.
 */
export function promptLogProbabilities(reply: unknown, tokens: readonly number[], server: string): number[] {
  const parsed = promptSchema.safeParse(reply);
  if (!parsed.success) throw unexpected(server, '/completions with prompt_logprobs', reply);
  const rows = parsed.data.choices[0].prompt_logprobs;
  return tokens.map((id, at) => {
    if (at === 0) return 0;
    const own = rows[at]?.[String(id)];
    if (own) return own.logprob;
    throw new PolicyError('protocol', `${server} gave no log-probability of token ${id} at position ${at}.`);
  });
}

export function unexpected(server: string, path: string, reply: unknown): PolicyError {
  const text = JSON.stringify(reply) ?? 'nothing';
  return new PolicyError(
    'protocol',
    `${server} answered ${path} with something unexpected: ${text.slice(0, 200)}${text.length > 200 ? '…' : ''}`,
  );
}
