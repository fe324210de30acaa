/** Shapes whose sizes are all known. For shapes with symbols, see graph/shapes.ts. */

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
