/** Whether a model can train, wherever it is: does it open, sample, score what it sampled, and train? */
import { count } from '../../base/format.js';
import { promptsFor } from '../../memory/asking.js';
import { miniPrompts } from '../../memory/prompts.js';
import { isTrainable } from '../../policy/trainable.js';
import type { Policy } from '../../policy/types.js';
import { type Check, inOneLine } from './check.js';
import { findWindow, windowText } from './window.js';

const TOKENS = 16;
/**
 * Log-probabilities of the same tokens by sampler and scorer: beyond this they are not the same weights, tokens or
 * numerics.
 */
const CLOSE = 0.05;

type Finding = Omit<Check, 'name' | 'status'> & { status?: Check['status'] };

/** @param open its failure is one of the findings */
export async function examineModel(open: () => Promise<Policy>): Promise<Check[]> {
  const checks: Check[] = [];
  const check = async (name: string, look: () => Promise<Finding>): Promise<boolean> => {
    try {
      checks.push({ name, status: 'ok', ...(await look()) });
      return true;
    } catch (error) {
      checks.push({ name, status: 'failed', message: inOneLine(error), data: {} });
      return false;
    }
  };
  let policy: Policy | undefined;
  await check('model', async () => {
    policy = await open();
    const { contextLength, name } = policy;
    return { message: `${name}, window ${count(contextLength)} tokens`, data: { name, contextLength } };
  });
  if (!policy) return checks;
  try {
    await checkVerbs(policy, check);
  } finally {
    await policy.close();
  }
  return checks;
}

async function checkVerbs(policy: Policy, check: (name: string, look: () => Promise<Finding>) => Promise<boolean>) {
  const { tokenizer, chat, capabilities } = policy;
  // The embedded model knows no words but its own.
  const mini = promptsFor(tokenizer) === miniPrompts;
  const promptIds = tokenizer.encode(
    mini ? 'anna ?' : chat.render([{ role: 'user', content: 'What is the capital of Italy?' }]),
  );
  let ids: readonly number[] = [];
  let sampled: readonly number[] = [];
  const speaks = await check('samples', async () => {
    const started = performance.now();
    const request = { promptIds, samples: 1, seed: 1 };
    const [[sample]] = await policy.sample([request], { maxTokens: TOKENS, temperature: 1, stopIds: chat.stopIds });
    ({ tokens: ids, logProbabilities: sampled } = sample);
    const seconds = (performance.now() - started) / 1000;
    const text = tokenizer.decode(ids, { skipSpecialTokens: true }).replaceAll(/\s+/g, ' ').trim();
    return {
      message: `${ids.length} tokens in ${seconds.toFixed(2)} s: ${JSON.stringify(text)}`,
      data: { tokens: ids.length, seconds, text },
    };
  });
  if (capabilities.prefixCache) {
    await check('window', async (): Promise<Finding> => {
      const found = await findWindow(policy);
      if (!found) {
        return {
          status: 'warning',
          message: 'unknown: the model does not repeat a word even from a short prompt',
          data: { window: null },
        };
      }
      const status = found.failure === undefined ? 'ok' : 'failed';
      return { status, message: windowText(found), data: { window: found.window, tried: found.tried } };
    });
  }
  if (!capabilities.score) return;
  await check('scores', async () => {
    const started = performance.now();
    const [{ logProbabilities }] = await policy.score([{ promptIds, completionIds: speaks ? ids : promptIds }]);
    const seconds = (performance.now() - started) / 1000;
    const known = speaks && sampled.length === logProbabilities.length;
    const difference = known
      ? Math.max(0, ...logProbabilities.map((value, at) => Math.abs(value - sampled[at])))
      : null;
    const data = { seconds, difference };
    const took = `${logProbabilities.length} tokens in ${seconds.toFixed(2)} s`;
    if (difference === null) return { message: took, data };
    const apart = `${took}; ${difference.toExponential(1)} is the largest difference from the sampler's log-probabilities`;
    if (difference <= CLOSE) return { message: apart, data };
    return {
      status: 'warning',
      data,
      message: `${apart}: the sampler and the scorer differ in weights, tokens or numerics, so the ratios that training uses would be wrong`,
    };
  });
  if (!isTrainable(policy)) return;
  await check('trains', async () => {
    const loss = { kind: 'policy-gradient', clipLow: 0.2, clipHigh: 0.28 } as const;
    await policy.checkTraining?.({ loss });
    const { snapshots, averages } = capabilities;
    const can = ['the loss', ...(snapshots ? ['a frozen teacher', 'KL'] : []), ...(averages ? ['an EMA teacher'] : [])];
    return { message: can.join(', '), data: { snapshots: String(snapshots), averages: String(averages) } };
  });
}
