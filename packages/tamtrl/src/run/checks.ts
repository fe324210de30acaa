/**
 * What to warn of before a run starts: lines left out, documents that leave nothing to carry, and tasks that
 * cannot teach.
 */

import { count, counted } from '../base/format.js';
import { blankAnswersText } from '../data/records.js';
import type { RunConfig, SftConfig } from '../train/config.js';
import { TrainError } from '../train/errors.js';
import { imitates } from '../train/objective.js';
import { isByModel } from './record-sets.js';
import type { Sources } from './sources.js';

/** Questions looked at, and where looking stops: long documents take time to cut. */
const LOOKED_AT = 64;
const LOOKED_AT_TOKENS = 200_000;

/** Warnings to show; none of them stops the run. */
export async function warnings(
  { train, problems, blanks, warnings: ofRecords }: Sources,
  config: RunConfig | SftConfig,
): Promise<string[]> {
  const found = [...ofRecords];
  if (problems.length > 0) {
    const [{ line, message }] = problems;
    found.push(`${counted(problems.length, 'line')} of the data left out; the first is line ${line}: ${message}`);
  }
  if (blanks.length > 0) found.push(blankAnswersText(blanks));
  if ('topP' in config && config.topP < 1 && !imitates(config.objective)) {
    found.push(
      `topP is ${config.topP}: rollouts are drawn from the likeliest tokens only, but the loss takes probabilities over all tokens, so its gradient is not that of the distribution that wrote them. Set topP to 1.`,
    );
  }
  if (config.warmupSteps >= config.steps) {
    found.push(
      `warmupSteps is ${config.warmupSteps} and steps is ${config.steps}, so the learning rate is still rising at the end. Set warmupSteps lower.`,
    );
  }
  let tokens = 0;
  let looked = 0;
  let short = 0;
  let longest = 0;
  // A model would have to mark every document that is looked at.
  const most = isByModel(config.relevance) ? 0 : Math.min(LOOKED_AT, train.size);
  while (looked < most && tokens < LOOKED_AT_TOKENS) {
    const { chunks } = await train.get(looked++);
    const length = chunks.reduce((sum, { ids }) => sum + ids.length, 0);
    tokens += length;
    if (chunks.length > 1) continue;
    short++;
    longest = Math.max(longest, length);
  }
  if (short > 0) {
    const { chunkTokens } = config.memory;
    const advice = short > looked / 2 ? ` Lower memory.chunkTokens to below ${count(Math.max(1, longest))}.` : '';
    found.push(
      `${short} of the first ${looked} questions have documents that fit into one chunk (up to ${count(longest)} tokens, memory.chunkTokens is ${count(chunkTokens)}): nothing has to be carried from chunk to chunk.${advice}`,
    );
  }
  return found;
}

/** @throws TrainError `no-data` if the task knows no ideal memories, which warm-up learns from. */
export async function checkWarmUp({ train }: Sources): Promise<void> {
  const { idealMemories } = await train.get(0);
  if (idealMemories) return;
  throw new TrainError(
    'no-data',
    'Supervised warm-up learns from ideal memories, which question records do not have. Use a generated task (--data mini), or train with "tamtrl train".',
  );
}
