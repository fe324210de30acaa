/** Shapes whose sizes are all known. Shapes with symbols are the graph's: see graph/shapes.ts. */

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
