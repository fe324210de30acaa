/** A policy that samples what a function returns, for tests of its requests. */
import type { GenerateOptions, GenerateRequest, Policy, Sample } from './types.js';

/** Code points for tokens, so that lengths can be counted by hand; `reply` answers each prompt. */
export function scriptedJudge(
  contextLength: number,
  reply: (prompt: string) => string,
): { policy: Policy; prompts: string[] } {
  const prompts: string[] = [];
  const tokenizer = {
    vocabularySize: 0x110000,
    encode: (text: string) => [...text].map((character) => character.codePointAt(0)!),
    encodeText: (text: string) => [...text].map((character) => character.codePointAt(0)!),
    controlTokens: new Map(),
    decode: (ids: readonly number[]) => String.fromCodePoint(...ids),
    idOf: () => undefined,
  };
  const policy: Policy = {
    name: 'judge',
    capabilities: { score: false, snapshots: false, averages: false, train: false, exactLogProbabilities: false },
    tokenizer,
    chat: { stopIds: [0], render: ([{ content }]) => content },
    contextLength,
    sample: async (requests: readonly GenerateRequest[], _options: GenerateOptions): Promise<Sample[][]> =>
      requests.map(({ promptIds }) => {
        const prompt = tokenizer.decode(promptIds);
        prompts.push(prompt);
        const tokens = tokenizer.encode(reply(prompt));
        return [{ tokens, logProbabilities: tokens.map(() => 0), stopReason: 'stop' }];
      }),
    score: () => Promise.reject(new Error('not asked')),
    close: async () => {},
  };
  return { policy, prompts };
}
