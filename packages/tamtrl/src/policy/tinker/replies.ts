/** Reads results of the protocol. Each function gives undefined for another shape. */
import { z } from 'zod';
import { tokenSize } from '../exchange.js';

const tokenId = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

const samplesSchema = z.object({
  sequences: z.array(
    z
      .object({ tokens: z.array(tokenId), logprobs: z.array(z.number()), stop_reason: z.string().nullish() })
      .refine(({ tokens, logprobs }) => logprobs.length === tokens.length),
  ),
});

export type SampledSequence = z.output<typeof samplesSchema>['sequences'][number];

/** As many sequences as were asked for, with a log-probability for each token. */
export function sequencesIn(reply: unknown, samples: number): SampledSequence[] | undefined {
  const sequences = samplesSchema.safeParse(reply).data?.sequences;
  return sequences?.length === samples ? sequences : undefined;
}

// Numbers that are not finite are null in JSON, and have a sentence of their own.
const outputsSchema = z.object({
  loss_fn_outputs: z.array(z.object({ logprobs: z.object({ data: z.array(z.number().or(z.nan()).nullable()) }) })),
});

/** Log-probabilities of all positions of each row, NaN for anything but a number. */
export function logProbabilitiesIn(reply: unknown, rows: number): number[][] | undefined {
  const outputs = outputsSchema.safeParse(reply).data?.loss_fn_outputs;
  if (outputs?.length !== rows) return undefined;
  return outputs.map(({ logprobs }) => logprobs.data.map((value) => value ?? Number.NaN));
}

const modelSchema = z.object({
  model_name: z.string(),
  max_context_length: tokenSize.optional().catch(undefined),
});

/** The models that a server lists; entries that are not models are left out. */
export function modelsIn(reply: unknown): z.output<typeof modelSchema>[] {
  const list = z.object({ supported_models: z.array(z.unknown()) }).safeParse(reply).data?.supported_models ?? [];
  return list.flatMap((each) => modelSchema.safeParse(each).data ?? []);
}
