/** Checks a call of `generate` and lays out the sequences that it requests. */
import type { GenerateOptions, GenerateRequest } from '../api.js';
import { EngineError } from '../errors.js';
import type { ModelConfig } from '../models/config.js';
import { hashSeed, Random } from '../random.js';
import { checkTokens } from '../training/batches.js';
import { readableDraft } from './drafts.js';

/** One continuation in progress. */
export interface Sequence {
  request: number;
  sample: number;
  promptIds: readonly number[];
  maxTokens: number;
  /** The part of the request's draft that is read behind the prompt. */
  draft: readonly number[];
  /** Prompt tokens that are read separately, because others may share them; 0 for none. */
  sharedTokens: number;
  random: Random;
  tokens: number[];
  logProbabilities: number[];
}

/** The options of a call; the caller handles cancellation and finds the weights. */
export type GenerateCall = Omit<GenerateOptions, 'signal' | 'weights'>;

/**
 * Checks a call and lays out its sequences, samples of a prompt next to each other.
 *
 * @param first the number of the first request, if there are others before
 * @throws EngineError 'empty-prompt', 'prompt-too-long', 'token-out-of-vocabulary' or 'invalid-argument', naming the
 *   request or the option.
 */
export function layOutSequences(
  config: ModelConfig,
  requests: readonly GenerateRequest[],
  options: GenerateCall,
  first = 0,
): Sequence[] {
  checkOptions(config, options);
  const stops = new Set(options.stopIds);
  const sequences: Sequence[] = [];
  const seeds = seedsOf(requests, options.seed);
  requests.forEach((request, at) => {
    const index = first + at;
    const { promptIds, samples = 1, maxTokens = options.maxTokens, sharedTokens = 0 } = request;
    checkRequest(config, index, promptIds, samples, maxTokens);
    checkCount(sharedTokens, `Request ${index}: sharedTokens`, 0);
    if (sharedTokens > promptIds.length) {
      throw new EngineError(
        'invalid-argument',
        `Request ${index}: sharedTokens is ${sharedTokens}, but its prompt has ${promptIds.length} tokens.`,
        { expected: `at most ${promptIds.length}`, found: `${sharedTokens}` },
      );
    }
    if (request.draft) checkTokens(config, request.draft, `Request ${index}'s draft`);
    const draft = readableDraft(request.draft ?? [], maxTokens, stops);
    for (let sample = 0; sample < samples; sample++) {
      const random = new Random(hashSeed(seeds[at], sample));
      sequences.push({
        request: index,
        sample,
        promptIds,
        maxTokens,
        draft,
        sharedTokens,
        random,
        tokens: [],
        logProbabilities: [],
      });
    }
  });
  return sequences;
}

/**
 * The seeds of requests in a call with `seed`. A random stream belongs to the prompt, not to its place in the call;
 * equal prompts are numbered.
 */
export function seedsOf(requests: readonly GenerateRequest[], seed = 0): number[] {
  const occurrences = new Map<number, number>();
  return requests.map((request) => {
    if (request.seed !== undefined) return request.seed;
    const prompt = hashSeed(...promptHash(request.promptIds));
    const occurrence = occurrences.get(prompt) ?? 0;
    occurrences.set(prompt, occurrence + 1);
    return hashSeed(seed, prompt, occurrence);
  });
}

function checkRequest(
  config: ModelConfig,
  index: number,
  promptIds: readonly number[],
  samples: number,
  maxTokens: number,
): void {
  if (promptIds.length === 0) {
    throw new EngineError(
      'empty-prompt',
      `Request ${index} has an empty prompt: a model needs at least one token to continue.`,
    );
  }
  checkTokens(config, promptIds, `Request ${index}'s prompt`);
  checkCount(samples, `Request ${index}: samples`, 0);
  checkCount(maxTokens, `Request ${index}: maxTokens`, 1);
  const { contextLength } = config;
  if (promptIds.length + maxTokens > contextLength) {
    throw new EngineError(
      'prompt-too-long',
      `Request ${index} has ${promptIds.length} prompt tokens and up to ${maxTokens} new ones; the model's window holds ` +
        `${contextLength} in all. Shorten the prompt or lower maxTokens.`,
      { expected: `at most ${contextLength} tokens`, found: `${promptIds.length + maxTokens}` },
    );
  }
}

function checkOptions(
  config: ModelConfig,
  { temperature = 1, topP = 1, topK = 0, stopIds = [], maskedIds = [] }: GenerateCall,
): void {
  const refuse = (name: string, expected: string, found: number) => {
    throw new EngineError('invalid-argument', `generate: ${name} must be ${expected}, found ${found}.`, {
      expected,
      found: `${found}`,
    });
  };
  if (!(temperature >= 0 && Number.isFinite(temperature)))
    refuse('temperature', 'a finite number of at least 0', temperature);
  if (!(topP > 0 && topP <= 1)) refuse('topP', 'above 0 and at most 1', topP);
  if (!(Number.isInteger(topK) && topK >= 0)) refuse('topK', 'a whole number of at least 0', topK);
  checkTokens(config, stopIds, 'The list of stop ids');
  checkTokens(config, maskedIds, 'The list of masked ids');
  if (new Set(maskedIds).size >= config.vocabularySize) {
    throw new EngineError('invalid-argument', 'generate: maskedIds masks every token, so there is none to choose.');
  }
}

function checkCount(value: number, name: string, least: number): void {
  if (Number.isInteger(value) && value >= least) return;
  throw new EngineError('invalid-argument', `${name} must be a whole number of at least ${least}, found ${value}.`, {
    expected: `at least ${least}`,
    found: `${value}`,
  });
}

/** A prompt as two numbers, so that hashSeed is not called with thousands of arguments. */
function promptHash(promptIds: readonly number[]): [number, number] {
  let hash = 0;
  for (const id of promptIds) hash = hashSeed(hash, id);
  return [hash, promptIds.length];
}
