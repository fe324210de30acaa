/** Where the tokens of a micro-batch stand, as inputs of its graph. */
import type { ModelConfig } from '../models/config.js';
import { orderFeeds, treeFeeds } from '../models/positions.js';
import { int64, type Tensor } from '../runtime/onnx.js';
import type { MicroBatch } from './batches.js';

/** @param blocks number of pieces that attention cuts the queries into */
export function positionFeeds(
  config: ModelConfig,
  { sequences, length, prefixes, trees }: MicroBatch,
  blocks: number,
): Record<string, Tensor> {
  if (trees) return treeFeeds(config, trees.parents, trees.positions, length, blocks);
  const places = range(length);
  if (!prefixes) {
    const positions = Array.from({ length: sequences }, () => places).flat();
    return { positions: int64(positions, [sequences, length]), ...orderFeeds(length, blocks) };
  }
  const { lengths } = prefixes;
  const prefixPlaces = range(prefixes.length);
  const ofPrefixes = lengths.flatMap(() => prefixPlaces);
  const ofSuffixes = lengths.flatMap((start) =>
    Array.from({ length: sequences / lengths.length }, () => places.map((place) => start + place)).flat(),
  );
  return {
    'prefix positions': int64(ofPrefixes, [ofPrefixes.length, 1]),
    'suffix positions': int64(ofSuffixes, [ofSuffixes.length, 1]),
    'prefix lengths': int64(lengths, [lengths.length]),
    'prefix order': int64(prefixPlaces, [prefixes.length]),
    'suffix order': int64(places, [length]),
    ...orderFeeds(prefixes.length, blocks),
  };
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
