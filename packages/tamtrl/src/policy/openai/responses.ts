/**
 * OpenAI's Responses API (https://platform.openai.com/docs/api-reference/responses) as another shape of a chat
 * completion: one function writes a request in it, the other reads a reply. The rest of the client knows chat
 * completions only.
 */
import { z } from 'zod';
import { type ChatReply, chatReply, unexpected } from './replies.js';

/** The APIs through which a conversation can be sent. */
export const CHAT_APIS = ['chat', 'responses'] as const;
export type ChatApi = (typeof CHAT_APIS)[number];

/** OpenAI refuses a smaller limit. What is longer than the caller's own limit is cut off here. */
const LEAST_OUTPUT_TOKENS = 16;

/** Fields for every request: without this one, OpenAI keeps the conversation for 30 days. */
export const RESPONSES_FIELDS = { store: false } as const;

/** @param chat body of a request for a chat completion */
export function responsesBody(chat: Readonly<Record<string, unknown>>): Record<string, unknown> {
  // The API has no seed and no predicted outputs.
  const { model, messages, max_tokens, max_completion_tokens, seed: _, prediction: __, ...rest } = chat;
  const limit = Number(max_tokens ?? max_completion_tokens);
  return { model, input: messages, max_output_tokens: Math.max(LEAST_OUTPUT_TOKENS, limit), ...rest };
}

const count = z.unknown();
const schema = z.object({
  status: z.enum(['completed', 'incomplete']).optional(),
  incomplete_details: z.object({ reason: z.string().nullish() }).nullish(),
  output: z.array(
    z.object({
      type: z.string(),
      content: z
        .array(z.object({ type: z.string(), text: z.string().optional(), refusal: z.string().optional() }))
        .nullish(),
    }),
  ),
  usage: z
    .object({
      input_tokens: count,
      output_tokens: count,
      input_tokens_details: z.object({ cached_tokens: count }).nullish().catch(undefined),
    })
    .nullish()
    .catch(undefined),
});

const FINISH: Readonly<Record<string, string>> = { max_output_tokens: 'length', content_filter: 'content_filter' };

/** @throws PolicyError `protocol` for a reply of another shape, `refused` if the model refuses or a filter stops it. */
export function responsesReply(reply: unknown, server: string): ChatReply {
  const parsed = schema.safeParse(reply);
  if (!parsed.success) throw unexpected(server, '/responses', reply);
  const { status, incomplete_details, output, usage } = parsed.data;
  const reason = incomplete_details?.reason ?? 'max_output_tokens';
  // Calls of tools that the server has by itself, and thoughts, are other items than messages.
  const parts = output.flatMap(({ type, content }) => (type === 'message' ? (content ?? []) : []));
  const message = {
    content: parts.map(({ type, text }) => (type === 'output_text' ? (text ?? '') : '')).join(''),
    reasoning: output.some(({ type }) => type === 'reasoning') ? 'thoughts' : null,
    refusal: parts.find(({ type }) => type === 'refusal')?.refusal,
  };
  return chatReply(
    {
      choices: [{ message, finish_reason: status === 'incomplete' ? (FINISH[reason] ?? 'length') : 'stop' }],
      usage: usage && {
        prompt_tokens: usage.input_tokens,
        completion_tokens: usage.output_tokens,
        prompt_tokens_details: usage.input_tokens_details,
      },
    },
    server,
  );
}
