/** What differs between the layers of one model. Layers of the same kind share their graphs in layered execution. */
import type { ModelConfig } from './config.js';

export interface LayerKind {
  /** The tables that rotate queries and keys: the model's, those of sliding layers, or none. */
  rotary: 'full' | 'sliding' | 'none';
  /** Whether a token attends to the last `slidingWindow.tokens` tokens alone. */
  sliding: boolean;
}

/** @param layer number from 0 */
export function layerKind({ slidingWindow, unrotatedLayers }: ModelConfig, layer: number): LayerKind {
  const sliding = slidingWindow?.layers.includes(layer) ?? false;
  const plain = sliding ? 'sliding' : 'full';
  return { rotary: unrotatedLayers?.includes(layer) ? 'none' : plain, sliding };
}

/** Every n-th of a model's layers, counted from 1: the layers n - 1, 2n - 1, … */
export function everyNth(layers: number, n: number): number[] {
  return Array.from({ length: Math.floor(layers / n) }, (_, i) => (i + 1) * n - 1);
}

/** All other layers. */
export function allBut(layers: number, some: readonly number[]): number[] {
  return [...Array(layers).keys()].filter((layer) => !some.includes(layer));
}
