/** A model that nobody asks anything: what planning a reading needs of it, without a request. */
import { PolicyError } from '../policy/errors.js';
import { CountingTokenizer, messageFormat } from '../policy/openai/counting-tokenizer.js';
import { DEFAULT_CONTEXT } from '../policy/openai/policy.js';
import type { Policy } from '../policy/types.js';
import { type OpenOptions, openModel } from './open.js';
import { parseModelSpec } from './spec.js';
import { openTokenizer } from './tokenizer.js';

export type OfflineOptions = Pick<OpenOptions, 'tokenizer' | 'contextLength' | 'thinking' | 'onDownload' | 'signal'>;

export type OfflineModel = Pick<Policy, 'tokenizer' | 'chat' | 'contextLength' | 'sample' | 'capabilities' | 'close'>;

/**
 * A model on a server is not connected to: its window is the given one, or else assumed. Models on this machine are
 * opened as usual.
 * @returns the model, and whether its window was assumed
 */
export async function offlineModel(
  spec: string,
  options: OfflineOptions = {},
): Promise<{ model: OfflineModel; assumed: boolean }> {
  const { kind } = parseModelSpec(spec);
  if (kind !== 'openai' && kind !== 'tinker') return { model: await openModel(spec, options), assumed: false };
  const { tokenizer: place, contextLength } = options;
  const text = place === undefined ? undefined : await openTokenizer(place, options);
  const model: OfflineModel = {
    tokenizer: text?.tokenizer ?? new CountingTokenizer(),
    chat: (await text?.chat()) ?? messageFormat,
    contextLength: contextLength ?? DEFAULT_CONTEXT,
    capabilities: {
      score: false,
      snapshots: false,
      averages: false,
      train: false,
      exactLogProbabilities: false,
      prefixCache: true,
    },
    sample: async () => {
      throw new PolicyError('capability', `${spec} was opened to plan a reading, not to read.`);
    },
    close: async () => {},
  };
  return { model, assumed: contextLength === undefined };
}
