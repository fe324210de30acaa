/** The fixtures that tools/reference/make_engine_fixtures.py made with transformers and PyTorch, for tests. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ForwardBackwardOptions, ForwardBackwardResult, OptimStepOptions, ScoreRow, TrainingRow } from './api.js';
import { SafetensorsFile } from './weights/safetensors.js';

/** Families that have a folder of fixtures. */
export const ARCHITECTURES = readdirSync(referencePath('')).sort();

/** Families whose `layered` plan is among the fast tests; the others' is among the slow ones. */
export const LAYERED_FIRST: readonly string[] = ['llama', 'qwen3'];

export const LAYERED_LATER = ARCHITECTURES.filter((architecture) => !LAYERED_FIRST.includes(architecture));

interface TrainingCase {
  rows: TrainingRow[];
  options: ForwardBackwardOptions;
  loss: number;
  logProbabilities: number[][];
  metrics: Partial<ForwardBackwardResult['metrics']>;
  gradientNorm: number;
  /** Name of the safetensors file. */
  gradients: string;
}

export interface ReferenceCases {
  logits: { ids: number[]; logits: number[][] }[];
  score: {
    rows: ScoreRow[];
    results: { temperature: number; rows: { logProbabilities: number[]; entropies: number[] }[] }[];
  };
  crossEntropy: TrainingCase;
  policyGradient: (TrainingCase & { name: string })[];
  adamw: {
    rows: TrainingRow[];
    options: OptimStepOptions;
    steps: { loss: number; gradientNorm: number }[];
    weights: string;
  };
  greedy: {
    promptIds: number[];
    maxTokens: number;
    stopIds: number[];
    tokens: number[];
    stopReason: 'stop' | 'length';
  }[];
}

export function referencePath(architecture: string, file = ''): string {
  return fileURLToPath(new URL(`../fixtures/reference/${architecture}/${file}`, import.meta.url));
}

export function referenceCases(architecture: string): ReferenceCases {
  return JSON.parse(readFileSync(referencePath(architecture, 'cases.json'), 'utf8')) as ReferenceCases;
}

export function referenceTensors(architecture: string, name: string): Promise<Map<string, Float32Array>> {
  return readTensors(referencePath(architecture, name));
}

export async function readTensors(path: string): Promise<Map<string, Float32Array>> {
  const file = await SafetensorsFile.open(path);
  const tensors = new Map<string, Float32Array>();
  try {
    for (const tensor of file.entries.keys()) tensors.set(tensor, await file.read(tensor));
  } finally {
    await file.close();
  }
  return tensors;
}

/** Largest absolute difference; Infinity where lengths differ or a number is NaN. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i] - b[i]);
    if (Number.isNaN(difference)) return Number.POSITIVE_INFINITY;
    largest = Math.max(largest, difference);
  }
  return largest;
}

/** |a - b| / |b| in the Euclidean norm. */
export function relativeDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < a.length; i++) {
    difference += (a[i] - b[i]) ** 2;
    norm += b[i] ** 2;
  }
  return Math.sqrt(difference / norm);
}
